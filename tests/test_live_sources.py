"""Cameras, addresses and paced files: opening, reading, refusing, and giving up in time."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import moving_blob, write_video

from moodstream.realtime.capture import Capture, CaptureSettings
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.live_sources import (
    Control,
    EndOfSource,
    OpenSettings,
    SourceGone,
    SourceRefused,
    SourceSpec,
    open_reader,
    parse_source,
)
from moodstream.realtime.network import CatchUp, Pace

QUICK = OpenSettings(open_timeout=1.0, read_timeout=1.0)
PATIENT = OpenSettings(open_timeout=60.0, read_timeout=60.0)
SOON = 10.0  # seconds within which something short must have happened on a busy machine


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", moving_blob(50))


def opened(text, settings=QUICK, control=None):
    return open_reader(parse_source(str(text)), settings, control or Control())


def read(reader, n):
    got = [reader.read() for _ in range(n)]
    reader.close()
    return [image for image, _ in got], [t for _, t in got]


def read_on(reader, at=None):
    """Read until it raises; ``at`` takes the time of each picture."""
    while True:
        reader.read()
        if at is not None:
            at.append(time.monotonic())


# --- naming ---


@pytest.mark.parametrize(
    ("text", "kind", "address", "name"),
    [
        ("0", "camera", 0, "camera 0"),
        ("/dev/video3", "camera", "/dev/video3", "/dev/video3"),
        ("rtsp://cam:554/ch1", "network", "rtsp://cam:554/ch1", "rtsp://cam:554/ch1"),
        ("RTSP://me:pw@cam/ch1?a=b", "network", "rtsp://me:pw@cam/ch1?a=b", "rtsp://cam/ch1"),
        ("rtsp://me:p@x/y@cam/a", "network", "rtsp://me:p@x/y@cam/a", "rtsp://cam/a"),
        ("rtsp://me:p/x@cam/a", "network", "rtsp://me:p%2Fx@cam/a", "rtsp://cam/a"),
        ("rtsp://me:p@x@cam/a", "network", "rtsp://me:p%40x@cam/a", "rtsp://cam/a"),
        ("rtsp://me:5%@cam/a", "network", "rtsp://me:5%25@cam/a", "rtsp://cam/a"),
        ("rtsp://me:p%40x@cam/a", "network", "rtsp://me:p%40x@cam/a", "rtsp://cam/a"),
        ("http://[fe80::1]:80/v?pw=s", "network", "http://[fe80::1]:80/v?pw=s", None),
    ],
)
def test_what_a_name_stands_for(text, kind, address, name):
    spec = parse_source(text)
    assert (spec.kind, spec.address, spec.name) == (kind, address, name or "http://[fe80::1]:80/v")
    assert "pw" not in repr(spec)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nothing.mp4", "nothing.mp4: no such file, camera or address"),
        (".", "is a folder"),
        ("ftp://me:secret@cam/x", "^ftp: unknown kind of address"),
        ("rtsp://", "no host"),
        ("rtsp://me:secret@/x", "no host"),
        ("me:secret@cam/x", "no such file"),
    ],
)
def test_bad_names_get_one_line(text, says):
    with pytest.raises(MoodstreamError, match=says) as caught:
        parse_source(text)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [{"open_timeout": 0}, {"speed": -1}, {"transport": "pigeon"}])
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        OpenSettings(**bad)


# --- files ---


def test_a_file_keeps_its_own_pace(clip):
    reader = opened(clip, OpenSettings(speed=4.0))
    begin = time.monotonic()
    times = []
    for _ in range(50):
        times.append(reader.read()[1])
        assert time.monotonic() >= begin + times[-1] / 4 - 0.02  # never ahead
    with pytest.raises(EndOfSource):
        reader.read()
    reader.close()
    np.testing.assert_allclose(times, np.arange(50) / 25, atol=1e-4)


def test_a_looped_file_goes_on_in_time(clip):
    _, times = read(opened(clip, OpenSettings(loop=True, speed=20.0)), 160)
    np.testing.assert_allclose(times, np.arange(160) / 25, atol=1e-3)


def test_waiting_for_a_picture_ends_when_stopped(clip):
    control = Control()
    reader = opened(clip, OpenSettings(speed=1e-3), control)
    reader.read()
    threading.Timer(0.2, control.stop).start()
    begin = time.monotonic()
    with pytest.raises(SourceGone):
        reader.read()  # due in 40 s
    assert time.monotonic() - begin < SOON
    reader.close()


def test_who_waits_gives_signs_of_life():
    control = Control()
    control.expect(0.05)
    worst = []
    thread = threading.Thread(target=control.wait, args=(1.2,))
    thread.start()
    time.sleep(0.2)
    while thread.is_alive():
        worst.append(control.overdue())
        time.sleep(0.01)
    assert max(worst[:-30]) < 0.3


def test_what_is_no_video_is_refused(tmp_path):
    path = tmp_path / "x.mp4"
    path.write_text("hello")
    with pytest.raises(SourceRefused, match="not a video"):
        opened(path)


# --- cameras ---


class StandIn:
    """As much of cv2.VideoCapture as a camera needs; gives ``n`` pictures, then none."""

    n, opens, released = 5, True, 0

    def __init__(self, address, api):
        pass

    def isOpened(self):
        return self.opens

    def read(self):
        type(self).n -= 1
        return (True, np.full((48, 64, 3), 7, np.uint8)) if self.n >= 0 else (False, None)

    def get(self, what):
        mjpg = int.from_bytes(b"MJPG", "little")
        return {cv2.CAP_PROP_FPS: 30.0, cv2.CAP_PROP_FOURCC: float(mjpg)}.get(what, 0.0)

    def set(self, what, value):
        return True

    def release(self):
        type(self).released += 1


@pytest.fixture
def camera(tmp_path, monkeypatch):
    device = tmp_path / "video9"
    device.touch()
    kind = type("Camera", (StandIn,), {})
    monkeypatch.setattr(cv2, "VideoCapture", kind)
    return kind, SourceSpec("camera", str(device), "camera 9")


def test_a_camera_until_it_is_unplugged(camera):
    kind, spec = camera
    reader = open_reader(spec, QUICK, Control())
    assert (reader.info.width, reader.info.height, reader.info.fps) == (64, 48, 30)
    assert (reader.info.name, reader.info.codec) == ("camera 9", "mjpg")
    for _ in range(5):
        image, t = reader.read()
        assert image.shape == (48, 64, 3)
        assert t is None
    with pytest.raises(SourceGone, match="camera 9: gives no pictures"):
        reader.read()
    assert kind.released


def test_one_missed_picture_is_no_loss(camera, monkeypatch):
    kind, spec = camera
    good, answers = kind.read, iter([True, False, False, True, True])
    monkeypatch.setattr(kind, "read", lambda s: good(s) if next(answers) else (False, None))
    reader = open_reader(spec, QUICK, Control())
    assert len(read(reader, 3)[0]) == 3


def test_a_camera_that_hangs_is_opened_again(camera, monkeypatch):
    kind, spec = camera
    kind.n, good, hang = 10**6, kind.read, threading.Event()

    def read(self):
        if kind.n == 10**6 - 3:
            kind.n -= 1
            hang.wait(60)
        return good(self)

    monkeypatch.setattr(kind, "read", read)
    settings = CaptureSettings(open_timeout=0.5, read_timeout=0.2, hang_grace=0.2)
    capture = Capture(spec, settings)
    capture.start()
    end = time.monotonic() + SOON
    while not capture.state().reconnects and time.monotonic() < end:
        capture.check()
        time.sleep(0.02)
    state = capture.state()
    assert (state.status, state.reconnects) == ("live", 1)
    hang.set()
    assert capture.stop(SOON)
    assert kind.released == 2  # the one that hung let go of its camera, too


@pytest.mark.parametrize("address", [97, "/dev/video97"])
def test_a_camera_that_is_not_there(address, capfd):
    with pytest.raises(SourceRefused, match="no such camera"):
        opened(address)
    assert capfd.readouterr() == ("", "")


def test_a_device_that_is_no_camera(tmp_path, capfd):
    device = tmp_path / "video9"
    device.touch()
    with pytest.raises(SourceRefused, match="cannot be opened"):
        open_reader(SourceSpec("camera", str(device), "camera 9"), QUICK, Control())
    assert capfd.readouterr() == ("", "")


# --- the network ---


def jpegs(sizes):
    for k, (w, h) in enumerate(sizes):
        data = cv2.imencode(".jpg", np.full((h, w, 3), 10 * k % 256, np.uint8))[1].tobytes()
        head = f"--x\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        yield head.encode() + data + b"\r\n"


class Web(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, MJPEG, refusals and nonsense."""

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
            time.sleep(0.02)
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
            time.sleep(0.05)

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
    handler = type("Handler", (Web,), {"directory": str(folder)})
    handler.__init__ = lambda self, *a, **k: Web.__init__(self, *a, directory=str(folder), **k)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.done, server.begin, server.paths = threading.Event(), time.monotonic(), []
    server.rng = np.random.default_rng(3)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}"
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
    with pytest.raises(SourceGone):
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
    at = []
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
    with pytest.raises(EndOfSource):
        read_on(reader)
    reader.close()


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("401", "password is wrong or missing"),
        ("403", "forbidden"),
        ("404", "no such stream"),
        ("page", "not a video"),
        ("picture", "a picture, not a stream"),
        ("evil.m3u8", "not a video"),
    ],
)
def test_what_will_not_work_is_refused_in_one_line(web, path, says):
    url = web.url.replace("//", "//me:Zq7w@") + f"/{path}?token=Xw9t"
    with pytest.raises(SourceRefused, match=says) as caught:
        opened(url)
    shown = str(caught.value)
    assert "Zq7w" not in shown
    assert "Xw9t" not in shown
    assert shown.startswith(f"{web.url}/{path}: ")
    assert caught.value.denied == (path in ("401", "403"))


