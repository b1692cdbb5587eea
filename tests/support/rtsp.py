"""A real RTSP server for the tests: started, killed, frozen and started again."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import cv2  # noqa: F401  # isort: skip  (before av)
import av  # isort: skip

from support.commands import free_port
from support.needs import SYSTEM_PYTHON, require

SCRIPT = Path(__file__).with_name("rtsp_server.py")


def lengthen(path: Path, seconds: float, out: Path) -> Path:
    """The picture track of ``path`` again and again, not encoded anew, for at least ``seconds``."""
    with av.open(str(out), "w") as target:
        offset, stream = 0.0, None
        while offset < seconds:
            with av.open(str(path)) as source:
                video = source.streams.video[0]
                stream = stream or target.add_stream_from_template(video)
                shift = round(offset / video.time_base)
                for packet in source.demux(video):
                    if packet.dts is not None:
                        packet.stream = stream
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        target.mux(packet)
                offset += float(video.duration * video.time_base)
    return out


class RtspServer:
    """``rtsp://127.0.0.1:port/room`` with the pictures of one file."""

    def __init__(self, path: Path, account: tuple[str, str] | None = None) -> None:
        require("rtsp")
        self.path, self.account, self.port = path, account or (), free_port()
        self.url = f"rtsp://127.0.0.1:{self.port}/room"
        self.clients = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self, mount: str = "/room") -> RtspServer:
        """Start it and wait until it listens."""
        command = [SYSTEM_PYTHON, str(SCRIPT), str(self.port), mount, str(self.path), *self.account]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self._process.stdout.readline()
        assert line == "ready\n", line
        return self

    def freeze(self) -> None:
        """It keeps its connections and says nothing any more."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Pull its plug; ``clients`` then tells how many connections it had."""
        if self._process is None:
            return
        self._process.kill()
        self.clients += self._process.stdout.read().count("client\n")
        self._process.stdout.close()
        self._process.wait()
        self._process = None

    def __enter__(self) -> RtspServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()
