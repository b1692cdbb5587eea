"""A run over a folder of photos: its figures and what it writes."""

from __future__ import annotations

import csv
import json
import math
import sys

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from support.fakes import Finds, models_of, noise
from support.photo_runs import BOXES, SMALL, ends_after, files_in, run, write_photos

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import EmotionPredictions
from moodstream.realtime.networks.models import Models
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.photos.analyse import analyse_photo
from moodstream.realtime.runs.photos.names import picture_name
from moodstream.realtime.runs.photos.run import BATCH
from moodstream.realtime.runs.photos.settings import PhotoRunSettings

# ---- the figures, by hand


class Predicts:
    """A classifier that predicts something else for each face of a picture."""

    name = "predicts"
    classes: tuple[str, ...] = EMOTIONS

    def __init__(self, probs):
        self.probs = np.asarray(probs, np.float32)

    def classify(self, images, boxes):
        rows = [self.probs[: len(each)] for each in boxes]
        return EmotionPredictions(np.concatenate(rows))


def blur_by_hand(grey):
    """Variance of the four-neighbour Laplacian, edges mirrored without repeating the last."""
    g = np.pad(grey.astype(np.float64), 1, mode="reflect")
    laplacian = g[:-2, 1:-1] + g[2:, 1:-1] + g[1:-1, :-2] + g[1:-1, 2:] - 4 * g[1:-1, 1:-1]
    return float(((laplacian - laplacian.mean()) ** 2).mean())


def percentile_by_hand(values, percent):
    ordered, place = sorted(values), (len(values) - 1) * percent / 100
    low = math.floor(place)
    return ordered[low] + (place - low) * (ordered[min(low + 1, len(values) - 1)] - ordered[low])


def adapted_by_hand(probs, weights, prior):
    """Shares of a group in which the prior counts for 20 people."""
    others = sum(weights) ** 2 / sum(w * w for w in weights) - 1
    shares = [0.0] * 7
    for i, (mine, weight) in enumerate(zip(probs, weights, strict=True)):
        rest = [(p, w) for j, (p, w) in enumerate(zip(probs, weights, strict=True)) if j != i]
        total = sum(w for _, w in rest)
        adapted = []
        for k in range(7):
            expected = sum(w * p[k] for p, w in rest) / total
            adapted.append(mine[k] * (20 * prior[k] + others * expected) / prior[k])
        for k in range(7):
            shares[k] += weight / sum(weights) * adapted[k] / sum(adapted)
    return shares


def test_figures_by_hand(tmp_path):
    probs = np.random.default_rng(5).dirichlet(np.ones(7), 3)
    image = cv2.GaussianBlur(noise(), (0, 0), 1.2)
    image[:, 80:] = noise()[:, 80:]
    (tmp_path / "set").mkdir()
    cv2.imwrite(str(tmp_path / "set" / "one.png"), image)
    models = Models(Finds(BOXES), Predicts(probs), {})
    summary = run(tmp_path / "set", tmp_path / "out", models, quality="dataset")

    sides = [min(x2 - x1, y2 - y1) for x1, y1, x2, y2 in BOXES]
    blurs = [blur_by_hand(image[y1:y2, x1:x2, 0]) for x1, y1, x2, y2 in BOXES]
    qualities = []
    for side, blur in zip(sides, blurs, strict=True):
        norms = []
        for x, values in ((side, sides), (blur, blurs)):
            p5, p95 = (percentile_by_hand(values, p) for p in (5, 95))
            norms.append(min(1.0, max(0.0, (x - p5) / (p95 - p5 + 1e-6))))
        qualities.append(0.7 * math.sqrt(norms[0]) + 0.3 * math.sqrt(norms[1]))
    weights = [q + 1e-6 for q in qualities]
    shares = [sum(w * p[k] for w, p in zip(weights, probs, strict=True)) for k in range(7)]
    shares = [m / sum(weights) for m in shares]

    faces = pq.read_table(tmp_path / "out" / "faces.parquet").to_pylist()
    assert [f["min_side"] for f in faces] == sides
    np.testing.assert_allclose([f["blur"] for f in faces], blurs, rtol=1e-4)
    np.testing.assert_allclose([f["quality"] for f in faces], qualities, atol=1e-5)
    np.testing.assert_allclose(
        [f["weight"] for f in faces], [w / sum(weights) for w in weights], atol=1e-5
    )
    (photo,) = pq.read_table(tmp_path / "out" / "photos.parquet").to_pylist()
    np.testing.assert_allclose([photo[f"w_{name}"] for name in EMOTIONS], shares, atol=1e-5)
    np.testing.assert_allclose([photo[f"u_{n}"] for n in EMOTIONS], probs.mean(0), atol=1e-6)
    group = adapted_by_hand(probs.tolist(), [math.sqrt(w) for w in weights], models.prior)
    np.testing.assert_allclose([photo[f"p_{name}"] for name in EMOTIONS], group, atol=1e-5)
    assert photo["entropy"] == pytest.approx(-sum(m * math.log(m) for m in group), abs=1e-5)
    assert photo["peak"] == pytest.approx(max(group), abs=1e-5)
    assert photo["dominant"] == EMOTIONS[group.index(max(group))]
    kish = sum(weights) ** 2 / sum(w * w for w in weights)
    assert photo["effective_people"] == pytest.approx(kish, abs=1e-4)
    assert summary["quality"]["side"] == pytest.approx(
        [percentile_by_hand(sides, p) for p in (5, 95)]
    )


