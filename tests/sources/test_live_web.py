"""Live sources on the network: streams, stalls, silence, and the rules of their time."""

from __future__ import annotations

import functools
import http.server
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.media import moving_blob, write_video
from support.sources import PATIENT, opened, read, read_on
from support.waiting import SOON

from moodstream.realtime.errors import EndOfSourceError, SourceGoneError, SourceRefusedError
from moodstream.realtime.sources.base import OpenSettings, ReaderWatchdog

# --- the network ---


def jpegs(sizes):
    for k, (w, h) in enumerate(sizes):
        data = cv2.imencode(".jpg", np.full((h, w, 3), 10 * k % 256, np.uint8))[1].tobytes()
        head = f"--x\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        yield head.encode() + data + b"\r\n"


class WebServer(http.server.ThreadingHTTPServer):
    """Counts what it is asked for, and paces what it sends by its own clock."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), functools.partial(Web, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.done, self.begin = threading.Event(), time.monotonic()
        self.paths: list[str] = []
        self.rng = np.random.default_rng(3)


class Web(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, MJPEG, refusals and nonsense."""

    server: WebServer

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.paths.append(self.path)
        path = self.path.split("?")[0].strip("/")
        if path in ("401", "403", "404", "503"):
            self.send_response(int(path))
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif path == "page":
            self.answer(b"<html>" + b"hello " * 200, "text/html")
        elif path == "picture":
            self.answer(cv2.imencode(".png", np.zeros((48, 64, 3), np.uint8))[1], "image/png")
        elif path.startswith("mjpeg"):
            self.mjpeg(path)
        elif path == "joined":
            self.joined()
        elif path == "live.m3u8":
            self.live()
        else:
            super().do_GET()

    def answer(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(bytes(body))

    def mjpeg(self, path):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=x")
        self.end_headers()
        sizes = [(64, 48)] * 8 + [(128, 96) if path == "mjpeg-grows" else (64, 48)] * 8
        for part in jpegs(sizes):
            if path == "mjpeg-damaged" and self.server.rng.random() < 0.3:
                at = len(part) // 2
                part = part[:at] + bytes(part[at] ^ 255 for _ in part[at:-8]) + part[-8:]
            self.wfile.write(part)
            self.server.done.wait(0.02)
        if path == "mjpeg-stalls":
            self.server.done.wait(30)

    def joined(self):
        """A transport stream, in its time, from half a second after a key frame on."""
        self.send_response(200)
        self.send_header("Content-Type", "video/mp2t")
        self.end_headers()
        data = Path(self.directory, "joined.ts").read_bytes()
        for start in range(0, len(data), len(data) // 100):
            self.wfile.write(data[start : start + len(data) // 100])
            self.server.done.wait(0.05)

    def live(self):
        """The last segments of a playlist, of which one more appears every second."""
        folder = Path(self.directory)
        names = sorted(folder.glob("seg*.ts"))
        first = max(0, min(int(time.monotonic() - self.server.begin), len(names) - 4))
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1"]
        lines.append(f"#EXT-X-MEDIA-SEQUENCE:{first}")
        for name in names[first : first + 4]:
            lines += ["#EXTINF:1.0,", name.name]
        self.answer("\n".join([*lines, ""]).encode(), "application/vnd.apple.mpegurl")


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    folder = tmp_path_factory.mktemp("web")
    make_hls(folder, moving_blob(350))
    write_video(folder / "short.mp4", moving_blob(25), movflags="faststart")
    make_joined(folder / "whole.m3u8", folder / "joined.ts")
    evil = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1.0,", f"file://{folder}/seg000.ts"]
    (folder / "evil.m3u8").write_text("\n".join([*evil, "#EXT-X-ENDLIST", ""]))
    server = WebServer(folder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.done.set()
    server.shutdown()
    thread.join()
    server.server_close()


def make_hls(folder, pictures):
    import av

    options = {
        "hls_time": "1",
        "hls_list_size": "0",
        "hls_segment_filename": f"{folder}/seg%03d.ts",
    }
    with av.open(str(folder / "whole.m3u8"), "w", format="hls", options=options) as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast", "g": "25"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _, image in pictures:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        out.mux(stream.encode(None))


def make_joined(playlist, out):
    """Five seconds with their only key frames after three and four."""
    import av

    with av.open(str(playlist)) as source, av.open(str(out), "w", format="mpegts") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for k, packet in enumerate(source.demux(video=0)):
            if packet.dts is not None and k < 137 and (k > 87 or not packet.is_keyframe):
                packet.stream = stream
                target.mux(packet)


def test_a_key_frame_that_is_late_is_waited_for(web):
    """Who joins a stream between key frames sees packets, but no picture for seconds."""
    begin = time.monotonic()
    reader = opened(f"{web.url}/joined", OpenSettings(read_timeout=1.0))
    assert time.monotonic() - begin > 2.0
    image, _ = reader.read()
    assert (image.shape, image.max() > 150) == ((120, 160, 3), True)
    reader.close()


def test_mjpeg_over_http(web):
    reader = opened(f"{web.url}/mjpeg")
    assert (reader.info.width, reader.info.height, reader.info.fps) == (64, 48, None)
    images, times = read(reader, 12)
    assert {image.shape for image in images} == {(48, 64, 3)}
    assert set(times) == {None}  # MJPEG has none, and FFmpeg's are made up


def test_the_end_of_a_live_stream_is_a_loss(web):
    reader = opened(f"{web.url}/mjpeg")
    with pytest.raises(SourceGoneError):
        read_on(reader)
    reader.close()


def test_a_stream_that_changes_its_size_keeps_the_first(web):
    images, _ = read(opened(f"{web.url}/mjpeg-grows"), 14)
    assert {image.shape for image in images} == {(48, 64, 3)}


def test_damaged_pictures_are_not_fatal(web):
    assert len(read(opened(f"{web.url}/mjpeg-damaged"), 6)[0]) == 6


def test_live_hls_flows_evenly(web):
    """Segments come in bursts of a second; pictures must not."""
    web.begin = time.monotonic()
    reader = opened(f"{web.url}/live.m3u8", OpenSettings())
    assert reader.info.duration is None
    at: list[float] = []
    for _ in range(75):
        reader.read()
        at.append(time.monotonic())
    reader.close()
    assert 2.5 < at[-1] - at[0] < SOON  # 74 pictures at 25 a second
    assert np.diff(at).max() < 0.9


@pytest.mark.parametrize("name", ["short.mp4", "whole.m3u8"])
def test_a_recording_on_the_web_is_paced(web, name):
    reader = opened(f"{web.url}/{name}", OpenSettings())
    assert reader.info.duration == pytest.approx(1.0 if name == "short.mp4" else 14.0, abs=0.1)
    begin = time.monotonic()
    _, times = read(reader, 25)
    assert times[-1] == pytest.approx(0.96, abs=0.01)
    assert time.monotonic() - begin > 0.9


def test_a_recording_on_the_web_ends(web):
    reader = opened(f"{web.url}/short.mp4", OpenSettings())
    with pytest.raises(EndOfSourceError):
        read_on(reader)
    reader.close()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("401", "password is wrong or missing"),
        ("403", "forbidden"),
        ("404", "no such stream"),
        ("page", "not a video"),
        ("picture", "a picture, not a stream"),
        ("evil.m3u8", "not a video"),
    ],
)
def test_what_will_not_work_is_refused_in_one_line(web, path, expected):
    url = web.url.replace("//", "//me:Zq7w@") + f"/{path}?token=Xw9t"
    with pytest.raises(SourceRefusedError, match=expected) as caught:
        opened(url, PATIENT)
    shown = str(caught.value)
    assert "Zq7w" not in shown
    assert "Xw9t" not in shown
    assert shown.startswith(f"{web.url}/{path}: ")
    assert caught.value.denied == (path in ("401", "403"))


def test_a_server_in_trouble_may_recover(web):
    with pytest.raises(SourceGoneError, match="5XX"):
        opened(f"{web.url}/503")


@pytest.mark.parametrize("scheme", ["rtsp", "http", "rtmp"])
def test_nobody_there_may_come_back(scheme):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))  # bound but not listening: nobody else can take it
        with pytest.raises(SourceGoneError):
            opened(f"{scheme}://me:pw@127.0.0.1:{sock.getsockname()[1]}/x")


@contextmanager
def silent_server():
    """Accepts connections and sends nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=8) as sock:
        yield f"127.0.0.1:{sock.getsockname()[1]}"


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_server_that_says_nothing_is_noticed_in_time(scheme):
    with silent_server() as host:
        begin = time.monotonic()
        with pytest.raises(SourceGoneError, match="no pictures within 1 s"):
            opened(f"{scheme}://{host}/x")
        assert 0.9 < time.monotonic() - begin < SOON


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_silent_server_does_not_hold_up_the_end(scheme):
    control = ReaderWatchdog()
    with silent_server() as host:
        threading.Timer(0.3, control.stop).start()
        begin = time.monotonic()
        with pytest.raises(SourceGoneError, match="stopped"):
            opened(f"{scheme}://{host}/x", PATIENT, control)
        assert time.monotonic() - begin < SOON


def test_a_stall_in_mid_stream_is_noticed_in_time(web):
    reader = opened(f"{web.url}/mjpeg-stalls")
    at: list[float] = []
    with pytest.raises(SourceGoneError, match="no pictures within 1 s"):
        read_on(reader, at)
    assert 0.9 < time.monotonic() - at[-1] < SOON
    reader.close()


def test_a_stall_in_mid_stream_does_not_hold_up_the_end(web):
    control = ReaderWatchdog()
    reader = opened(f"{web.url}/mjpeg-stalls", PATIENT, control)
    threading.Timer(1.0, control.stop).start()
    begin = time.monotonic()
    with pytest.raises(SourceGoneError, match="stopped"):
        read_on(reader)
    assert time.monotonic() - begin < SOON
    reader.close()
