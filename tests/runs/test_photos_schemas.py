"""The files of a set of photos have the columns and keys that are promised, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.fakes import models_of
from support.photo_runs import BOXES, run, write_photos
from support.schema_checker import Checker

from moodstream.realtime.emotions import EMOTIONS, EXTRAS
from moodstream.realtime.networks.models import ModelInfo, Models
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import read_json
from moodstream.realtime.outputs.schemas import BOX, PROBS
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.photos import columns, schemas

FACE_NAMES = """photo face x1 y1 x2 y2 left_eye_x left_eye_y right_eye_x right_eye_y nose_x nose_y
left_mouth_x left_mouth_y right_mouth_x right_mouth_y detector_score min_side blur bin quality
weight label confidence p_angry p_disgust p_fear p_happy p_sad p_surprise p_neutral valence arousal
disagreement"""
PHOTO_NAMES = """photo width height faces faces_used effective_people dominant peak entropy
entropy_share p_angry p_disgust p_fear p_happy p_sad p_surprise p_neutral w_angry w_disgust w_fear
w_happy w_sad w_surprise w_neutral u_angry u_disgust u_fear u_happy u_sad u_surprise u_neutral
lo_angry lo_disgust lo_fear lo_happy lo_sad lo_surprise lo_neutral hi_angry hi_disgust hi_fear
hi_happy hi_sad hi_surprise hi_neutral text"""


def networks(boxes: Any = BOXES) -> Models:
    made = models_of(boxes)
    info = {
        part: ModelInfo("made up", "none", "0" * 64, "none", "cpu", 1.5, "align", "large")
        for part in ("detector", "emotion")
    }
    return Models(made.detector, made.classifier, info)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of three photos, one of which cannot be read."""
    folder = tmp_path_factory.mktemp("photos")
    write_photos(folder / "set", 2)
    (folder / "set" / "broken.jpg").write_bytes(b"no picture")
    run(folder / "set", folder / "out", networks())
    return folder / "out"


def test_the_columns_of_the_tables(results: Path) -> None:
    faces, photos = (pq.read_schema(results / name) for name in (layout.FACES, layout.PHOTOS))
    assert faces.names == FACE_NAMES.split() == list(columns.FACE_COLUMNS)
    assert photos.names == PHOTO_NAMES.split() == list(columns.PHOTO_COLUMNS)
    assert {faces.field(name).type for name in ("photo", "bin", "label")} == {pa.string()}
    assert {photos.field(name).type for name in ("width", "faces")} == {pa.int32()}
    assert {photos.field(name).type for name in ("entropy", "w_sad")} == {pa.float64()}


def test_columns_are_named_after_the_emotions_in_their_order() -> None:
    names = columns.FACE_COLUMNS
    assert names[-10:] == (*PROBS, *EXTRAS)
    assert names[2:6] == BOX
    assert names[6:16] == columns.LANDMARKS
    shares = tuple(f"{kind}_{name}" for kind in "pwu" for name in EMOTIONS)
    assert columns.PHOTO_COLUMNS[10:31] == shares


def test_rows_and_summary_have_the_keys_that_are_promised(results: Path) -> None:
    check, wrong = Checker(), []
    for name, kind in ((layout.FACES, schemas.FaceRow), (layout.PHOTOS, schemas.PhotoRow)):
        rows = pq.read_table(results / name).to_pylist()
        assert rows
        wrong += [problem for row in rows for problem in check.wrong(row, kind, name)]
    summary = read_json(results / layout.SUMMARY)
    wrong += check.wrong(summary, schemas.PhotosSummary, "summary")
    summary["counts"]["with_text"] = 0  # only where words were looked for
    wrong += check.wrong(summary, schemas.PhotosSummary, "summary with text")
    assert wrong + check.never_met() == []


@pytest.mark.parametrize("privacy", list(Privacy))
@pytest.mark.parametrize("people", [0, 1, 3])
def test_the_summary_of_few_people_and_of_every_privacy(
    tmp_path: Path, privacy: Privacy, people: int
) -> None:
    write_photos(tmp_path / "set", 1)
    run(tmp_path / "set", tmp_path / "out", networks(BOXES[:people]), privacy=privacy)
    text = (tmp_path / "out" / layout.SUMMARY).read_text(encoding="utf-8")
    assert "NaN" not in text  # which is no JSON
    summary = read_json(tmp_path / "out" / layout.SUMMARY)
    assert Checker().wrong(summary, schemas.PhotosSummary) == []
    for row in pq.read_table(tmp_path / "out" / layout.PHOTOS).to_pylist():
        assert Checker().wrong(row, schemas.PhotoRow) == []
