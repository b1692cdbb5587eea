"""Valence, arousal and disagreement, from the network to every file of results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from support.commands import read_csv
from support.fakes import OneFace, Says, make_faces
from support.media import write_video

from moodstream.realtime.analysis.group.aggregator import GroupAggregator
from moodstream.realtime.cli import entry
from moodstream.realtime.emotions import EXTRAS
from moodstream.realtime.frames import Frame
from moodstream.realtime.networks.weights import checksums, store
from moodstream.realtime.networks.weights.catalogue import WeightFile
from moodstream.realtime.outputs.recording.rows import people_rows, timeline_row
from moodstream.realtime.runs.offline.analyzer import OfflineAnalyzer

pytestmark = pytest.mark.usefixtures("one_thread")

MTL = "enet_b0_8_va_mtl"


@pytest.fixture(scope="module")
def process(pickle_of, onnx_of, tmp_path_factory):
    """`moodstream process` on a machine that has stand-ins for the weights of MTL."""
    known = {
        path.name: WeightFile(
            path.name, f"https://x/{path.name}", checksums.sha256_of(path), None, "emotion", "", ""
        )
        for path in (pickle_of(MTL), onnx_of(MTL))
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "KNOWN", known)
        patch.setenv("MOODSTREAM_CACHE", str(onnx_of(MTL).parent))

        def run(source: Path, emotion: object, *options: str) -> Path:
            out = tmp_path_factory.mktemp("affect") / "out"
            words = ["process", source, "-o", out, "--emotion", emotion, "--models", "embedded"]
            words += ["--device", "cpu", "--no-video", "--quiet", *options]
            assert entry.main([str(word) for word in words]) == 0
            return out

        yield run


@pytest.fixture(scope="module")
def still(footage, tmp_path_factory) -> Path:
    """Several people who do not move for three seconds."""
    image = cv2.imread(str(footage["multi_face.jpg"]))
    height, width = (side // 2 * 2 for side in image.shape[:2])
    path = tmp_path_factory.mktemp("still") / "still.mp4"
    return write_video(path, [(k / 5, image[:height, :width]) for k in range(15)], fps=5)


def table(folder: Path, name: str) -> list[dict[str, Any]]:
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def column(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows if row[name] is not None], float)


@pytest.mark.parametrize("kind", ["a name", "a pickle"])
def test_valence_and_arousal_reach_every_file(kind, process, langer, pickle_of):
    out = process(langer, MTL if kind == "a name" else pickle_of(MTL), "--end", "2")
    people, line = table(out, "people"), table(out, "timeline")
    summary = json.loads((out / "summary.json").read_text())
    assert summary["models"]["emotion"]["name"] == MTL
    for name in ("valence", "arousal"):
        single, group = column(people, name), column(line, name)
        assert len(single) == sum(row["label"] is not None for row in people) > 5
        assert len(group) == sum(row["dominant"] is not None for row in line) > 5
        assert -1 <= single.min() < single.max() <= 1
        # the group knows of detection passes between two rows as well, so a little room is needed
        room = 0.02
        assert single.min() - room <= group.min() <= group.max() <= single.max() + room
        text = [float(row[name]) for row in read_csv(out / "timeline.csv") if row[name]]
        np.testing.assert_allclose(text, group, atol=1e-5)
        assert summary["mood"][name] == pytest.approx(group.mean(), abs=1e-4)
    assert "Valence and arousal" in (out / "report.html").read_text(encoding="utf-8")
    assert not len(column(people + line, "disagreement"))
    assert "disagreement" not in summary["mood"]


def test_they_are_smoothed_as_moods_are(process, langer):
    raw, smooth = (
        column(table(process(langer, MTL, "--end", "3", "--smoothing", tau), "people"), "valence")
        for tau in ("0", "1")
    )
    assert np.abs(np.diff(smooth[5:])).sum() < 0.5 * np.abs(np.diff(raw[5:])).sum()


def test_the_group_has_the_mean_of_people_weighted_by_quality(process, still):
    out = process(still, MTL)
    people, last = table(out, "people"), table(out, "timeline")[-1]
    people = [row for row in people if row["t"] == last["t"] and row["valence"] is not None]
    assert len(people) >= 3
    quality = column(people, "quality")
    for name in ("valence", "arousal"):
        values = column(people, name)
        mean, spread = np.average(values, weights=quality), np.ptp(values)
        assert last[name] == pytest.approx(mean, abs=spread / 5)
        assert spread > 1e-3


def test_group_privacy_keeps_the_group_figures_and_no_single_ones(process, still):
    out = process(still, MTL, "--privacy", "group")
    assert not (out / "people.parquet").exists()
    assert np.abs(column(table(out, "timeline"), "valence")).max() <= 1
    assert set(EXTRAS) & set(json.loads((out / "summary.json").read_text())["mood"]) == {
        "valence",
        "arousal",
    }


def test_group_privacy_says_nothing_of_one_person(process, langer):
    out = process(langer, MTL, "--end", "2", "--privacy", "group")
    assert not (out / "people.parquet").exists()
    rows = table(out, "timeline")
    assert rows
    assert all(row[name] is None for row in rows for name in EXTRAS)
    assert not set(EXTRAS) & set(json.loads((out / "summary.json").read_text())["mood"])
    assert "Valence" not in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("emotion", "predicted"), [("embedded", ()), ("ensemble", ("disagreement",))]
)
def test_what_a_network_does_not_predict_is_null(emotion, predicted, process, langer):
    out = process(langer, emotion, "--end", "2")
    people, line = table(out, "people"), table(out, "timeline")
    summary, page = json.loads((out / "summary.json").read_text()), (out / "report.html")
    for name in EXTRAS:
        known = len(column(people, name)), len(column(line, name))
        assert (min(known) > 5) if name in predicted else (max(known) == 0), name
        blank = {row[name] for row in read_csv(out / "timeline.csv")} == {""}
        assert blank is (name not in predicted)
    assert set(EXTRAS) & set(summary["mood"]) == set(predicted)
    assert "Valence" not in page.read_text(encoding="utf-8")
    if predicted:
        values = column(people, "disagreement")
        assert 0 <= values.min() < values.max() <= np.log(2)
        assert summary["mood"]["disagreement"] == pytest.approx(
            column(line, "disagreement").mean(), abs=1e-4
        )


def test_a_worker_without_the_extras_has_none_and_rows_say_null():
    probs = np.full(7, 1 / 7)
    for affect, want in ((None, [np.nan] * 3), ((-0.5, 0.25), [-0.5, 0.25, np.nan])):
        worker = OfflineAnalyzer(OneFace(), Says(probs, affect))
        blank = np.zeros((64, 64, 3), np.uint8)
        *_, last = worker.analyze(Frame(blank, k / 20, k) for k in range(8))
        faces = last.faces
        np.testing.assert_allclose(faces.extras, [want], atol=1e-6)
        row: dict[str, object]
        (row,) = map(dict, people_rows(0.4, faces))
        got = [row[name] for name in EXTRAS]
        assert got == [None if np.isnan(v) else pytest.approx(v) for v in want]


def test_the_window_weighs_people_by_quality_and_time():
    group, probs = GroupAggregator(), np.full((1, 7), 1 / 7)
    first = make_faces([1], probs, [0.2], extras=[[-1.0, 0.5, np.nan]])
    both = make_faces([1, 2], np.tile(probs, (2, 1)), [0.2, 0.6], extras=[[-1, 0.5, np.nan]] * 2)
    both.extras[1] = [1.0, 0.1, np.nan]
    group.add(0.0, first)  # speaks for 0.1 s
    group.add(0.3, both)  # speaks for 0.3 s
    state = group.state(0.3)
    total = 0.2 * 0.1 + (0.2 + 0.6) * 0.3
    valence = (-0.2 * 0.1 + (0.6 - 0.2) * 0.3) / total
    row = timeline_row(0.3, state)
    assert row["valence"] == pytest.approx(valence, abs=1e-4)
    assert row["arousal"] == pytest.approx((0.5 * (0.02 + 0.06) + 0.1 * 0.18) / total, abs=1e-4)
    assert row["disagreement"] is None