def test_files_have_the_figures_of_one_photo_alone(tmp_path):
    write_photos(tmp_path / "set", 3)
    run(tmp_path / "set", tmp_path / "out", quality="fixed")
    faces = pq.read_table(tmp_path / "out" / "faces.parquet").to_pylist()
    alone = analyse_photo(noise(seed=1), models_of(BOXES), SMALL)
    mine = [f for f in faces if f["photo"] == "0001.png"]
    assert [f["face"] for f in mine] == [1, 2, 3]
    np.testing.assert_allclose([f["quality"] for f in mine], alone.quality, rtol=1e-6)
    np.testing.assert_allclose([f["weight"] for f in mine], alone.weights, rtol=1e-6)
    assert {f["label"] for f in mine} == {"happy"}
    assert mine[0]["confidence"] == pytest.approx(0.8)
    assert mine[0]["left_eye_x"] is None  # this detector finds no landmarks


# ---- what is written


def test_everything_that_was_promised_is_there(tmp_path):
    folder = write_photos(tmp_path / "set", 4)
    (folder / "bad.jpg").write_bytes(b"no picture")
    summary = run(folder, tmp_path / "out", targets=("happy", "sad"))
    assert files_in(tmp_path / "out") == [
        *(f"annotated/{i:04d}.png.jpg" for i in range(4)),
        "contributors_happy.png",
        "contributors_sad.png",
        "faces.parquet",
        "faces_by_quality.png",
        "failures.csv",
        "photos.parquet",
        "report.html",
        "summary.json",
    ]
    with (tmp_path / "out" / "failures.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["photo", "reason"], ["bad.jpg", "not a picture"]]
    counts = summary["counts"]
    assert (counts["photos"], counts["failed"], counts["faces"]) == (4, 1, 12)
    assert summary["targets"]["happy"]["weighted"] == pytest.approx(0.8)
    assert [step["faces"] for step in summary["stability"]] == [2]  # of three
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == json.loads(
        json.dumps(summary)
    )
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for words in ("Examples by entropy", "Who contributes to sad", "bad.jpg", "not a picture"):
        assert words in page
    assert "http://" not in page.split("<script>")[0]


@pytest.mark.parametrize("privacy", [Privacy.OFF, Privacy.BLUR])
def test_without_pictures_no_face_is_written(tmp_path, privacy):
    write_photos(tmp_path / "set", 2)
    run(tmp_path / "set", tmp_path / "out", pictures=False, privacy=privacy)
    assert files_in(tmp_path / "out") == [
        "faces.parquet",
        "failures.csv",
        "photos.parquet",
        "report.html",
        "summary.json",
    ]
    assert "data:image/jpeg" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_blur_hides_every_face_and_makes_no_contact_sheets(tmp_path):
    write_photos(tmp_path / "set", 1)
    run(tmp_path / "set", tmp_path / "out", privacy=Privacy.BLUR)
    assert files_in(tmp_path / "out")[0] == "annotated/0000.png.jpg"
    assert not list((tmp_path / "out").glob("*.png"))
    hidden = cv2.imread(str(tmp_path / "out" / "annotated" / "0000.png.jpg"))
    scale = hidden.shape[0] // 120  # small pictures are enlarged
    for x1, y1, x2, y2 in BOXES:
        inside = np.s_[(y1 + 8) * scale : (y2 - 8) * scale, (x1 + 8) * scale : (x2 - 8) * scale]
        assert hidden[inside].std() < 25 < noise().std() / 2


def test_group_privacy_writes_nothing_about_anybody(tmp_path):
    folder = write_photos(tmp_path / "set", BATCH + 1)
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out", privacy=Privacy.GROUP, tick=ends_after(1))
    kept = files_in(tmp_path / "out")  # a run that was ended is no more talkative
    assert kept == ["unfinished/photos-000000.parquet", "unfinished/settings.json"]
    run(folder, tmp_path / "out", privacy=Privacy.GROUP)
    assert files_in(tmp_path / "out") == [
        "failures.csv",
        "photos.parquet",
        "report.html",
        "summary.json",
    ]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "data:image/jpeg" not in page
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["bins"] == summary["targets"] == {}


@pytest.mark.parametrize(("people", "shown"), [(1, False), (2, False), (3, True)])
def test_group_privacy_needs_three_people(tmp_path, people, shown):
    write_photos(tmp_path / "set", 1)
    run(tmp_path / "set", tmp_path / "out", models_of(BOXES[:people]), privacy=Privacy.GROUP)
    (row,) = pq.read_table(tmp_path / "out" / "photos.parquet").to_pylist()
    assert row["faces"] == people
    figures = [v for k, v in row.items() if k[:2] in ("p_", "w_", "u_")]
    figures += [row["entropy"], row["dominant"], row["peak"]]
    assert all((value is not None) == shown for value in figures)
    assert ("happy" in (tmp_path / "out" / "report.html").read_text().split("<main>")[0]) == shown


def test_group_privacy_cannot_measure_against_the_set():
    with pytest.raises(ValueError, match="use --quality fixed"):
        PhotoRunSettings(quality="dataset", privacy=Privacy.GROUP)


def test_a_set_without_faces_still_has_a_report(tmp_path):
    write_photos(tmp_path / "set", 2)
    summary = run(tmp_path / "set", tmp_path / "out", models_of([]), quality="dataset")
    assert summary["mix"]["probs"] is None
    assert summary["counts"]["without_faces"] == 2
    assert "No faces were found" in (tmp_path / "out" / "report.html").read_text()
    assert not (tmp_path / "out" / "annotated").exists()


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["a.jpg", "b/a.JPEG"], ["a.jpg", "b/a.JPEG"]),
        (["a.png", "a.png.jpg"], ["a.png.jpg", "a.png.jpg.jpg"]),
        (["trip.2019.jpg"], ["trip.2019.jpg"]),
    ],
)
def test_no_two_annotated_pictures_share_a_name(names, found):
    assert [picture_name(name) for name in names] == found


