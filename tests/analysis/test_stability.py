from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.labelled import EVERYONE, Knows, faces_of

from moodstream.realtime import maths
from moodstream.realtime.analysis.group import diversity
from moodstream.realtime.analysis.group.sample import group_sample
from moodstream.realtime.analysis.group.stability import divergences, stability
from moodstream.realtime.cli.entry import main
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.groups import drawing, samples

K = len(EMOTIONS)
PROBS = tuple(f"p_{name}" for name in EMOTIONS)


def some_groups(n=40, people=30, seed=0):
    rng = np.random.default_rng(seed)
    return [
        group_sample(str(i), rng.dirichlet(np.full(K, 0.3), people), rng.random(people) + 0.1)
        for i in range(n)
    ]


def test_the_curve_falls_and_only_larger_groups_count():
    steps = stability([*some_groups(people=30), *some_groups(people=5)])
    assert [s.faces for s in steps] == list(range(2, 21))
    assert [s.groups for s in steps] == [80] * 3 + [40] * 16
    for name in ("weighted", "unweighted"):
        divergences = [getattr(s, name) for s in steps[3:]]  # of the same groups
        assert all(a > b > 0 for a, b in pairwise(divergences))
        assert divergences[-1] < 0.25 * divergences[0]


def test_the_curve_is_the_same_for_a_seed_and_empty_for_pairs():
    few = some_groups(3)
    assert stability(few) == stability(few)
    assert stability(few) != stability(few, seed=1)
    assert stability(some_groups(people=2)) == []


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_samples_are_weighted_means_of_the_first_faces(seed, weighted):
    rng = np.random.default_rng(seed)
    (one,) = some_groups(1, int(rng.integers(3, 12)), seed)
    order = rng.random((4, len(one))).argsort(axis=1)
    got = divergences(one, order, [2, len(one)], weighted)
    for row in range(4):
        first = order[row, :2]
        weights = one.weights[first] if weighted else np.ones(2)
        mean = maths.weighted_mean(one.probs[first], weights)
        assert got[row, 0] == pytest.approx(maths.jsd(mean, one.mean(weighted)), abs=1e-12)
    np.testing.assert_allclose(got[:, 1], 0, atol=1e-12)


def test_only_the_best_forty_faces_count():
    probs = np.eye(K)[[0] * 40 + [1] * 20]
    weights = np.r_[np.full(40, 0.9), np.full(20, 0.1)]
    order = np.random.default_rng(0).permutation(60)
    one = group_sample("a", probs[order], weights[order])
    assert len(one) == 40
    np.testing.assert_allclose(one.mean(), np.eye(K)[0])


def test_made_groups_are_of_every_size_and_know_their_truth():
    predictions = drawing.predict_all(Knows(), faces_of(EVERYONE), changes={"as is": drawing.as_is})
    made = samples.made(predictions, (1, 4, 50), 6, degraded=0.0, seed=42)
    assert [len(one) for one in made] == [1] * 6 + [4] * 6 + [40] * 6
    for one in made[:12]:  # nobody is left out of these
        np.testing.assert_allclose(one.mean(weighted=False), one.truth, atol=1e-6)


def test_entropy_rises_with_the_size_of_the_group():
    predictions = drawing.predict_all(
        Knows(0.9), faces_of(EVERYONE), changes={"as is": drawing.as_is}
    )
    found = diversity.measure(samples.made(predictions, range(1, 31), 30, degraded=0.0, seed=42))
    rows = diversity.by_size(found)
    assert list(rows) == list(diversity.SIZE_BINS)
    means = [row.entropy for row in rows.values()]
    assert means == sorted(means)
    peaks = [row.peak for row in rows.values()]
    assert peaks == sorted(peaks, reverse=True)
    assert sum(row.groups for row in diversity.by_dominant(found).values()) == len(found)


def test_one_certain_face_has_no_entropy():
    found = diversity.measure([group_sample("a", np.eye(K)[:1], np.ones(1))])
    assert found.entropy.tolist() == [0]
    assert found.peak.tolist() == [1]
    row = diversity.by_size(found)[1, 2]
    assert row.groups == 1
    assert np.isnan(row.entropy_sd)


