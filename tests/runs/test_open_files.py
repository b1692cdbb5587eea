"""A run leaves no file open and no thread alive, however it ends."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.fakes import OneFace
from support.media import moving_blob, write_video

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import EmotionPredictions, Faces, GroupState
from moodstream.realtime.networks.models import Models
from moodstream.realtime.outputs.recording.writer import TimelineWriter
from moodstream.realtime.outputs.video import VideoWriter
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.offline.pipeline import Progress
from moodstream.realtime.runs.offline.process import OUTPUTS, OfflineRun, ProcessSettings
from moodstream.realtime.sources.files import FileSource

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc")

Open = Callable[[], list[str]]


class Happy:
    """A classifier of one answer."""

    name = "happy"
    classes: tuple[str, ...] = EMOTIONS

    def classify(self, images: Any, boxes: Any) -> EmotionPredictions:
        return EmotionPredictions(
            np.tile(np.eye(7, dtype=np.float32)[3], (sum(map(len, boxes)), 1))
        )


class Breaks(OneFace):
    """A detector that fails at its third picture."""

    asked = 0

    def detect(self, images: Any, min_confidence: float) -> Any:
        self.asked += 1
        if self.asked == 3:
            raise RuntimeError("the network broke")
        return super().detect(images, min_confidence)


class Cancelled(Exception):
    """What the owner of a run raises in its ``tick``."""


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_video(tmp_path / "clip.mp4", moving_blob(60), sound=2.4, sound_codec="ac3")


@pytest.fixture
def models() -> Models:
    return Models(OneFace(), Happy(), {})


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """What lies open below ``tmp_path``; nothing is collected, so that no circle may hold it."""

    def found() -> list[str]:
        paths = []
        for link in Path("/proc/self/fd").iterdir():
            try:
                paths.append(str(link.readlink()))
            except FileNotFoundError:  # that of the listing itself
                continue
        return [path for path in paths if path.startswith(str(tmp_path))]

    gc.collect()
    gc.disable()
    yield found
    gc.enable()


def threads() -> int:
    """Of the process, those of the encoders among them."""
    return len(list(Path("/proc/self/task").iterdir()))


def settled(expected: int) -> bool:
    """Whether the threads come down to so many: the system counts one that ends a little longer."""
    until = time.monotonic() + 30
    while threads() > expected and time.monotonic() < until:
        time.sleep(0.01)
    return threads() <= expected


def cancel(progress: Progress) -> None:
    if progress.frames == 40:
        raise Cancelled


@pytest.fixture
def warm(clip: Path, models: Models, tmp_path: Path) -> None:
    """A run before: libraries keep threads of their own from then on."""
    OfflineRun(clip, tmp_path / "warm", models, ProcessSettings(privacy=Privacy.BLUR)).run()


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("privacy", [Privacy.OFF, Privacy.BLUR])
def test_a_cancelled_run_holds_nothing(
    clip: Path, models: Models, tmp_path: Path, opened: Open, privacy: Privacy
) -> None:
    before = threads()
    kept = []  # by who wants to know what became of it
    for number in range(3):
        run = OfflineRun(clip, tmp_path / f"out-{number}", models, ProcessSettings(privacy=privacy))
        with pytest.raises(Cancelled) as caught:
            run.run(cancel)
        kept.append((run, caught.value))
    assert opened() == []
    assert settled(before)
    assert not list(tmp_path.glob("out-*"))


@pytest.mark.usefixtures("warm")
def test_a_failed_run_holds_nothing(
    clip: Path, models: Models, tmp_path: Path, opened: Open
) -> None:
    before = threads()
    run = OfflineRun(clip, tmp_path / "out", replace(models, detector=Breaks()), ProcessSettings())
    with pytest.raises(RuntimeError, match="network broke"):
        run.run()
    assert opened() == []
    assert settled(before)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("warm")
def test_a_run_that_is_done_holds_nothing(
    clip: Path, models: Models, tmp_path: Path, opened: Open
) -> None:
    before = threads()
    run = OfflineRun(clip, tmp_path / "out", models, ProcessSettings())
    assert run.run()["counts"]["frames"] == 60
    assert opened() == []
    assert settled(before)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(OUTPUTS)


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("when", ["before", "within"])
def test_a_stopped_run_holds_nothing_and_keeps_what_is_done(
    when: str, clip: Path, models: Models, tmp_path: Path, opened: Open
) -> None:
    before = threads()
    run = OfflineRun(clip, tmp_path / "out", models, ProcessSettings())
    if when == "before":
        run.stop()
    summary = run.run(lambda progress: run.stop() if progress.frames == 30 else None)
    assert summary["interrupted"]
    assert summary["counts"]["frames"] == (1 if when == "before" else 30)
    assert opened() == []
    assert settled(before)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(OUTPUTS)


@pytest.mark.parametrize(
    ("module", "breaks"),
    [("runs.offline.process", "write_json"), ("outputs.report.page", "write_report")],
)
def test_what_fails_after_the_frames_leaves_nothing_half_written(
    module: str,
    breaks: str,
    clip: Path,
    models: Models,
    tmp_path: Path,
    opened: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"moodstream.realtime.{module}.{breaks}", full)
    with pytest.raises(MoodstreamError, match="cannot be written"):
        OfflineRun(clip, tmp_path / "out", models, ProcessSettings()).run()
    assert opened() == []
    assert not list((tmp_path / "out").glob("*.part"))


def test_a_folder_that_is_refused_leaves_the_video_closed(
    clip: Path, models: Models, tmp_path: Path, opened: Open
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "summary.json").write_text("{}")
    with pytest.raises(MoodstreamError, match="overwrite=True"):
        OfflineRun(clip, tmp_path / "out", models, ProcessSettings())
    with pytest.raises(MoodstreamError, match="long"):
        FileSource(clip, start=99)
    assert opened() == []


def test_a_source_is_closed_with_its_block(tmp_path: Path, opened: Open) -> None:
    big = moving_blob(10, size=(1920, 1080))  # decoded by threads
    clip = write_video(tmp_path / "big.mp4", big)
    before = threads()
    with FileSource(clip) as source:
        frames = source.frames()
        assert next(frames).t == 0
        assert opened() == [str(clip)]
        assert threads() > before
    assert list(frames) == []  # whoever still holds it holds nothing
    source.close()
    assert opened() == []
    assert settled(before)


@pytest.mark.parametrize("fails", [False, True])
def test_a_video_is_finished_or_discarded_with_its_block(
    fails: bool, clip: Path, tmp_path: Path, opened: Open
) -> None:
    before = threads()
    path = tmp_path / "out.mp4"
    try:
        with VideoWriter(path, (160, 120), None, sound_from=clip) as writer:
            for t, image in moving_blob(40):
                writer.write(image, t)
            if fails:
                raise Cancelled
    except Cancelled:
        pass
    assert path.exists() is not fails
    writer.close()  # again: nothing happens
    writer.discard()
    assert path.exists() is not fails
    assert opened() == []
    assert settled(before)
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("fails", [False, True])
def test_a_timeline_is_finished_or_discarded_with_its_block(
    fails: bool, tmp_path: Path, opened: Open
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    try:
        with TimelineWriter(folder) as rows:
            rows.write(0.0, GroupState(t=0.0, people=0), Faces.none())
            if fails:
                raise Cancelled
    except Cancelled:
        pass
    rows.close()
    rows.discard()
    names = ["events.json", "people.parquet", "timeline.csv", "timeline.parquet"]
    assert sorted(p.name for p in folder.iterdir()) == ([] if fails else names)
    assert opened() == []


def test_a_timeline_that_cannot_be_ended_is_closed_all_the_same(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    def full(self: Any) -> None:
        raise OSError(28, "No space left on device")

    rows = TimelineWriter(tmp_path)
    rows.write(0.0, GroupState(t=0.0, people=0), Faces.none())
    monkeypatch.setattr(pq.ParquetWriter, "close", full)
    with pytest.raises(OSError, match="No space"):
        rows.close()
    assert opened() == []
    assert not list(tmp_path.iterdir())
