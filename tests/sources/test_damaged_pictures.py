"""Pictures of which the decoder had to make up a part are not shown and not analysed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2  # noqa: F401  # isort: skip  (before av)
import av  # isort: skip
import numpy as np
import pytest

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.sources.files import FileSource

N = 60


def noise(n: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(1)
    still = rng.integers(0, 255, (120, 160, 3), np.uint8)
    for k in range(n):
        yield np.roll(still, 2 * k, axis=1)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """MPEG-4 with a key frame every ten pictures, and packets to find in the file."""
    path = tmp_path / "clip.avi"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=25, options={"g": "10", "bf": "0", "qscale": "4"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for image in noise(N):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        out.mux(stream.encode(None))
    return path


def damage(path: Path, which: list[int]) -> None:
    """Overwrite the middle of some pictures of a file."""
    with av.open(str(path)) as container:
        packets = [bytes(p) for p in container.demux(video=0) if p.size]
    data = path.read_bytes()
    for number in which:
        packet = packets[number]
        assert data.count(packet) == 1
        third = len(packet) // 3
        broken = packet[:third] + b"\xff" * third + packet[2 * third :]
        data = data.replace(packet, broken)
    path.write_bytes(data)


def corrupt(path: Path) -> list[bool]:
    with av.open(str(path)) as container:
        return [bool(frame.is_corrupt) for frame in container.decode(video=0)]


def test_a_damaged_picture_is_skipped_as_the_note_says(clip: Path) -> None:
    damage(clip, [20, 33])
    bad = corrupt(clip)
    assert 0 < sum(bad) < 5  # the decoder noticed, and lost no other picture
    with FileSource(clip) as source:
        got = [frame.t for frame in source.frames()]
        notes = list(source.notes)
        want = [k / 25 for k, broken in enumerate(bad) if not broken]
        np.testing.assert_allclose(got, want, atol=1e-6)
        assert notes == [f"{sum(bad)} damaged or mistimed frames were skipped"]
        # nor is it a still: the next whole picture is
        first = bad.index(True)
        still = source.frame_at(first / 25)
        after = next(k for k in range(first, len(bad)) if not bad[k])
        assert still is not None
    with av.open(str(clip)) as container:
        pictures = [f.to_ndarray(format="bgr24") for f in container.decode(video=0)]
    np.testing.assert_array_equal(still, pictures[after])


def test_a_file_may_begin_with_a_damaged_picture(clip: Path) -> None:
    damage(clip, [0])
    assert corrupt(clip)[0]
    with FileSource(clip) as source:
        assert (source.info.width, source.info.height) == (160, 120)
        assert next(source.frames()).t == pytest.approx(1 / 25)


def test_a_whole_file_has_no_note(clip: Path) -> None:
    with FileSource(clip) as source:
        assert len(list(source.frames())) == N
        assert source.notes == []


def test_a_file_of_damaged_pictures_only_is_none(clip: Path) -> None:
    damage(clip, list(range(N)))
    assert all(corrupt(clip))
    with pytest.raises(MoodstreamError, match="not one frame"):
        FileSource(clip)
