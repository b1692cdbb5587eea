from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.fakes import Says
from support.labelled import EVERYONE, Knows, faces_of
from support.pictures import resized

from moodstream.realtime.analysis.people import quality
from moodstream.realtime.cli.entry import main
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.datasets.faces import LabelledFaces, load
from moodstream.realtime.evaluation.emotions.evaluate import as_is
from moodstream.realtime.evaluation.groups import coverage, drawing, study
from moodstream.realtime.networks.classifiers.calibration import Calibrated
from moodstream.realtime.networks.classifiers.ensemble import Ensemble

K = len(EMOTIONS)
HALF, AS_IS = drawing.Condition(0.5), drawing.Condition()
FEW = study.GroupStudySettings(draws=60)


@pytest.fixture(scope="module")
def certain():
    """Predictions of one who knows what each face shows, whatever a camera does to it."""
    found = drawing.predict_all(Knows(), faces_of(EVERYONE))
    return replace(
        found,
        probs=np.broadcast_to(found.probs[:1], found.probs.shape),
        calibrated=np.broadcast_to(found.calibrated[:1], found.calibrated.shape),
    )


def test_who_knows_everything_is_never_wrong(certain):
    for distribution in drawing.DISTRIBUTIONS:
        result = study.study(certain, distribution, HALF, FEW)
        for name in ("average, uncalibrated", "default", "majority vote"):
            # quality weighs people unevenly, so only even votes are exact
            limit = 1e-9 if "average" in name or "vote" in name else 0.05
            assert result.jsd[name].mean() <= limit
        one_mood = distribution == "one-sided"
        assert (result.jsd["sum and max"].mean() > 0.05) != one_mood


def test_groups_have_the_sizes_asked_for_and_are_always_the_same(certain):
    one, two = (study.study(certain, "varied", HALF, FEW) for _ in range(2))
    assert one.sizes.min() >= 2
    assert one.sizes.max() <= 40
    np.testing.assert_array_equal(one.jsd["default"], two.jsd["default"])
    other = study.study(certain, "varied", HALF, study.GroupStudySettings(draws=60, seed=1))
    assert (one.sizes != other.sizes).any()


def test_calibration_reaches_only_the_calibrated_strategies():
    predictions = drawing.predict_all(Calibrated(Knows(0.6), 0.5), faces_of(EVERYONE))
    plain = drawing.predict_all(Knows(0.6), faces_of(EVERYONE))
    np.testing.assert_allclose(predictions.probs, plain.probs, atol=1e-6)
    assert predictions.calibrated.max() > plain.calibrated.max() + 0.2
    ours = study.study(predictions, "one mood common", AS_IS, FEW)
    theirs = study.study(plain, "one mood common", AS_IS, FEW)
    np.testing.assert_allclose(ours.jsd[study.BASELINE], theirs.jsd[study.BASELINE], atol=1e-6)
    assert ours.jsd["average, calibrated"].mean() < theirs.jsd["average, calibrated"].mean()


def test_degraded_faces_have_less_quality():
    rng = np.random.default_rng(0)
    coarse = [rng.integers(0, 256, (20, 20, 3), np.uint8) for _ in range(5)]
    images = [resized(c, (60, 60), cv2.INTER_CUBIC) for c in coarse]
    faces = LabelledFaces(images, np.zeros(5, np.int64), list("abcde"), [], "made")
    qualities = drawing.predict_all(Says(np.eye(K)[0]), faces).quality.mean(1)
    names = list(drawing.CHANGES)
    assert qualities[names.index("12 px")] < qualities[names.index("24 px")] < qualities[0]
    assert qualities[names.index("blur 8%")] < qualities[names.index("blur 4%")] < qualities[0]


def test_rare_classes_are_not_drawn():
    labels = np.array([3] * 30 + [6] * 30 + [1] * 5)
    predictions = drawing.predict_all(Knows(), faces_of(labels))
    assert drawing.drawable(labels).tolist() == [k in (3, 6) for k in range(K)]
    result = study.study(predictions, "varied", AS_IS, FEW)
    assert result.jsd["majority vote"].max() < 1e-9
    with pytest.raises(MoodstreamError, match="two or more emotions"):
        drawing.drawable(np.array([3] * 30 + [1] * 5))


def test_the_change_is_against_the_baseline_and_has_an_error(certain):
    predictions = drawing.predict_all(Knows(0.5), faces_of(EVERYONE))
    result = study.study(predictions, "one mood common", HALF, FEW)
    assert result.change(study.BASELINE) == 0
    want = result.jsd["default"].mean() / result.jsd[study.BASELINE].mean() - 1
    assert result.change("default") == pytest.approx(want)
    assert 0 < result.change_error("default") < 0.2
    ours, base = result.jsd["default"], result.jsd[study.BASELINE]
    # the error of a ratio of means, to first order
    want = (ours - ours.mean() / base.mean() * base).std(ddof=1) / base.mean() / np.sqrt(len(ours))
    assert result.change_error("default") == pytest.approx(want, rel=0.2)


