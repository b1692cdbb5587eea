"""The faces of one picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow

import moodstream
from moodstream.pipelines import Pipeline
from moodstream.testing import PaintedFaceClassifier, ScriptedDetector, ScriptedSource


@pytest.fixture(scope="module")
def picture(two_people):
    return ScriptedSource(two_people).image(1.0)


def test_the_faces_of_a_picture(picture, made):
    faces = moodstream.read_image(picture, pipeline=made)
    assert len(faces) == 2
    assert sorted(faces.labels) == ["happy", "sad"]
    assert faces.probs.shape == (2, 7)
    assert faces.scores.tolist() == [1, 1]
    assert faces.landmarks is None
    assert faces.weights.sum() == pytest.approx(1)
    assert sum(faces.distribution.values()) == pytest.approx(1)
    table = faces.table()
    assert table[["x1", "y1"]].to_numpy().tolist() == faces.boxes[:, :2].tolist()
    assert "photo" not in table
    assert [row["label"] for row in faces] == faces.labels
    drawn = faces.draw()
    assert drawn.ndim == 3
    assert not np.array_equal(drawn[: picture.shape[0], : picture.shape[1]], picture)


def test_a_picture_may_come_as_file_pillow_array_or_grey(picture, made, tmp_path):
    rgb = Pillow.fromarray(np.ascontiguousarray(picture[..., ::-1]))
    rgb.save(tmp_path / "two.png")
    whole = moodstream.read_image(picture, pipeline=made).boxes
    for given in (rgb, tmp_path / "two.png", str(tmp_path / "two.png")):
        assert np.array_equal(moodstream.read_image(given, pipeline=made).boxes, whole)
    assert len(moodstream.read_image(picture[..., 0], pipeline=made)) == 0  # no colour, no face


@pytest.mark.parametrize("given", [np.zeros((4, 4, 3)), np.zeros((2, 3, 4, 3), np.uint8), None, 3])
def test_what_is_no_picture_is_one_line(given):
    with pytest.raises(moodstream.MoodstreamError, match="expected a path, a picture of Pillow"):
        moodstream.read_image(given)


def test_a_file_that_is_no_picture_is_one_line(tmp_path):
    (tmp_path / "a.jpg").write_text("words")
    with pytest.raises(moodstream.MoodstreamError, match=r"a\.jpg: not a picture"):
        moodstream.read_image(tmp_path / "a.jpg")


def test_nobody_in_a_picture_is_no_error(made):
    faces = moodstream.read_image(np.zeros((90, 120, 3), np.uint8), pipeline=made)
    assert len(faces) == 0
    assert faces.distribution is None
    assert faces.table().empty
    assert "label" in faces.table()
    assert faces.draw().size


def test_limits_of_faces(picture):
    script = [[0, 0, 9, 9], [20, 20, 90, 100], [180, 40, 250, 120]]
    own = Pipeline(detector=ScriptedDetector(script), classifiers=PaintedFaceClassifier())
    assert len(moodstream.read_image(picture, pipeline=own)) == 2
    assert len(moodstream.read_image(picture, pipeline=own, min_face=1)) == 3
    used = moodstream.read_image(picture, pipeline=own, max_faces=1)
    assert (used.weights > 0).sum() == 1