def write_table(path, columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def test_photos_are_groups(tmp_path):
    rows = {"photo": ["b", "a", "b", "c"], "quality": [0.5, 1.0, 0.25, 0.5]}
    probs = np.eye(K)[[0, 3, 1, 2]]
    probs[3] = np.nan  # was not classified
    write_table(tmp_path / "faces.parquet", {**rows, **dict(zip(PROBS, probs.T, strict=True))})
    a, b = samples.of_photos(tmp_path)
    assert (a.name, b.name, len(b)) == ("a", "b", 2)
    np.testing.assert_allclose(b.mean()[:2], [2 / 3, 1 / 3], atol=1e-5)


def test_windows_of_a_timeline_are_groups(tmp_path):
    t = np.array([0.0, 0.2, 0.0, 7.0])
    probs = np.eye(K)[[0, 0, 1, 2]]
    columns = {"track_id": [1, 1, 2, 2], "t": t, "quality": np.full(4, 0.5)}
    write_table(tmp_path / "people.parquet", {**columns, **dict(zip(PROBS, probs.T, strict=True))})
    first, second = samples.of_timeline(tmp_path, 5.0)
    # the second person was there for half of the time
    np.testing.assert_allclose(first.mean()[:2], [2 / 3, 1 / 3], atol=1e-5)
    np.testing.assert_allclose(first.mean(weighted=False)[:2], [0.5, 0.5])
    assert (second.name, len(second)) == ("5 s", 1)


@pytest.mark.parametrize(
    ("columns", "printed"), [({"photo": ["a"]}, "quality"), (None, "not a Parquet file")]
)
def test_a_broken_table_is_one_line(columns, printed, tmp_path):
    if columns is None:
        (tmp_path / "faces.parquet").write_bytes(b"no")
    else:
        write_table(tmp_path / "faces.parquet", columns)
    with pytest.raises(MoodstreamError, match=printed) as raised:
        samples.of_photos(tmp_path)
    assert "\n" not in str(raised.value)


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(K), 300)
    columns = {"photo": [f"{i % 12}.jpg" for i in range(300)], "quality": rng.random(300)}
    write_table(
        tmp_path / "photos" / "faces.parquet", {**columns, **dict(zip(PROBS, probs.T, strict=True))}
    )
    return tmp_path / "photos"


@pytest.mark.parametrize("kind", ["stability", "entropy"])
def test_the_command_sets_its_figures_beside_the_reference(kind, photos, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["evaluate", kind, "--data", str(photos), "-o", str(out)]) == 0
    printed = capsys.readouterr().out
    found = json.loads((out / "metrics.json").read_text())
    report = (out / "report.md").read_text()
    for text in (printed, report):
        for figure in ("0.0896", "0.0060") if kind == "stability" else ("1.390", "0.428", "1.708"):
            assert figure in text
        assert "12 photos with faces" in text
    if kind == "stability":
        assert [s["faces"] for s in found["curve"]] == list(range(2, 21))
        assert found["curve"][0]["groups"] == 12
    else:
        assert found["by_size"]["21–50"]["groups"] == 12
        assert found["all"]["true_entropy"] is None
    charts = {"stability": {"stability.png"}, "entropy": {"entropy.png", "by_group_size.png"}}
    assert {p.name for p in out.iterdir()} == {"metrics.json", "report.md", *charts[kind]}
    assert main(["evaluate", kind, "--data", str(photos), "-o", str(out)]) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_the_command_makes_groups_of_labelled_faces(tmp_path, capsys):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(K), 20)
    images = rng.integers(0, 256, (len(labels), 32, 32), np.uint8)
    np.savez(tmp_path / "f.npz", images=images, labels=labels, classes=np.array(EMOTIONS))
    command = ["evaluate", "entropy", "--data", str(tmp_path / "f.npz"), "--models", "embedded"]
    assert main([*command, "--each", "4", "--degraded", "0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["all"]["groups"] == 200
    assert found["all"]["true_entropy"] > 0
    assert found["source"]["model"]["name"] == "embedded_b"


@pytest.mark.parametrize(
    ("more", "printed"),
    [
        ([], "no people.parquet"),
        (["--limit", "9"], "--votes and --truth are for labelled"),
    ],
)
def test_a_timeline_that_cannot_be_used_is_one_line(more, printed, tmp_path, capsys):
    write_table(tmp_path / "timeline.parquet", {"t": [0.0]})
    assert main(["evaluate", "entropy", "--data", str(tmp_path), *more]) == 2
    error = capsys.readouterr().err
    assert printed in error
    assert error.count("\n") == 1


def test_a_group_of_two_has_no_curve(tmp_path, capsys):
    probs = np.eye(K)[:2]
    columns = {"photo": ["a", "a"], "quality": [1.0, 1.0], **dict(zip(PROBS, probs.T, strict=True))}
    write_table(tmp_path / "faces.parquet", columns)
    assert main(["evaluate", "stability", "--data", str(tmp_path)]) == 2
    printed = capsys.readouterr().err
    assert "no group has more than two faces" in printed
    assert printed.count("\n") == 1