def test_long_names_become_short_and_stay_apart():
    one, other = (picture_name(f"a/{'x' * 240}{i}.png") for i in range(2))
    assert one != other
    assert one.startswith("a/xxx")
    assert len(one) < 80


# ---- text


def test_words_in_the_photos(tmp_path):
    pytest.importorskip("rapidocr")
    photos = write_photos(tmp_path / "in", 2)
    sign = np.full((200, 640, 3), 230, np.uint8)
    cv2.putText(sign, "WELCOME", (40, 130), cv2.FONT_HERSHEY_SIMPLEX, 3, (0, 0, 0), 6)
    cv2.imwrite(str(photos / "0001.png"), sign)
    counts = run(photos, tmp_path / "out", text=True, quality="dataset")["counts"]
    rows = pq.read_table(tmp_path / "out" / "photos.parquet")["text"].to_pylist()
    assert rows == ["", "WELCOME"]
    assert counts["with_text"] == 1
    assert "WELCOME" in (tmp_path / "out" / "report.html").read_text()
    assert "with_text" not in run(photos, tmp_path / "plain")["counts"]
    rows = pq.read_table(tmp_path / "plain" / "photos.parquet")["text"].to_pylist()
    assert rows == [None, None]


def test_what_text_needs_is_one_line(tmp_path, monkeypatch):
    photos = write_photos(tmp_path / "in", 1)
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(MoodstreamError, match=r"pip install 'moodstream\[text\]'"):
        run(photos, tmp_path / "out", text=True)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match="--text: words on badges"):
        PhotoRunSettings(text=True, privacy=Privacy.GROUP)
