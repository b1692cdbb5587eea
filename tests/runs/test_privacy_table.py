"""Every privacy mode × every way to see people: what is shown, what is recorded, what is said.

The camera shows grey noise, so that any colour in an overlay is a box or a name, and what is left
of the noise tells whether a face is hidden.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from support.fakes import HAPPY, Finds, Says, models_of, noise
from support.live_stage import (
    BLACK,
    CAMERA,
    HandedFrames,
    LiveStage,
    Now,
    camera_part,
    handed,
    is_empty,
    turn,
)
from support.media import read_frames, write_video
from support.photo_runs import run as run_photos

import moodstream
from moodstream.pipelines import Pipeline
from moodstream.realtime.dashboard.live_run import LiveRun, LiveTuning
from moodstream.realtime.dashboard.photo import photo_of
from moodstream.realtime.networks.models import Models
from moodstream.realtime.outputs.folders import read_json
from moodstream.realtime.privacy import Privacy

OFF, BLUR, GROUP = Privacy.OFF, Privacy.BLUR, Privacy.GROUP
# the first one is where no line of text lies over it
BOXES = [(10, 60, 40, 90), (60, 60, 90, 90), (10, 10, 40, 40), (60, 10, 90, 40)]
NOISE = noise()
NEARLY_BLACK = BLACK + 3
SITUATIONS = ("people", "camera lost", "black", "paused")
CROWDS = (1, 4)


class Shown(NamedTuple):
    """What a picture shows: what of the camera, whether faces are hidden, whether boxes drawn."""

    camera: str  # "new", "old": grey and half as bright, "black", "empty": nothing of the camera
    hidden: bool | None = None
    boxes: bool = False


SHOWN = {
    (OFF, "people"): Shown("new", hidden=False, boxes=True),
    (BLUR, "people"): Shown("new", hidden=True, boxes=True),
    (GROUP, "people"): Shown("new", hidden=True, boxes=False),
    (OFF, "camera lost"): Shown("old", hidden=False, boxes=True),
    (BLUR, "camera lost"): Shown("old", hidden=True, boxes=True),
    (GROUP, "camera lost"): Shown("old", hidden=True, boxes=False),
    (OFF, "paused"): Shown("old", hidden=False, boxes=True),
    (BLUR, "paused"): Shown("old", hidden=True, boxes=True),
    (GROUP, "paused"): Shown("old", hidden=True, boxes=False),
    (OFF, "black"): Shown("black"),
    (BLUR, "black"): Shown("empty"),  # nobody looked for faces in what a black picture shows
    (GROUP, "black"): Shown("empty"),
}

# status, whether people are counted, detail
SAID = {
    "people": ("live", True, None),
    "camera lost": ("no signal", False, "unplugged"),
    "black": ("no signal", False, "black picture"),
    "paused": ("paused", False, None),
}

# which mode keeps figures of how many people
HAS_DISTRIBUTION = {
    (OFF, 1): True,
    (OFF, 4): True,
    (BLUR, 1): True,
    (BLUR, 4): True,
    (GROUP, 1): False,
    (GROUP, 4): True,
}

SWITCHES = [(OFF, BLUR), (OFF, GROUP), (BLUR, GROUP)]

on_live = pytest.mark.parametrize("crowd", CROWDS)
in_situations = pytest.mark.parametrize("situation", SITUATIONS)
in_modes = pytest.mark.parametrize("mode", list(Privacy))


def networks(crowd: int) -> Models:
    return Models(Finds(BOXES[:crowd]), Says(HAPPY), {})


def seen(picture: np.ndarray) -> Shown:
    """What a live picture shows of the camera, whose pictures are enlarged three times."""
    camera = camera_part(picture)
    if is_empty(picture):
        return Shown("empty")
    if camera[100:340].max() < 30:
        return Shown("black")
    return _seen(camera, 3.0)


def _seen(camera: np.ndarray, scale: float) -> Shown:
    # no box lies there, nor is a face hidden
    free = camera[round(60 * scale) :, round(110 * scale) :].astype(float)
    is_old = free.mean() < 0.75 * NOISE.mean()
    x1, y1, x2, y2 = (round(scale * v) for v in BOXES[0])
    face = camera[y1 + 6 : y2 - 6, x1 + 6 : x2 - 6].astype(float)
    hidden = bool(face.std() < 0.6 * free.std())
    colours = camera[y1 - 4 : y2 + 4, x1 - 4 : x2 + 4].astype(int)
    boxes = bool(np.abs(colours[..., 0] - colours[..., 2]).max() > 60)
    return Shown("old" if is_old else "new", hidden, boxes)


def bring_about(stage: LiveStage, situation: str) -> None:
    """Have it happen, after a while with people in view, for another while."""
    stage.play(NOISE, 2.0)
    if situation == "people":
        stage.play(NOISE, 1.0)
        return
    if situation == "black":
        stage.play(NEARLY_BLACK, 1.0)
        return
    if situation == "paused":
        stage.session.pause(True)
        stage.play(NOISE, 1.0)
        return
    stage.lose()
    for _ in range(10):
        stage.turn()


def end(stage: LiveStage, situation: str) -> None:
    """All is well again."""
    if situation == "camera lost":
        stage.come_back(NOISE)
    stage.session.pause(False)
    stage.play(NOISE, 1.2)


@in_modes
@in_situations
@on_live
def test_live(mode: Privacy, situation: str, crowd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = LiveStage.of(monkeypatch, networks(crowd), privacy=mode)
    bring_about(stage, situation)
    assert seen(stage.pictures[-1]) == SHOWN[mode, situation]
    state = stage.state()
    status, counted, detail = SAID[situation]
    assert (state["status"], state["detail"]) == (status, detail)
    assert state["people"] == (crowd if counted else None)
    has_distribution = counted and HAS_DISTRIBUTION[mode, crowd]
    for name in ("probs", "interval", "dominant", "entropy", "entropy_share"):
        assert (state[name] is not None) == has_distribution, name
    before = len(stage.rows.rows)
    end(stage, situation)
    assert seen(stage.pictures[-1]) == SHOWN[mode, "people"]
    check_rows(stage.rows.rows[5:before], mode, crowd)
    check_rows(stage.rows.rows[-3:], mode, crowd)
    check_gaps(stage, situation, detail)


def check_rows(rows: list[tuple[float, Any, Any]], mode: Privacy, crowd: int) -> None:
    assert len(rows) >= 3
    for _, state, faces in rows:
        assert state.people == crowd
        assert len(faces) == (crowd if mode.keeps_individuals else 0)
        assert (state.probs is not None) == HAS_DISTRIBUTION[mode, crowd]
        assert (state.interval is not None) == HAS_DISTRIBUTION[mode, crowd]


def check_gaps(stage: LiveStage, situation: str, detail: str | None) -> None:
    """While nobody could be seen nothing but that was recorded."""
    if situation == "people":
        assert stage.rows.gaps == []
        return
    ((start, end, reason),) = stage.rows.gaps
    assert reason == (detail or situation)
    assert end - start >= 0.9
    assert not [t for t, *_ in stage.rows.rows if start + 1e-6 < t < end - 1e-6]
    told = [content["reason"] for kind, content in stage.events if kind == "gap"]
    assert told == [reason]


@pytest.mark.parametrize(("before", "after"), SWITCHES)
@in_situations
@on_live
def test_live_switched_to_stricter(
    before: Privacy, after: Privacy, situation: str, crowd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = LiveStage.of(monkeypatch, networks(crowd), privacy=before)
    bring_about(stage, situation)
    shown, recorded = len(stage.pictures), len(stage.rows.rows)
    stage.session.set_privacy(after)
    assert len(stage.pictures) == shown + 1
    assert is_empty(stage.pictures[-1])  # at once
    if situation in ("camera lost", "paused"):
        for _ in range(10):
            stage.turn()
        assert len(stage.pictures) > shown + 1
        assert all(is_empty(picture) for picture in stage.pictures[shown:])
    end(stage, situation)
    assert seen(stage.pictures[-1]) == SHOWN[after, "people"]
    for picture in stage.pictures[shown:]:
        # those who have just come are hidden before they are followed
        at_first = Shown("new", hidden=True, boxes=False)
        assert seen(picture) in (SHOWN[after, "people"], at_first, Shown("empty"))
    state = stage.state()
    assert state["people"] == crowd
    for name in ("probs", "interval"):
        assert (state[name] is not None) == HAS_DISTRIBUTION[after, crowd], name
    check_rows(stage.rows.rows[recorded + 1 :][-3:], after, crowd)
    if after is GROUP:
        assert not any(len(faces) for _, _, faces in stage.rows.rows[recorded:])


class DashboardStage(LiveStage):
    """A live run of a dashboard, whose pictures are those that its page may ask for."""

    @classmethod
    def of_run(
        cls, monkeypatch: pytest.MonkeyPatch, crowd: int, privacy: Privacy
    ) -> tuple[DashboardStage, LiveRun]:
        now = Now()
        capture: HandedFrames = handed(monkeypatch, now)
        run = LiveRun(CAMERA, networks(crowd), privacy, LiveTuning())
        run.session.clock, run.session.origin = now, now()
        return cls(run.session, capture, now, None), run


@in_modes
@in_situations
@on_live
def test_dashboard(
    mode: Privacy, situation: str, crowd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, run = DashboardStage.of_run(monkeypatch, crowd, mode)
    bring_about(stage, situation)
    picture = run.picture()
    assert picture is not None
    assert seen(picture.image) == SHOWN[mode, situation]
    state = run.state()
    status, counted, detail = SAID[situation]
    assert state["privacy"] == mode.value
    assert (state["source"]["status"], state["source"]["detail"]) == (status, detail)
    assert state["source"]["people"] == (crowd if counted else None)
    for name in ("probs", "interval"):
        known = state["source"][name] is not None
        assert known == (counted and HAS_DISTRIBUTION[mode, crowd]), name


@pytest.mark.parametrize(("before", "after"), SWITCHES)
@in_situations
@on_live
def test_dashboard_switched_to_stricter(
    before: Privacy, after: Privacy, situation: str, crowd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, run = DashboardStage.of_run(monkeypatch, crowd, before)
    bring_about(stage, situation)
    run.set_privacy(after)
    picture = run.picture()
    assert picture is None or is_empty(picture.image)
    end(stage, situation)
    turn(run.session)
    picture = run.picture()
    assert picture is not None
    assert seen(picture.image) == SHOWN[after, "people"]
    source = run.state()["source"]
    assert source["people"] == crowd
    for name in ("probs", "interval"):
        known = source[name] is not None
        assert known == HAS_DISTRIBUTION[after, crowd], name


@in_modes
@on_live
def test_recorded(mode: Privacy, crowd: int, tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", [(k / 10, NOISE) for k in range(20)], fps=10)
    pipeline = Pipeline(detector=Finds(BOXES[:crowd]), classifiers=Says(HAPPY))
    moodstream.analyze(clip, output=tmp_path / "out", privacy=mode, pipeline=pipeline)
    folder = tmp_path / "out"
    for _, picture in read_frames(folder / "overlay.mp4")[5:]:
        shown = _seen(picture[:360, :480], 3.0)
        assert shown == SHOWN[mode, "people"]
    rows = pq.read_table(folder / "timeline.parquet").to_pylist()[3:]
    assert all(row["people"] == crowd for row in rows)
    has_distribution = HAS_DISTRIBUTION[mode, crowd]
    for name in ("p_happy", "lo_happy", "hi_happy"):
        assert all((row[name] is not None) == has_distribution for row in rows), name
    parts = read_json(folder / "summary.json")["mood"]["parts"]
    assert all(("low" in part) == has_distribution for part in parts)
    assert ("How sure the shares are" in (folder / "report.html").read_text()) == has_distribution
    assert (folder / "people.parquet").exists() == mode.keeps_individuals


@in_modes
@on_live
def test_photos(mode: Privacy, crowd: int, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), NOISE)
    out = tmp_path / "out"
    run_photos(tmp_path / "in", out, models_of(BOXES[:crowd]), privacy=mode, quality="fixed")
    assert (out / "faces.parquet").exists() == mode.keeps_individuals
    (row,) = pq.read_table(out / "photos.parquet").to_pylist()
    for name in ("dominant", "lo_happy", "hi_happy"):
        assert (row[name] is not None) == HAS_DISTRIBUTION[mode, crowd], name
    pictures = list((out / "annotated").glob("*")) if (out / "annotated").exists() else []
    assert len(pictures) == mode.keeps_individuals
    for path in pictures:
        check_photo(cv2.imread(str(path)), mode)


@in_modes
@on_live
def test_photo_of_the_dashboard(mode: Privacy, crowd: int) -> None:
    content = cv2.imencode(".png", NOISE)[1].tobytes()
    photo = photo_of(content, "a.png", models_of(BOXES[:crowd]), mode)
    assert photo.figures["privacy"] == mode.value
    assert photo.figures["faces"] == crowd
    assert (photo.figures["people"] is None) == (mode is GROUP)
    for name in ("dominant", "probs", "interval"):
        known = photo.figures[name] is not None
        assert known == HAS_DISTRIBUTION[mode, crowd], name
    assert (photo.jpeg is None) == (mode is GROUP)
    if photo.jpeg is not None:
        check_photo(cv2.imdecode(np.frombuffer(photo.jpeg, np.uint8), 1), mode)


def check_photo(picture: np.ndarray | None, mode: Privacy) -> None:
    assert picture is not None
    scale = picture.shape[0] / NOISE.shape[0]
    assert _seen(picture, scale) == SHOWN[mode, "people"]
