"""The charts, size bins and contact sheets of a set of photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image as Pillow

from moodstream.realtime.analysis.people.quality import QUALITY_BINS, quality_bins
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.runs.photos import plots
from moodstream.realtime.runs.photos.contact_sheets import contributor_sheet, quality_sheet
from moodstream.realtime.runs.photos.contributors import (
    CROP_PX,
    contributors,
    crop,
    limits_in_words,
    summarize_bins,
)

K = len(EMOTIONS)


def faces_table(n: int = 5) -> pa.Table:
    """The columns of faces.parquet that contributors and bins are made of."""
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(K), n)
    columns: dict[str, object] = {f"p_{name}": probs[:, k] for k, name in enumerate(EMOTIONS)}
    columns |= {
        "bin": [QUALITY_BINS[i % 2] for i in range(n)],
        "quality": np.linspace(0.1, 0.9, n),
        "weight": np.full(n, 1 / n),
        "min_side": np.full(n, 50.0),
        "blur": np.full(n, 200.0),
    }
    return pa.table(columns)


def test_contributions_sum_to_the_emotions_share() -> None:
    table = faces_table()
    shown = contributors(table, "happy")
    quality = table["quality"].to_numpy() + 1e-6
    p = table["p_happy"].to_numpy()
    assert shown.weighted.sum() == pytest.approx((quality * p).sum() / quality.sum())
    assert shown.unweighted.sum() == pytest.approx(p.mean())
    for values, (row, added) in zip(
        (shown.weighted, shown.unweighted),
        (shown.top["weighted"][0], shown.top["unweighted"][0]),
        strict=True,
    ):
        assert values[row] == added == values.max()


def test_bins_are_counted_and_represented_from_best_to_worst() -> None:
    high, mid, low = summarize_bins(faces_table())
    assert (high.count, mid.count, low.count) == (3, 2, 0)
    assert high.rows == [4, 2, 0]
    assert low.rows == []
    assert high.share + mid.share + low.share == pytest.approx(1)


def test_the_limits_in_words_are_those_that_count() -> None:
    assert limits_in_words() == (
        "high: ≥ 48 px and blur score ≥ 100; mid: ≥ 24 px and blur score ≥ 50; low: the rest"
    )
    assert quality_bins([48, 24, 0], [100, 50, 0]).tolist() == [0, 1, 2]
    assert quality_bins([], []).shape == (0,)


def test_crops_at_the_edge_are_square() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    for box in ([-5, -5, 20, 20], [70, 50, 90, 70], [0, 0, 80, 60]):
        assert crop(image, np.array(box, np.float32)).shape == (CROP_PX, CROP_PX, 3)


def test_contact_sheets_show_faces_and_say_which_photos_are_gone(tmp_path: Path) -> None:
    table = faces_table()
    picture = np.random.default_rng(0).integers(0, 256, (CROP_PX, CROP_PX, 3), np.uint8)
    quality_sheet(summarize_bins(table), table, {0: picture}, tmp_path / "quality.png")
    contributor_sheet(contributors(table, "sad"), table, {}, tmp_path / "sad.png")
    for name in ("quality.png", "sad.png"):
        with Pillow.open(tmp_path / name) as file:
            assert np.asarray(file.convert("L")).std() > 1


def test_the_chart_of_distributions_names_each_of_them() -> None:
    distributions = [np.eye(K)[k] for k in range(3)]
    chart = plots.distribution_chart(distributions)
    assert [bar["name"] for bar in chart["data"]] == ["group", "weighted", "unweighted"]
    assert [bar["y"].index(1.0) for bar in chart["data"]] == [0, 1, 2]


def test_histograms_count_every_face_once() -> None:
    quality = np.array([0.0, 0.3, 0.3, 1.0])
    chart = plots.quality_histogram(quality, ["low", "mid", "high", "high"], QUALITY_BINS)
    assert [sum(bars["y"]) for bars in chart["data"]] == [2, 1, 1]
    entropies = plots.entropy_histogram(np.array([0.0, 1.0, np.log(K)]))
    assert sum(entropies["data"][0]["y"]) == 3
    adds = plots.contribution_histogram(contributors(faces_table(), "fear"))
    assert [sum(bars["y"]) for bars in adds["data"]] == [5, 5]


def test_names_of_photos_are_escaped_for_plotly() -> None:
    chart = plots.entropy_and_peak(np.ones(1), np.ones(1), ["happy"], ["<b>&.jpg"])
    assert chart["data"][0]["text"] == ["&lt;b&gt;&amp;.jpg"]
