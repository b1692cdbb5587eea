"""`moodstream live` on a real RTSP server that goes away, and on one that will not have it."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request

import pytest
from support.commands import LIVE, free_port, until
from support.rtsp import RtspServer, lengthen

from moodstream.realtime.cli.entry import main
from moodstream.realtime.outputs.recording.store import STORE
from moodstream.realtime.outputs.recording.store_reader import StoreReader

SECRET = "s3cr3t-Word"


@pytest.fixture
def server(langer, tmp_path):
    with RtspServer(lengthen(langer, 120, tmp_path / "room.mp4"), ("teacher", SECRET)) as server:
        yield server


def test_a_camera_that_goes_and_comes_back(server, tmp_path):
    port = free_port()
    url = server.url.replace("://", f"://teacher:{SECRET}@")
    command = [*LIVE, url, "--models", "embedded", "--serve", str(port), "--read-timeout", "2"]
    command += ["--record", str(tmp_path / "r")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        texts: list[str] = []

        def state():
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/state", timeout=5) as answer:
                texts.append(answer.read().decode())
            return json.loads(texts[-1])["sources"][0]

        until(lambda: state()["people"] == 1 and state()["probs"])
        server.kill()
        until(lambda: state()["status"] == "no signal")
        assert state()["people"] is None
        server.start()
        until(lambda: state()["status"] == "live" and state()["people"] == 1, 30)
        assert state()["reconnects"] >= 1
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 143
    with StoreReader(tmp_path / "r" / STORE) as store:
        (gap,) = store.gaps(0)
        assert gap["end"] > gap["start"]
        assert not [r for r in store.timeline(0) if gap["start"] + 0.2 < r["t"] < gap["end"] - 0.2]
    assert "no signal" in err
    assert "signal is back" in err
    everything = out + err + "".join(texts) + str((tmp_path / "r" / STORE).read_bytes())
    assert SECRET not in everything
    assert "teacher" not in everything


@pytest.mark.parametrize("wrong", ["password", "path"])
def test_what_the_server_refuses_is_one_line_and_one_try(server, capsys, wrong):
    secret = SECRET if wrong == "path" else "not-" + SECRET
    url = server.url.replace("://", f"://teacher:{secret}@")
    url = url.replace("/room", "/cellar") if wrong == "path" else url
    assert main(["live", url, "--models", "embedded", "--headless"]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert SECRET not in error
    assert f"127.0.0.1:{server.port}" in error
    server.kill()
    assert server.clients <= 2


def test_nobody_there_is_given_up(capsys):
    url = f"rtsp://127.0.0.1:{free_port()}/room"
    assert main(["live", url, "--models", "embedded", "--give-up", "1.5"]) == 3
    error = capsys.readouterr().err
    assert "given up after 1.5 s" in error
