from __future__ import annotations

import numpy as np
import pytest
from support.media import moving_blob, write_video

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs.video import VideoWriter
from moodstream.realtime.sources.files import FileSource, find_videos, open_container


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", moving_blob(50), sound=2.0)


def times(path, **options):
    source = FileSource(path, **options)
    out = [frame.t for frame in source.frames()]
    source.close()
    return out, source


def test_every_frame_with_its_time(clip):
    got, source = times(clip)
    np.testing.assert_allclose(got, np.arange(50) / 25, atol=1e-4)
    assert (source.info.width, source.info.height, source.info.audio) == (160, 120, True)
    assert float(source.info.fps) == pytest.approx(25)
    assert source.info.duration == pytest.approx(2.0, abs=0.05)
    assert source.notes == []
    assert source.stopped_at is None


def test_variable_frame_rate_keeps_presentation_times(tmp_path):
    want = np.cumsum(np.r_[0, np.random.default_rng(3).uniform(0.01, 0.4, 30)])
    path = write_video(
        tmp_path / "vfr.mp4", [(t, im) for t, (_, im) in zip(want, moving_blob(31), strict=True)]
    )
    got, _ = times(path)
    np.testing.assert_allclose(got, want, atol=1e-3)


def test_start_and_end_are_exact(clip):
    got, _ = times(clip, start=0.5, end=1.0)
    np.testing.assert_allclose(got, np.arange(13, 25) / 25, atol=1e-4)
    with pytest.raises(MoodstreamError, match="long"):
        FileSource(clip, start=99)


def test_frame_at(clip):
    source = FileSource(clip)
    first, later = source.frame_at(0.0), source.frame_at(1.2)
    assert first.shape == later.shape == (120, 160, 3)
    assert np.abs(first.astype(int) - later).max() > 50
    assert source.frame_at(50.0) is None


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("text.mp4", b"this is not a video\n" * 50, "not a video"),
        ("empty.mp4", b"", "empty"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n", "not a video|playlist"),
        ("concat.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n", "not a video|playlist"),
    ],
)
def test_what_is_no_video_is_one_line(tmp_path, name, content, expected):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MoodstreamError, match=expected) as caught:
        open_container(path)
    assert "\n" not in str(caught.value)


def test_pictures_folders_and_sound_are_no_video(tmp_path, footage):
    with pytest.raises(MoodstreamError, match="picture"):
        open_container(footage["multi_face.jpg"])
    with pytest.raises(MoodstreamError, match="folder"):
        open_container(tmp_path)
    with pytest.raises(MoodstreamError, match="no such file"):
        open_container(tmp_path / "missing.mp4")


def test_a_file_without_its_index_says_so(clip, tmp_path):
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    with pytest.raises(MoodstreamError, match=r"index|cut off"):
        FileSource(cut)


def test_a_truncated_file_is_read_as_far_as_it_goes(tmp_path):
    whole = write_video(tmp_path / "whole.mp4", moving_blob(100), movflags="+faststart")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.6)])
    got, source = times(cut)
    assert 20 < len(got) < 90
    assert source.stopped_at == pytest.approx(got[-1])
    assert "cut off" in source.notes[0]


def test_damage_in_the_middle_does_not_end_the_reading(tmp_path):
    path = write_video(tmp_path / "whole.mp4", moving_blob(100), movflags="+faststart")
    data = bytearray(path.read_bytes())
    middle = int(len(data) * 0.5)
    data[middle : middle + 300] = bytes(300)
    path.write_bytes(bytes(data))
    got, _ = times(path)
    assert got == sorted(got)
    assert got[-1] > 3.5


def test_find_videos(tmp_path, clip):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(MoodstreamError, match="no video files"):
        find_videos([tmp_path])
    for name in ("b.mp4", "a.MOV"):
        (tmp_path / name).write_bytes(b"x")
    assert [p.name for p in find_videos([tmp_path, clip, clip])] == ["a.MOV", "b.mp4", "clip.mp4"]
    with pytest.raises(MoodstreamError, match="no such file"):
        find_videos([tmp_path / "zzz.mp4"])


@pytest.mark.parametrize("codec", ["aac", "ac3"])
def test_video_writer_keeps_timing_and_sound(tmp_path, codec):
    import av

    source = write_video(tmp_path / "in.mp4", moving_blob(50), sound=2.0, sound_codec=codec)
    want = [t for t, _ in moving_blob(50) if int(t * 25) % 3 != 1]
    writer = VideoWriter(tmp_path / "out.mp4", (160, 120), None, sound_from=source)
    for (t, image), _ in zip(moving_blob(50), range(50), strict=True):
        if t in want:
            writer.write(image, t)
    assert not (tmp_path / "out.mp4").exists()
    writer.close()
    assert writer.notes == []
    with av.open(str(tmp_path / "out.mp4")) as out:
        assert out.streams.video[0].codec_context.name == "h264"
        assert out.streams.video[0].codec_context.pix_fmt == "yuv420p"
        assert out.streams.audio[0].codec_context.name == "aac"
        got = [float(f.time) for f in out.decode(out.streams.video[0])]
    np.testing.assert_allclose(got, want, atol=1e-3)
    with av.open(str(tmp_path / "out.mp4")) as out:
        heard = [f.samples for f in out.decode(out.streams.audio[0])]
    assert sum(heard) / 44_100 == pytest.approx(2.0, abs=0.15)


def test_video_writer_cuts_the_sound_with_the_picture(tmp_path):
    import av

    source = write_video(tmp_path / "in.mp4", moving_blob(100), sound=4.0)
    writer = VideoWriter(tmp_path / "out.mp4", (160, 120), None, source, start=1.0, end=2.0)
    for t, image in moving_blob(100):
        if 1.0 <= t < 2.0:
            writer.write(image, t)
    writer.close()
    with av.open(str(tmp_path / "out.mp4")) as out:
        assert out.duration / 1e6 == pytest.approx(1.0, abs=0.12)
