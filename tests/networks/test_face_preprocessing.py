"""Faces turned upright or enlarged before they are classified."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from support.pictures import ZIDANE

from moodstream.realtime.cli.entry import main
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.emotions.evaluate import without_temperature
from moodstream.realtime.frames import Detections, EmotionPredictions
from moodstream.realtime.networks.classifiers.calibration import Calibrated
from moodstream.realtime.networks.classifiers.face_preprocessing import (
    UPRIGHT,
    Align,
    WithPreprocessing,
    cut,
    enlarge,
    roll,
)
from moodstream.realtime.networks.load import load_classifier
from moodstream.realtime.networks.models import ModelSettings

FACE = np.array([905, 85, 1060, 280], np.float32)


def turned(points, degrees):
    turn = np.radians(degrees)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return (points @ matrix.T).astype(np.float32)


@pytest.mark.parametrize("degrees", [-80, -10, 0, 33, 90])
def test_roll_is_the_turn_whatever_size_and_place(degrees):
    marks = turned(UPRIGHT, degrees) * 0.37 + [500, -20]
    assert roll(marks.astype(np.float32)) == pytest.approx(degrees, abs=1e-3)


@pytest.mark.parametrize(
    ("box", "shape", "inside"),
    [
        ([40, 40, 60, 60], (40, 40), [10, 10, 30, 30]),
        ([0, 0, 20, 10], (20, 30), [0, 0, 20, 10]),
        ([-5, 80, 15, 105], (33, 28), [-5, 13, 15, 38]),
        ([300, 300, 310, 310], (1, 1), [201, 201, 211, 211]),
    ],
)
def test_a_face_is_cut_out_with_its_surroundings(box, shape, inside):
    image = np.random.default_rng(0).integers(0, 255, (100, 100, 3)).astype(np.uint8)
    part, where = cut(image, np.array(box, np.float32))
    assert part.shape[:2] == shape
    np.testing.assert_array_equal(where, inside)


def test_only_small_faces_are_enlarged():
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:30, 15:45] = 255
    large, box = enlarge(image, np.array([15, 10, 45, 30], np.float32))
    assert large.shape == (192, 288, 3)
    np.testing.assert_allclose(box, [72, 48, 216, 144])
    assert large[50:142, 74:214].min() > 200
    same, kept = enlarge(ZIDANE, FACE)
    assert same is ZIDANE
    assert kept is FACE


class Marks:
    """A detector of one face."""

    name = "marks"

    def __init__(self, box, marks):
        self.faces = Detections(
            np.array([box], np.float32),
            np.ones(1, np.float32),
            None if marks is None else np.array([marks], np.float32),
        )

    def detect(self, images, min_confidence):
        return [self.faces for _ in images]


def test_a_tilted_face_is_turned_upright():
    marks = turned(UPRIGHT - UPRIGHT.mean(axis=0), 40) + 75
    image = np.zeros((150, 150, 3), np.uint8)
    for x, y in marks:
        cv2.circle(image, (round(float(x)), round(float(y))), 2, (255, 255, 255), -1)
    box = np.array([35, 35, 115, 115], np.float32)
    upright, same = Align(Marks(box, marks))(image, box)
    assert same is box
    for x, y in UPRIGHT - UPRIGHT.mean(axis=0) + 75:
        assert upright[round(y), round(x)].min() > 150


@pytest.mark.parametrize(
    ("box", "marks"),
    [
        ([35, 35, 115, 115], turned(UPRIGHT, 8)),  # upright enough
        ([35, 35, 115, 115], None),
        ([0, 0, 30, 30], turned(UPRIGHT, 40)),  # of somebody else
    ],
)
def test_other_faces_stay_as_they_are(box, marks):
    image = ZIDANE[:150, :150]
    assert Align(Marks(box, marks))(image, np.array([35, 35, 115, 115], np.float32))[0] is image


@pytest.fixture(scope="module")
def aligned():
    return load_classifier(ModelSettings("embedded", device="cpu", face_preprocessing="align"))


def test_a_real_face_is_classified_alike_however_the_camera_is_held(aligned):
    classifier, info, _ = aligned
    assert info.face_preprocessing == "align"
    plain, _, _ = load_classifier(ModelSettings("embedded", device="cpu"))
    middle = ((FACE[:2] + FACE[2:]) / 2).tolist()
    turn = cv2.getRotationMatrix2D(middle, 35, 1)
    tilted = np.asarray(cv2.warpAffine(ZIDANE, turn, (1280, 720)), np.uint8)
    far = []
    for each in (plain, classifier):
        one, other = (each.classify([im], [FACE[None]]).probs for im in (ZIDANE, tilted))
        far.append(float(abs(one - other).sum()))
    assert far[1] < 0.8 * far[0]


def test_faces_keep_their_order_and_nobody_is_fine(aligned):
    classifier, _, _ = aligned
    boxes = np.stack([FACE, FACE - 100, FACE + 60])
    together = classifier.classify([ZIDANE, ZIDANE, ZIDANE], [boxes[:2], boxes[:0], boxes[2:]])
    alone = [classifier.classify([ZIDANE], [box[None]]).probs[0] for box in boxes]
    np.testing.assert_allclose(together.probs, alone, atol=0.02)
    nobody = (0, len(classifier.classes))
    assert classifier.classify([ZIDANE], [boxes[:0]]).probs.shape == nobody
    assert classifier.classify([], []).probs.shape == nobody


class Sure:
    name = "sure"
    classes: tuple[str, ...] = EMOTIONS

    def classify(self, images, boxes):
        return EmotionPredictions(np.full((sum(map(len, boxes)), 7), 1 / 7, np.float32))


def test_the_temperature_comes_off_and_the_face_transform_stays():
    sure = Sure()
    inside = WithPreprocessing(sure, enlarge)
    assert without_temperature(Calibrated(inside, 2.0)) is inside
    outside = without_temperature(WithPreprocessing(Calibrated(sure, 2.0), enlarge))
    assert isinstance(outside, WithPreprocessing)
    assert outside.inner is sure
    assert outside.change is enlarge


def test_an_unknown_face_transform_is_one_line():
    with pytest.raises(
        MoodstreamError, match="--face-preprocessing magic: expected one of align, enlarge"
    ):
        load_classifier(ModelSettings("embedded", device="cpu", face_preprocessing="magic"))


def test_the_command_says_what_was_done(tmp_path, capsys):
    for name in ("happy", "sad"):
        (tmp_path / name).mkdir()
        face = cv2.resize(ZIDANE[85:280, 905:1060], (30, 40))
        cv2.imwrite(str(tmp_path / name / "a.png"), face)
    asked = ["evaluate", "emotions", "--data", str(tmp_path), "--models", "embedded", "--json"]
    asked += ["--device", "cpu", "--sizes", "none"]
    shown = []
    for more in ([], ["--face-preprocessing", "enlarge"]):
        assert main(asked + more) == 0
        shown.append(json.loads(capsys.readouterr().out)["model"]["face_preprocessing"])
    assert shown == [None, "enlarge"]