def test_the_default_is_compared_within_the_same_groups():
    predictions = drawing.predict_all(Calibrated(Knows(0.5), 0.7), faces_of(EVERYONE))
    result = study.study(predictions, "varied", HALF, FEW)
    for other in study.COMPARED:
        differences = result.jsd["default"] - result.jsd[other]
        mean, error = result.difference(other)
        assert mean == pytest.approx(differences.mean())
        assert error == pytest.approx(differences.std(ddof=1) / np.sqrt(len(differences)), rel=0.2)
    assert result.difference("default") == (0, 0)


def test_many_groups_need_little_memory(certain):
    n = 200_000
    jsd = {name: np.linspace(0, 0.5, n) + 0.1 for name in study.STRATEGIES}
    result = study.Result("varied", HALF, np.full(n, 5), jsd, jsd)
    tracemalloc.start()
    error = result.change_error("default")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert error == pytest.approx(0, abs=1e-12)
    assert most < 60e6


def test_one_bad_camera_changes_all_faces_of_a_group_alike(certain):
    """Each group is of one change only, and never of none."""
    n = len(EVERYONE)
    change = np.repeat(np.arange(len(drawing.CHANGES)), n).reshape(-1, n)
    predictions = replace(certain, quality=(change / 10).astype(np.float32))
    rng, seen = np.random.default_rng(0), set()
    for _ in range(60):
        people = drawing.GroupSampler(predictions).people(rng, drawing.varied, 7)
        condition = drawing.Condition(1.0, one_camera=True)
        group = drawing.degraded_group(rng, predictions, people, condition)
        assert np.ptp(group.quality) == 0
        seen.add(round(float(group.quality[0]) * 10))
    assert seen == set(range(1, len(drawing.CHANGES)))


def test_kinds_are_not_repeated(certain):
    alone = study.study_all(certain, study.GroupStudySettings(draws=2, degraded=0.0))
    assert [(r.distribution, r.condition) for r in alone] == [
        (distribution, AS_IS) for distribution in drawing.DISTRIBUTIONS
    ]
    every = study.study_all(certain, study.GroupStudySettings(draws=2))
    assert len({r.label for r in every}) == len(every) == 12


def test_all_distributions_together_are_their_mean(certain):
    predictions = drawing.predict_all(Knows(0.5), faces_of(EVERYONE))
    results = study.study_all(predictions, FEW)
    together = study.pooled(results)
    assert [r.condition for r in together] == study.conditions(FEW)
    for whole in together:
        parts = [r for r in results if r.condition == whole.condition]
        assert len(parts) == 4
        assert len(whole.sizes) == 4 * FEW.draws
        for name in study.STRATEGIES:
            want = np.mean([part.jsd[name].mean() for part in parts])
            assert whole.jsd[name].mean() == pytest.approx(want)


@pytest.mark.parametrize("twice", [False, True])
def test_every_picture_is_changed_once(monkeypatch, twice):
    """Also for an ensemble of calibrated networks, which classifies everything twice."""
    faces = faces_of(np.repeat(np.arange(K), 3), side=30)
    model: Any = Knows(0.6)
    if twice:
        model = Ensemble([Calibrated(model, 0.5), Calibrated(Knows(0.5), 0.5)])
    done = []

    def change(image, box):
        done.append(image)
        return cv2.resize(image, (15, 15)), box / 2

    monkeypatch.setattr(drawing, "CHANGES", {"half": change})
    predictions = drawing.predict_all(model, faces)
    assert len(done) == len(faces) * (1 + twice)
    small = [change(faces.images[i], faces.box(i)) for i in range(len(faces))]
    want = np.concatenate([quality.measure(image, box[None]) for image, box in small])
    np.testing.assert_array_equal(predictions.quality, want[None])


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(K), 20)[:-1]  # neutral is one short
    images = rng.integers(0, 256, (len(labels), 32, 32), np.uint8)
    images, labels = np.concatenate([images, images[:2]]), np.append(labels, [K, K])
    path = tmp_path / "faces.npz"
    usage = np.full(len(labels), 2)
    classes = np.array([*EMOTIONS, "contempt"])
    np.savez(path, images=images, labels=labels, classes=classes, usage=usage)
    return path


