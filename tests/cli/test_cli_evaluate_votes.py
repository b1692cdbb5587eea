"""`moodstream evaluate emotions` where faces have votes, and by attributes of the people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.fakes import direct
from support.media import read_frames

from moodstream.realtime import maths
from moodstream.realtime.cli import entry
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.datasets.faces import load
from moodstream.realtime.evaluation.datasets.synonyms import VOTED
from moodstream.realtime.evaluation.emotions import report, unjudged_report
from moodstream.realtime.evaluation.emotions.calibrate import cross_entropy, fit
from moodstream.realtime.networks.classifiers.calibration import rescale

HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")


@pytest.fixture(scope="module")
def voted(langer, networks, tmp_path_factory) -> Path:
    """The woman of the sample clip, 120 times, as ten raters might see her, and two blurs."""
    images, rows = [], []
    for t, image in read_frames(langer)[::12]:
        found = networks.detector.detect([image], 0.5)[0].boxes
        if len(found):
            x1, y1, x2, y2 = np.rint(found[0]).astype(int)
            images.append(cv2.resize(image[max(0, y1) : y2, max(0, x1) : x2], (64, 64)))
            rows.append((t < 7, t))
    rng = np.random.default_rng(0)
    votes = np.zeros((120, len(VOTED)), int)
    for i in range(120):
        p = np.full(len(VOTED), 0.03)
        p[SAD if rows[i % len(rows)][0] else HAPPY] = 1.0
        votes[i] = rng.multinomial(10, p / p.sum())
    votes[7] = 0  # nobody looked at this one
    camera = np.array(["left", "right"])[np.arange(120) % 2]
    faces = np.stack([images[i % len(images)] for i in range(120)])
    for i in range(1, 120, 2):  # those of the right one
        faces[i] = cv2.GaussianBlur(faces[i], (0, 0), 6)
    path = tmp_path_factory.mktemp("voted") / "faces.npz"
    coin = rng.choice(["heads", "tails"], 120)
    labelled: dict[str, Any] = {"labels": votes[:, :7].argmax(1), "classes": np.array(EMOTIONS)}
    labelled |= {"votes": votes, "vote_classes": np.array(VOTED)}
    np.savez(path, images=faces[..., ::-1], coin=coin, camera=camera, **labelled)
    return path


def run(*arguments: object) -> int:
    asked = ["evaluate", "emotions", *map(str, arguments), "--models", "embedded"]
    return entry.main([*asked, "--device", "cpu"])


def test_the_command_from_votes_to_report(voted, networks, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / report.ATTRIBUTES_CHART).write_text("of an earlier run, with --by")
    assert run("--data", voted, "-o", out, "--sizes", "16", "--overwrite") == 0
    assert sorted(p.name for p in out.iterdir()) == sorted(report.OUTPUTS)
    printed = capsys.readouterr().out
    kept = json.loads((out / "metrics.json").read_text())
    votes, text = kept["votes"], (out / "report.md").read_text()
    faces = load(voted)
    probs = direct(networks.classifier, faces)
    assert kept["n"] == votes["n"] == 119
    assert votes["agreement"] == kept["accuracy"]
    assert votes["agreement"] == pytest.approx((probs.argmax(1) == faces.labels).mean(), abs=1e-6)
    assert votes["jsd"] == pytest.approx(maths.row_jsd(probs, faces.truth).mean(), abs=1e-4)
    assert votes["own_labels"]["n"] == 119
    assert votes["people"]["n"] == 119
    shares = [part["true"] for part in votes["per_class"].values()]
    assert shares == pytest.approx(faces.truth.mean(0), abs=1e-6)
    assert set(votes["reliability"]["after"]) == set(EMOTIONS)
    for step in (kept["by_size"]["16"], *kept["by_blur"].values()):
        assert step["votes"]["jsd"] > 0
    assert f"agreement          {votes['agreement']:.3f}" in printed
    assert f"→ {votes['jsd']:.4f}" in printed
    assert "1 × no rater" in printed
    for words in ("People against people", "JSD to the shares", f"{votes['agreement']:.1%}"):
        assert words in text
    widths = {line.count("|") for line in text.splitlines() if line.startswith("| as they are")}
    assert widths == {9}
    for path in out.glob("*.png"):
        assert cv2.imread(str(path)).std() > 5


def test_votes_beside_the_data_and_labels_as_the_truth(voted, tmp_path, capsys):
    with np.load(voted) as arrays:
        kept = {name: arrays[name] for name in arrays.files}
    alone, beside = tmp_path / "alone.npz", tmp_path / "votes.npz"
    np.savez(beside, votes=kept.pop("votes"), classes=kept.pop("vote_classes"))
    np.savez(alone, **kept)
    found = []
    for words in (
        ["--data", voted],
        ["--data", alone, "--votes", beside],
        ["--data", voted, "--truth", "labels"],
        ["--data", alone],
    ):
        assert run(*words, "--sizes", "none", "--json") == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0]["votes"] == found[1]["votes"] is not None
    assert found[2]["votes"] is found[3]["votes"] is None
    assert found[2]["cross_entropy"] == found[3]["cross_entropy"]
    assert found[3]["n"] == 120


def test_a_calibration_is_fitted_to_the_votes(voted, tmp_path, capsys):
    path = tmp_path / "fitted.json"
    assert run("--data", voted, "--sizes", "none", "--save-calibration", path, "--json") == 0
    before = json.loads(capsys.readouterr().out)
    kept = json.loads(path.read_text())
    assert kept["data"] == "faces.npz, shares of raters"
    assert run("--data", voted, "--sizes", "none", "--calibration", path, "--json") == 0
    after = json.loads(capsys.readouterr().out)
    assert after["temperature"] == kept["temperature"]
    assert after["votes"]["kl"] <= min(before["votes"]["kl"], after["votes"]["uncalibrated"]["kl"])
    assert run("--data", voted, "--sizes", "none", "--calibration", "none", "--json") == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["votes"]["kl"] == after["votes"]["uncalibrated"]["kl"]


def test_the_fit_is_that_of_the_shares(voted, networks):
    from moodstream.realtime.evaluation.emotions.evaluate import without_temperature

    faces = load(voted)
    probs = direct(without_temperature(networks.classifier), faces)
    temperature, _ = fit(probs, faces.truth)
    best = cross_entropy(rescale(probs, temperature), faces.truth)
    for factor in (0.9, 1.1):
        assert best < cross_entropy(rescale(probs, temperature * factor), faces.truth)


def test_whom_it_fails(voted, tmp_path, capsys):
    out = tmp_path / "out"
    some = ("--data", voted, "--limit", 80, "--sizes", "none", "-o", out)
    assert run(*some, "--by", "Camera", "--by", "coin") == 0
    assert sorted(p.name for p in out.iterdir()) == sorted(
        [*report.OUTPUTS, report.ATTRIBUTES_CHART]
    )
    printed, text = capsys.readouterr().out, (out / "report.md").read_text()
    camera, coin = json.loads((out / "metrics.json").read_text())["by"]
    assert [group["value"] for group in camera["groups"]] == ["left", "right"]
    assert sum(group["n"] for group in camera["groups"]) == 80
    quality = next(d for d in camera["differences"] if d["figure"] == "quality")
    assert (quality["higher"], quality["beyond_chance"]) == ("left", True)
    by_coin = next(d for d in coin["differences"] if d["figure"] == "quality")
    assert not by_coin["beyond_chance"]
    assert "quality: left above right" in printed
    assert "may be chance" in printed
    for words in ("## Whom it fails", "### By camera", "### By coin", "(by_attribute.png)"):
        assert words in text
    assert cv2.imread(str(out / report.ATTRIBUTES_CHART)).std() > 5


def test_detection_by_a_column_of_a_csv(footage, tmp_path, capsys):
    """A table as that of FairFace, with a mood: three of its pictures hold no face."""
    photo = cv2.imread(str(footage["single_face.jpg"]))
    cv2.imwrite(str(tmp_path / "face.jpg"), photo)
    cv2.imwrite(str(tmp_path / "wall.jpg"), np.full((200, 200, 3), 120, np.uint8))
    lines = ["file,age,gender,race,emotion"]
    for i in range(32):
        age = "0-2" if i % 2 else "20-29"
        name = "wall.jpg" if i in (1, 3, 5) else "face.jpg"
        lines.append(f"{name},{age},Male,Group {i % 3},{'happy' if i % 4 else 'neutral'}")
    table = tmp_path / "faces.csv"
    table.write_text("\n".join(lines) + "\n")
    some = ("--data", table, "--detect", "--by", "age", "--sizes", "none", "--json")
    assert run(*some) == 0
    (age,) = json.loads(capsys.readouterr().out)["by"]
    got = {
        g["value"]: (g["n"], g["pictures"], g["figures"]["detected"]["mean"]) for g in age["groups"]
    }
    assert got == {"0-2": (13, 16, 0.8125), "20-29": (16, 16, 1.0)}
    assert all(group["few"] for group in age["groups"])
    assert age["differences"] == []


def test_by_a_column_where_no_mood_is_known(voted, tmp_path, capsys):
    """A table as that of FairFace as it is: no label and no votes."""
    faces = load(voted)
    lines = ["file,gender,service_test"]
    for i, image in enumerate(faces.images[7:77]):  # after the one left out, every other is soft
        cv2.imwrite(str(tmp_path / f"{i}.png"), image)
        lines.append(f"{i}.png,{'Male' if i % 2 else 'Female'},True")
    table, out = tmp_path / "faces.csv", tmp_path / "out"
    table.write_text("\n".join(lines) + "\n")
    assert run("--data", table, "--by", "gender") == 2
    assert "expected a column label" in capsys.readouterr().err
    assert run("--data", table, "--truth", "none") == 2
    assert "needs --by" in capsys.readouterr().err
    assert run("--data", table, "--truth", "none", "--by", "gender", "-o", out) == 0
    assert {p.name for p in out.iterdir()} == set(unjudged_report.OUTPUTS)
    printed, text = capsys.readouterr().out, (out / "report.md").read_text()
    (gender,) = json.loads((out / "metrics.json").read_text())["by"]
    assert [(g["value"], g["n"]) for g in gender["groups"]] == [("Female", 35), ("Male", 35)]
    assert set(gender["groups"][0]["figures"]) == {"quality", *EMOTIONS}
    assert "quality: Female above Male" in printed
    assert "predicted share of, by gender" in text
    assert "true" not in printed


@pytest.mark.parametrize(
    "wrong",
    [
        ["--by", "race"],
        ["--by", ""],
        ["--votes", "none.npz"],
        ["--votes", "short.csv"],
        ["--truth", "both"],
        ["--truth", "none", "--by", "coin", "--save-calibration", "fitted.json"],
    ],
    ids=" ".join,
)
def test_bad_input_is_one_line_and_writes_nothing(wrong, voted, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("short.csv").write_text("happy,sad\n1,2\n")
    try:
        code = run("--data", voted, *wrong, "-o", "out")
    except SystemExit as end:  # argparse
        code = int(end.code or 0)
    assert code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["short.csv"]


def test_columns_are_looked_up_before_a_network_is_loaded(voted, capsys):
    assert run("--data", voted, "--by", "race", "--emotion", "clever") == 2
    assert "--by race: the data has no such column; there are" in capsys.readouterr().err
