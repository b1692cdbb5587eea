"""The charts of evaluations: each is a picture with what it was given, also at the edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from moodstream.realtime.analysis.group.diversity import by_size, measure
from moodstream.realtime.analysis.group.sample import group_sample
from moodstream.realtime.analysis.group.stability import stability
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.emotions import charts
from moodstream.realtime.evaluation.emotions.calibrate import reliability
from moodstream.realtime.evaluation.emotions.metrics import class_shares
from moodstream.realtime.evaluation.groups import size_charts

K = len(EMOTIONS)


def drawn(path: Path) -> np.ndarray:
    """The picture that was written, which must not be blank."""
    with Pillow.open(path) as file:
        pixels = np.asarray(file.convert("RGB"))
    assert pixels.std() > 1
    return pixels


def test_a_confusion_matrix_with_an_empty_row(tmp_path: Path) -> None:
    counts = np.diag([5, 0, 3, 9, 1, 0, 2])
    charts.confusion_chart(counts, tmp_path / "a.png")
    other = counts.copy()
    other[0, 3] = 40
    charts.confusion_chart(other, tmp_path / "b.png")
    assert (drawn(tmp_path / "a.png") != drawn(tmp_path / "b.png")).any()


def test_class_shares_of_a_class_that_never_occurs(tmp_path: Path) -> None:
    counts = np.zeros((K, K), np.int64)
    counts[0, 1] = 4
    charts.class_shares_chart(class_shares(counts), tmp_path / "a.png")
    drawn(tmp_path / "a.png")


def test_reliability_with_empty_bins(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    probs, labels = rng.dirichlet(np.ones(K), 30), rng.integers(0, K, 30)
    before, after = reliability(probs, labels), reliability(np.sqrt(probs), labels)
    charts.reliability_chart(before, after, tmp_path / "both.png")
    charts.reliability_chart(before, before, tmp_path / "one.png")
    drawn(tmp_path / "both.png")
    drawn(tmp_path / "one.png")


@pytest.mark.parametrize("count", [0, 1, 7])
def test_contact_sheets_grow_by_rows(tmp_path: Path, count: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    charts.contact_sheet([(picture, "a line")] * count, "title", tmp_path / "a.png")
    charts.contact_sheet([(picture, "a line")] * 6, "title", tmp_path / "row.png")
    height, row = (len(drawn(tmp_path / name)) for name in ("a.png", "row.png"))
    assert (height > row) == (count > 6)


def test_stability_and_entropy_of_a_single_group(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    groups = [group_sample("one", rng.dirichlet(np.ones(K), 9), rng.random(9) + 0.1)]
    size_charts.stability_chart(stability(groups), tmp_path / "stability.png")
    measured = measure(groups)
    size_charts.entropy_chart(measured, tmp_path / "entropy.png")
    size_charts.group_size_chart(by_size(measured), tmp_path / "sizes.png")
    for name in ("stability", "entropy", "sizes"):
        drawn(tmp_path / f"{name}.png")