def test_the_command_writes_its_report(data, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["evaluate", "groups", "--data", str(data), "--models", "embedded", "--draws", "20"]
    assert main([*command, "-o", str(out)]) == 0
    printed = capsys.readouterr().out
    found = json.loads((out / "groups.json").read_text())
    assert len(found["results"]) == 12
    assert found["intervals"] is None  # there are no raters to judge them by
    assert len(found["pooled"]) == 3
    assert [r["label"] for r in found["pooled"]] == [
        "all distributions together, 50% of faces degraded",
        "all distributions together, all faces degraded alike (one bad camera)",
        "all distributions together, faces as they are",
    ]
    report = (out / "report.md").read_text()
    for text in (printed, report):
        for result in (*found["results"], *found["pooled"]):
            assert result["label"] in text
            for one in result["default_against"].values():
                assert f"{one['jsd_difference']:+.5f} ± " in text
        assert "drawn independently" in text
        assert "no --split was given" in text
        assert "neutral: fewer than 20 faces" in text
        assert "none of the seven" in text
        assert "seed 42" in text
        assert found["model"]["sha256"][:12] in text
        assert f"{found['model']['temperature']:.2f}"[:3] in text
    strategies = found["results"][0]["strategies"]
    assert set(strategies) == set(study.STRATEGIES)
    assert strategies[study.BASELINE]["jsd_change"] == 0
    assert 0 < strategies["default"]["jsd"] < np.log(2)
    assert found["skipped"][0]["what"] == "class contempt (2 pictures)"
    assert sorted(p.name for p in out.iterdir()) == [
        "by_group_size.png",
        "by_strategy.png",
        "groups.json",
        "report.md",
    ]
    assert main([*command, "-o", str(out)]) == 2
    assert "--overwrite" in capsys.readouterr().err


def voted(path: Path) -> Path:
    """Votes row for row with ``data``: nine of ten for the label, one for the mood after it."""
    with np.load(path) as arrays:
        labels = arrays["labels"]
    after = np.where(labels < K, (labels + 1) % K, K)
    votes = 9 * np.eye(K + 1, dtype=int)[labels] + np.eye(K + 1, dtype=int)[after]
    np.savez(path.parent / "votes.npz", votes=votes, classes=np.array([*EMOTIONS, "contempt"]))
    return path.parent / "votes.npz"


def test_the_truth_of_a_group_is_the_mean_share_of_the_raters(data):
    faces = load(data, votes=voted(data))
    predictions = drawing.predict_all(Knows(1.0), faces, changes={"as is": as_is})
    rng = np.random.default_rng(0)
    group = drawing.GroupSampler(predictions).group(rng, drawing.varied, 30, AS_IS)
    labels = load(data, truth="labels")
    by_label = drawing.predict_all(Knows(1.0), labels, changes={"as is": as_is})
    rng = np.random.default_rng(0)
    same = drawing.GroupSampler(by_label).group(rng, drawing.varied, 30, AS_IS)
    np.testing.assert_allclose(group.truth, 0.9 * same.truth + 0.1 * np.roll(same.truth, 1))
    assert set(np.round(30 * same.truth, 9) % 1) == {0.0}  # of labels: whole people


@pytest.mark.parametrize("command", ["stability", "entropy"])
def test_every_command_of_groups_takes_votes(command, data, capsys):
    words = [command, "--data", data, "--votes", voted(data), "--models", "embedded", "--each", "2"]
    assert main(["evaluate", *map(str, words)]) == 0
    printed = capsys.readouterr().out
    assert "what its 10 raters named" in printed
    assert "the truth lies inside" not in printed


def test_intervals_are_judged_by_raters_alone(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(coverage, "PEOPLE", (1, 4))
    command = ["evaluate", "groups", "--data", str(data), "--models", "embedded", "--draws", "4"]
    assert main([*command, "--fit-intervals"]) == 2
    assert "--fit-intervals needs votes" in capsys.readouterr().err
    with_votes = ["--votes", str(voted(data)), "--fit-intervals", "-o", str(tmp_path / "out")]
    assert main([*command, *with_votes]) == 0
    printed = capsys.readouterr().out
    assert "what its 10 raters named" in printed
    assert "the truth lies inside" in printed
    found = json.loads((tmp_path / "out" / "groups.json").read_text())["intervals"]
    assert [row["people"] for row in found["groups"]] == list(coverage.PEOPLE)
    assert [row["people"] for row in found["timelines"]] == list(coverage.PEOPLE)
    assert set(found["fitted"]) == {"own", "common"}
    assert "## Intervals" in (tmp_path / "out" / "report.md").read_text()


def test_a_group_of_so_many_people(certain):
    result = study.study(certain, "varied", HALF, study.GroupStudySettings(60, 12, 12))
    assert set(result.sizes) == {12}


@pytest.mark.parametrize("wrong", [["--draws", "1"], ["--degraded", "2"], ["--data", "none.npz"]])
def test_bad_input_is_one_line(data, wrong, capsys):
    with_data = [] if wrong[0] == "--data" else ["--data", str(data)]
    try:
        code: object = main(["evaluate", "groups", *with_data, *wrong])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    assert capsys.readouterr().err.count("\n") == 1
