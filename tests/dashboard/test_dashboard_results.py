"""What the page shows of results, and what it shows of a live group that is too small."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_type_hints

import pytest
from support.asking import one_face
from support.fakes import MOSTLY_SAD, Finds, Says, models
from support.media import moving_blob, write_video
from support.waiting import wait_for

from moodstream.realtime.dashboard.live_run import LiveTuning, without_small_group
from moodstream.realtime.dashboard.results import FILES, video_results
from moodstream.realtime.dashboard.video_job import Upload, VideoJob
from moodstream.realtime.emotions import EXTRAS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks.models import Models
from moodstream.realtime.outputs.server.schemas import StreamState
from moodstream.realtime.privacy import Privacy
from moodstream.samples.fetch import FetchError


def done(folder: Path, networks: Models, privacy: Privacy = Privacy.OFF) -> VideoJob:
    """A finished job on a short clip."""
    clip = write_video(folder / "clip.mp4", moving_blob(40))
    job = VideoJob(Upload("my clip.mp4", lambda: clip), folder / "out", networks, privacy, TUNING)
    job.start()
    wait_for(lambda: not job.busy)
    return job


TUNING = LiveTuning(window=2.0, smoothing=0.1)


def nobody() -> Models:
    return models(Finds([]), Says(MOSTLY_SAD))


@pytest.mark.parametrize(
    ("networks", "privacy", "charts", "absent"),
    [
        (one_face, Privacy.OFF, {"group", "intervals", "context", "lanes"}, set()),
        (one_face, Privacy.GROUP, {"context"}, {"overlay.mp4", "people.parquet"}),
        (nobody, Privacy.OFF, {"context"}, set()),
    ],
)
def test_results(
    networks: Any,
    privacy: Privacy,
    charts: set[str],
    absent: set[str],
    tmp_path: Path,
) -> None:
    job = done(tmp_path, networks(), privacy)
    assert job.stage == "done", job.problem
    assert not (tmp_path / "clip.mp4").exists()
    results = video_results(job.folder, job.name)
    assert results["name"] == "my clip.mp4"
    assert set(results["charts"]) == charts
    assert results["nobody"] == (networks is nobody)
    assert results["small"]
    assert {file for file, _ in results["files"]} == set(FILES) - absent
    assert all(len(line) == 2 for line in results["lines"])


def test_a_video_that_cannot_be_fetched_is_one_line(tmp_path: Path) -> None:
    def fetch() -> Path:
        raise FetchError("no route\nto host")

    job = VideoJob(Upload("a.mp4", fetch), tmp_path / "out", one_face(), Privacy.OFF, TUNING)
    job.start()
    wait_for(lambda: not job.busy)
    assert issubclass(FetchError, MoodstreamError)
    assert (job.stage, job.problem) == ("failed", "no route to host")


@pytest.mark.parametrize("privacy", Privacy)
@pytest.mark.parametrize(
    ("people", "effective", "enough"),
    [
        (None, None, False),
        (0, 0.0, False),
        (2, 2.0, False),
        (3, 1.5, False),  # hardly more than the figures of one person
        (3, 2.0, True),
        (4, 4.0, True),
    ],
)
def test_a_group_that_is_too_small_has_no_figures(
    privacy: Privacy, people: int | None, effective: float | None, enough: bool
) -> None:
    source: Any = dict.fromkeys(get_type_hints(StreamState), 1.0)
    source |= {"people": people, "effective_people": effective, "status": "live"}
    shown = without_small_group(source, privacy)
    assert shown["people"] == people
    assert shown["status"] == "live"
    if enough or privacy is not Privacy.GROUP:
        assert shown == source
    else:
        hidden = ("probs", "interval", "dominant", "entropy", "entropy_share", "effective_people")
        for name in (*hidden, *EXTRAS):
            assert shown[name] is None, name  # type: ignore[literal-required]
