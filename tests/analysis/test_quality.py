from __future__ import annotations

import cv2
import numpy as np
import pytest

from moodstream.realtime.analysis.people import quality


def test_the_formula_by_hand():
    scale = quality.QualityScale(side=(20, 120), blur=(50, 450))
    got = quality.face_quality([20, 45, 120, 500], [50, 150, 450, 9], scale)
    want = [0.0, 0.7 * np.sqrt(0.25) + 0.3 * np.sqrt(0.25), 1.0, 0.7]
    np.testing.assert_allclose(got, want, atol=1e-4)


def test_blur_score_falls_with_blur_and_is_the_variance_of_the_laplacian():
    rng = np.random.default_rng(0)
    sharp = rng.integers(0, 256, (64, 64), np.uint8)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 3)
    assert quality.blur_score(sharp) > 20 * quality.blur_score(blurred)
    assert quality.blur_score(sharp) == pytest.approx(
        cv2.Laplacian(sharp, cv2.CV_64F).var(), rel=1e-4
    )
    assert quality.blur_score(np.zeros((0, 5), np.uint8)) == 0.0


def test_measure_of_boxes_inside_outside_and_none():
    image = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    boxes = np.array([[10, 10, 70, 90], [80, 80, 140, 160], [200, 200, 230, 230]], np.float32)
    got = quality.measure(image, boxes)
    assert got.shape == (3,)
    assert ((got >= 0) & (got <= 1)).all()
    assert got[0] > got[2]
    assert quality.measure(image, np.zeros((0, 4), np.float32)).shape == (0,)
