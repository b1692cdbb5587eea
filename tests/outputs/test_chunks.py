"""Overlay video in chunks: real time stamps, playable after a kill, and never in the way."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress

from support.waiting import wait_for

import cv2  # noqa: F401  # isort: skip  (before av)
import av  # isort: skip
import numpy as np
import pytest
from support.media import read_frames

from moodstream.realtime.outputs.video_chunks import ChunkedVideo

pytestmark = pytest.mark.usefixtures("no_thread_is_left_over")


def picture(level: int, size: tuple[int, int] = (160, 120)) -> np.ndarray:
    return np.full((size[1], size[0], 3), level, np.uint8)


def offer_all(video: ChunkedVideo, pictures) -> None:
    """As fast as they can be taken."""
    for image, t in pictures:
        wait_for(lambda: not video.is_full or video.problem)
        video.offer(image, t)


def times(path) -> list[float]:
    return [t for t, _ in read_frames(path)]


def times_until_cut(path) -> list[float]:
    """As a player does: up to where a file breaks off."""
    found = []
    with av.open(str(path)) as container, suppress(av.error.InvalidDataError):
        for frame in container.decode(container.streams.video[0]):
            found.append(frame.time)
    return found


def test_chunks_hold_every_picture_at_its_time(tmp_path):
    video = ChunkedVideo(tmp_path, "camera 0", chunk_seconds=1.97)
    # an uneven rate, as cameras have in the dark
    at = np.cumsum([0.04, 0.05, 0.11] * 25) + 7.0
    offer_all(video, [(picture(40 + 2 * k), t) for k, t in enumerate(at)])
    video.close()
    assert (video.dropped, video.problem) == (0, None)
    files = sorted(tmp_path.iterdir())
    assert [f.name for f in files] == [f"camera 0-{k:04d}.mp4" for k in (1, 2, 3)]
    k = 0
    for file in files:
        frames = read_frames(file)
        start = at[k]
        for t, image in frames:
            assert t == pytest.approx(at[k] - start, abs=1e-3)
            assert image.mean() == pytest.approx(40 + 2 * k, abs=6)
            k += 1
        assert frames[-1][0] < 1.97
    assert k == len(at)


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        ([(picture(1), 0.0), (picture(2), 9.9), (picture(3), 20.0)], [2, 1]),
        ([(picture(1), 0.0), (picture(2, (200, 100)), 0.1)], [1, 1]),
        ([(picture(1), 50.0), (picture(2), 50.0), (picture(3), 49.9)], [1]),
        ([(picture(1), 50.0), (picture(2), 3.0)], [1, 1]),
        ([(picture(1, (161, 121)), 0.0), (picture(2, (161, 121)), 0.1)], [2]),
        ([], []),
    ],
    ids=["break", "size", "twice", "clock set back", "odd size", "nothing"],
)
def test_when_a_new_chunk_begins(tmp_path, pictures, expected):
    video = ChunkedVideo(tmp_path, "v")
    offer_all(video, pictures)
    video.close()
    assert video.problem is None
    assert [len(times(file)) for file in sorted(tmp_path.iterdir())] == expected


def test_earlier_chunks_are_never_replaced(tmp_path):
    (tmp_path / "v-0007.mp4").write_text("mine")
    (tmp_path / "vv-0009.mp4").write_text("another's")
    video = ChunkedVideo(tmp_path, "v")
    offer_all(video, [(picture(1), 0.0)])
    video.close()
    assert video.path == tmp_path / "v-0008.mp4"
    assert (tmp_path / "v-0007.mp4").read_text() == "mine"


def test_who_offers_never_waits(tmp_path):
    video = ChunkedVideo(tmp_path, "v")
    image = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    longest = 0.0
    for k in range(100):  # far faster than noise can be encoded
        before = time.monotonic()
        video.offer(image, k / 30)
        longest = max(longest, time.monotonic() - before)
    dropped = video.dropped
    video.close()
    assert longest < 0.5
    assert dropped > 50
    assert dropped + len(times(tmp_path / "v-0001.mp4")) == 100


KILLED = """
import sys, time
from pathlib import Path
import numpy as np
from moodstream.realtime.outputs.video_chunks import ChunkedVideo

video = ChunkedVideo(Path(sys.argv[1]), "v", chunk_seconds=3.0)
for k in range(100_000):
    while video.is_full:
        time.sleep(0.001)
    video.offer(np.full((240, 320, 3), k % 200, np.uint8), k / 30)
    print(k / 30, flush=True)
    time.sleep(0.002)
"""


def test_a_killed_process_leaves_playable_files(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        last = 0.0
        while last < 8.0:
            last = float(process.stdout.readline())
        process.kill()
        last = max([last, *map(float, process.stdout.read().split())])
    files = sorted(tmp_path.iterdir())
    assert len(files) >= 3
    for file in files[:-1]:
        assert times(file) == pytest.approx(np.arange(90) / 30, abs=1e-3)
    shown = 3.0 * (len(files) - 1) + max(times_until_cut(files[-1]), default=0.0)
    assert shown > last - 2.5


LIMITED = """
import resource, sys, time
from pathlib import Path
import numpy as np
from moodstream.realtime.outputs.video_chunks import ChunkedVideo

resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
video = ChunkedVideo(Path(sys.argv[1]), "v")
rng = np.random.default_rng(0)
noise = [rng.integers(0, 255, (240, 320, 3), dtype=np.uint8) for _ in range(20)]
k = 0
deadline = time.monotonic() + 30
while video.problem is None and time.monotonic() < deadline:
    video.offer(noise[k % 20], k / 30)
    k += 1
    time.sleep(0.005)
for _ in range(10):
    video.offer(noise[0], k / 30)
video.close()
print(video.problem)
"""


def test_a_full_disk_ends_the_video_and_not_the_stream(tmp_path):
    pytest.importorskip("resource")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "v-0001.mp4: video cannot be written" in done.stdout
    assert done.stdout.count("\n") == 1
    assert len(times_until_cut(tmp_path / "v-0001.mp4")) > 5


def test_a_folder_that_is_not_there(tmp_path):
    video = ChunkedVideo(tmp_path / "missing", "v")
    video.offer(picture(1), 0.0)
    video.close()
    assert video.problem is not None
    assert "missing" in video.problem
    assert "\n" not in video.problem