def test_a_server_in_trouble_may_recover(web):
    with pytest.raises(SourceGone, match="5XX"):
        opened(f"{web.url}/503")


@pytest.mark.parametrize("scheme", ["rtsp", "http", "rtmp"])
def test_nobody_there_may_come_back(scheme):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))  # bound but not listening: nobody else can take it
        with pytest.raises(SourceGone):
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
        with pytest.raises(SourceGone, match="no pictures within 1 s"):
            opened(f"{scheme}://{host}/x")
        assert 0.9 < time.monotonic() - begin < 3.0


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_silent_server_does_not_hold_up_the_end(scheme):
    control = Control()
    with silent_server() as host:
        threading.Timer(0.3, control.stop).start()
        begin = time.monotonic()
        with pytest.raises(SourceGone, match="stopped"):
            opened(f"{scheme}://{host}/x", PATIENT, control)
        assert time.monotonic() - begin < SOON


def test_a_stall_in_mid_stream_is_noticed_in_time(web):
    reader = opened(f"{web.url}/mjpeg-stalls")
    at = []
    with pytest.raises(SourceGone, match="no pictures within 1 s"):
        read_on(reader, at)
    assert 0.9 < time.monotonic() - at[-1] < 3.0
    reader.close()


def test_a_stall_in_mid_stream_does_not_hold_up_the_end(web):
    control = Control()
    reader = opened(f"{web.url}/mjpeg-stalls", PATIENT, control)
    threading.Timer(1.0, control.stop).start()
    begin = time.monotonic()
    with pytest.raises(SourceGone, match="stopped"):
        read_on(reader)
    assert time.monotonic() - begin < SOON
    reader.close()


# --- the rules of time ---


def play(rule, arrivals, fps=25.0, gop=50):
    """Which of the packets that arrive at these times are left out."""
    return [rule.skip(t, k / fps, k % gop == 0) for k, t in enumerate(arrivals)]


def test_a_stream_in_time_is_decoded_whole():
    jitter = np.random.default_rng(1).uniform(0, 0.3, 5000)
    assert not any(play(CatchUp(1.0), np.arange(5000) / 25 + jitter))


def test_a_slow_clock_is_no_backlog():
    assert not any(play(CatchUp(1.0), np.arange(250_000) / 25 * 1.0005))  # 5 s late in the end


def test_a_first_burst_is_no_backlog():
    at = np.maximum(np.arange(500) / 25 - 2.0, 0.0)  # two seconds at once, then live
    assert not any(play(CatchUp(1.0), at))


def test_falling_behind_leaves_out_all_but_key_frames_until_it_has_caught_up():
    """Decoding takes 60 ms of a 40 ms frame; leaving a packet out takes 1 ms."""
    rule, now, skipped, lag = CatchUp(1.0), 0.0, [], []
    for k in range(3000):
        now = max(now, k / 25)
        lag.append(now - k / 25)
        skipped.append(rule.skip(now, k / 25, k % 50 == 0))
        now += 0.001 if skipped[-1] else 0.06
    assert max(lag) < 1.2
    assert not any(skipped[::50])  # never a key frame
    runs = np.flatnonzero(np.diff(skipped, prepend=False) & ~np.array(skipped))
    assert all(run % 50 == 0 for run in runs)  # and it goes on only with one
    assert 0.2 < np.mean(skipped) < 0.8


def test_what_never_catches_up_is_taken_as_it_is():
    """A pause of the source that its time stamps leave out is not a backlog that could shrink."""
    at = np.arange(2000) / 25 + np.where(np.arange(2000) > 300, 4.0, 0.0)
    skipped = play(CatchUp(1.0), at)
    assert any(skipped[300:560])
    assert not any(skipped[620:])


@pytest.mark.parametrize("leap", [-500.0, 500.0])
def test_new_time_stamps_start_anew(leap):
    rule = CatchUp(1.0)
    for k in range(2000):
        media = k / 25 + (leap if k > 1000 else 0.0)
        assert not rule.skip(k / 25, media, False)


def test_bursts_are_spread():
    pace, now = Pace(), 100.0
    for k in range(250):  # a burst a second
        now = max(now, 100.0 + k // 25)
        now += pace.wait(now, 7.0 + k / 25)
        assert now == pytest.approx(100.0 + k / 25, abs=1e-6)
    assert pace.wait(now + 3.0, 17.0) == 0.0  # three seconds late: from here on
    assert pace.wait(now + 3.0, 17.04) == pytest.approx(0.04)
    assert pace.wait(now + 3.0, 900.0) == pytest.approx(0.0)  # new time stamps
