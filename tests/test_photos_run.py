from __future__ import annotations

import csv
import json
import math
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from media import ultralytics_pictures
from test_photos import Finds, models_of, noise

from moodstream.realtime.cli import main
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import EMOTIONS, Readings
from moodstream.realtime.models import Models
from moodstream.realtime.photos.analyse import PhotoSettings, analyse_photo
from moodstream.realtime.photos.reading import find_photos
from moodstream.realtime.photos.run import BATCH, PhotoRun, RunSettings, picture_name

BOXES = [[10, 10, 60, 70], [90, 20, 130, 90], [40, 80, 70, 110]]
SMALL = PhotoSettings(min_face=4)


def write_photos(folder, count, seed=0):
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        cv2.imwrite(str(folder / f"{i:04d}.png"), noise(seed=seed + i))
    return folder


def run(folder, out, models=None, tick=lambda *_: None, **settings):
    asked = RunSettings(**{"photo": SMALL, **settings})
    job = PhotoRun(find_photos([folder], beside=out), out, models or models_of(BOXES), asked)
    return job.go(tick)


def files_in(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def ends_after(batches):
    """A tick that breaks the run off as a user would, once so many batches are kept."""

    def tick(stage, done, total):
        if stage == "photos" and done >= batches * BATCH:
            raise KeyboardInterrupt

    return tick


# ---- the seed's figures


class Reads:
    """A classifier that says something else of each face of a picture."""

    name, classes = "reads", EMOTIONS

    def __init__(self, probs):
        self.probs = np.asarray(probs, np.float32)

    def classify(self, images, boxes):
        rows = [self.probs[: len(each)] for each in boxes]
        return Readings(np.concatenate(rows))


def blur_by_hand(grey):
    """Variance of the four-neighbour Laplacian, edges mirrored without repeating the last."""
    g = np.pad(grey.astype(np.float64), 1, mode="reflect")
    laplacian = g[:-2, 1:-1] + g[2:, 1:-1] + g[1:-1, :-2] + g[1:-1, 2:] - 4 * g[1:-1, 1:-1]
    return float(((laplacian - laplacian.mean()) ** 2).mean())


def percentile_by_hand(values, percent):
    ordered, place = sorted(values), (len(values) - 1) * percent / 100
    low = math.floor(place)
    return ordered[low] + (place - low) * (ordered[min(low + 1, len(values) - 1)] - ordered[low])


def test_the_seeds_figures_by_hand(tmp_path):
    probs = np.random.default_rng(5).dirichlet(np.ones(7), 3)
    image = cv2.GaussianBlur(noise(), (0, 0), 1.2)
    image[:, 80:] = noise()[:, 80:]
    (tmp_path / "set").mkdir()
    cv2.imwrite(str(tmp_path / "set" / "one.png"), image)
    models = Models(Finds(BOXES), Reads(probs), {})
    summary = run(tmp_path / "set", tmp_path / "out", models, quality="seed")

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
    mix = [sum(w * p[k] for w, p in zip(weights, probs, strict=True)) for k in range(7)]
    mix = [m / sum(weights) for m in mix]

    faces = pq.read_table(tmp_path / "out" / "faces.parquet").to_pylist()
    assert [f["min_side"] for f in faces] == sides
    np.testing.assert_allclose([f["blur"] for f in faces], blurs, rtol=1e-4)
    np.testing.assert_allclose([f["quality"] for f in faces], qualities, atol=1e-5)
    np.testing.assert_allclose(
        [f["weight"] for f in faces], [w / sum(weights) for w in weights], atol=1e-5
    )
    (photo,) = pq.read_table(tmp_path / "out" / "photos.parquet").to_pylist()
    np.testing.assert_allclose([photo[f"w_{name}"] for name in EMOTIONS], mix, atol=1e-5)
    np.testing.assert_allclose([photo[f"u_{n}"] for n in EMOTIONS], probs.mean(0), atol=1e-6)
    assert photo["entropy"] == pytest.approx(-sum(m * math.log(m) for m in mix), abs=1e-5)
    assert photo["peak"] == pytest.approx(max(mix), abs=1e-5)
    assert photo["dominant"] == EMOTIONS[mix.index(max(mix))]
    kish = sum(weights) ** 2 / sum(w * w for w in weights)
    assert photo["effective_people"] == pytest.approx(kish, abs=1e-4)
    assert summary["quality"]["side"] == pytest.approx(
        [percentile_by_hand(sides, p) for p in (5, 95)]
    )


def test_files_say_the_same_as_one_photo_alone(tmp_path):
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


@pytest.mark.parametrize("privacy", ["off", "blur"])
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


def test_blur_hides_every_face_and_makes_no_sheets(tmp_path):
    write_photos(tmp_path / "set", 1)
    run(tmp_path / "set", tmp_path / "out", privacy="blur")
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
        run(folder, tmp_path / "out", privacy="group", tick=ends_after(1))
    kept = files_in(tmp_path / "out")  # a run that was ended is no more talkative
    assert kept == ["unfinished/photos-000000.parquet", "unfinished/settings.json"]
    run(folder, tmp_path / "out", privacy="group")
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


@pytest.mark.parametrize(("people", "told"), [(1, False), (2, False), (3, True)])
def test_group_privacy_needs_three_people(tmp_path, people, told):
    write_photos(tmp_path / "set", 1)
    run(tmp_path / "set", tmp_path / "out", models_of(BOXES[:people]), privacy="group")
    (row,) = pq.read_table(tmp_path / "out" / "photos.parquet").to_pylist()
    assert row["faces"] == people
    figures = [v for k, v in row.items() if k[:2] in ("w_", "u_", "s_")]
    figures += [row["entropy"], row["dominant"], row["peak"]]
    assert all((value is not None) == told for value in figures)
    assert ("happy" in (tmp_path / "out" / "report.html").read_text().split("<main>")[0]) == told


def test_group_privacy_cannot_measure_against_the_set():
    with pytest.raises(ValueError, match="use --quality fixed"):
        RunSettings(quality="seed", privacy="group")


def test_a_set_without_faces_still_has_a_report(tmp_path):
    write_photos(tmp_path / "set", 2)
    summary = run(tmp_path / "set", tmp_path / "out", models_of([]), quality="seed")
    assert summary["mix"]["weighted"] is None
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


# ---- going on


def test_a_run_that_was_ended_goes_on(tmp_path):
    folder = write_photos(tmp_path / "set", BATCH + 5)
    (folder / "bad.png").write_bytes(b"")
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out", quality="seed", tick=ends_after(1))
    summary = run(folder, tmp_path / "out", quality="seed")
    assert summary["speed"]["photos_read"] == 6
    whole = run(folder, tmp_path / "whole", quality="seed")
    assert whole["speed"]["photos_read"] == BATCH + 6
    for name in ("faces.parquet", "photos.parquet"):
        assert pq.read_table(tmp_path / "out" / name).equals(
            pq.read_table(tmp_path / "whole" / name)
        )
    assert files_in(tmp_path / "out") == files_in(tmp_path / "whole")


def test_photos_that_changed_or_went_in_the_meantime(tmp_path):
    folder = write_photos(tmp_path / "set", BATCH + 2)
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out", pictures=False, tick=ends_after(1))
    cv2.imwrite(str(folder / "0000.png"), noise(200, 300))
    (folder / "0001.png").unlink()
    summary = run(folder, tmp_path / "out", pictures=False)
    assert summary["speed"]["photos_read"] == 3
    rows = pq.read_table(tmp_path / "out" / "photos.parquet").to_pylist()
    assert len(rows) == BATCH + 1
    assert rows[0]["width"] == 300
    assert len(pq.read_table(tmp_path / "out" / "faces.parquet")) == 3 * (BATCH + 1)


def test_other_settings_do_not_go_on(tmp_path):
    folder = write_photos(tmp_path / "set", BATCH + 2)
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out", pictures=False, tick=ends_after(1))
    other = PhotoSettings(min_face=5)
    with pytest.raises(MoodstreamError, match=r"other settings: min_face \(4 → 5\)"):
        run(folder, tmp_path / "out", pictures=False, photo=other)
    summary = run(folder, tmp_path / "out", pictures=False, photo=other, overwrite=True)
    assert summary["speed"]["photos_read"] == BATCH + 2


def test_results_are_replaced_only_when_asked(tmp_path):
    folder = write_photos(tmp_path / "set", 1)
    run(folder, tmp_path / "out", targets=("sad",))
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(MoodstreamError, match="--overwrite"):
        run(folder, tmp_path / "out")
    run(folder, tmp_path / "out", privacy="group", overwrite=True)
    left = files_in(tmp_path / "out")
    assert left == ["failures.csv", "mine.txt", "photos.parquet", "report.html", "summary.json"]


def test_results_of_another_command_are_replaced_when_asked(tmp_path):
    folder = write_photos(tmp_path / "set", 1)
    (tmp_path / "out" / "annotated").mkdir(parents=True)
    (tmp_path / "out" / "annotated" / "mine.jpg").write_bytes(b"mine")
    (tmp_path / "out" / "summary.json").write_text("{}")
    with pytest.raises(MoodstreamError, match="--overwrite"):
        run(folder, tmp_path / "out")
    run(folder, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "annotated" / "mine.jpg").exists()
    assert (tmp_path / "out" / "faces.parquet").exists()


def test_photos_that_cannot_be_read_at_all_can_be_tried_again(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.jpg").write_bytes(b"")
    with pytest.raises(MoodstreamError, match=r"none of 1 photos .*a.jpg: not a picture"):
        run(tmp_path / "set", tmp_path / "out")
    cv2.imwrite(str(tmp_path / "set" / "a.jpg"), noise())
    assert run(tmp_path / "set", tmp_path / "out")["counts"]["photos"] == 1


def test_memory_does_not_grow_with_the_photos(tmp_path):
    folder = write_photos(tmp_path / "set", 9 * BATCH)
    run(write_photos(tmp_path / "few", 2), tmp_path / "first", pictures=False)  # what is imported
    sizes = []

    def tick(stage, done, total):
        if stage == "photos":
            sizes.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    run(folder, tmp_path / "out", tick=tick, pictures=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(sizes) == 10
    assert sizes[-1] - sizes[3] < 300_000  # six batches later
    assert peak < sizes[3] + 40_000_000  # the report, and no more than a few pictures


# ---- the command


def copies(picture, folder, count):
    """So many small copies of a photo, no two alike."""
    folder.mkdir()
    small = cv2.resize(cv2.imread(str(picture)), (320, 213), interpolation=cv2.INTER_AREA)
    for i in range(count):
        cv2.imwrite(str(folder / f"{i:04d}.jpg"), np.roll(small, i, axis=1))
    return folder


def test_a_killed_run_loses_at_most_one_batch(tmp_path, footage):
    total = 5 * BATCH
    folder = copies(footage["multi_face.jpg"], tmp_path / "set", total)
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "moodstream.realtime.cli",
        "photos",
        str(folder),
        "-o",
        str(out),
    ]
    command += ["--models", "embedded", "--device", "cpu", "--json", "--quality", "seed"]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(out.glob("unfinished/photos-000001.parquet")):
        assert first.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait(30)
    kept = BATCH * len(list(out.glob("unfinished/photos-*.parquet")))
    started = len(list((out / "annotated").glob("*.jpg")))
    assert started - kept <= BATCH  # what the kill cost
    second = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    summary = json.loads(second.stdout)
    assert summary["speed"]["photos_read"] == total - kept
    assert summary["counts"]["photos"] == total
    photos = pq.read_table(out / "photos.parquet")["photo"].to_pylist()
    assert photos == sorted(p.name for p in folder.iterdir())
    assert not list(out.rglob("*.part"))
    assert not (out / "unfinished").exists()


def test_real_photos_by_the_command(tmp_path, footage, capsys):
    assets = ultralytics_pictures()
    photos = [footage["multi_face.jpg"], footage["Image_with_alpha.png"], assets / "zidane.jpg"]
    asked = [str(p) for p in (*photos, assets / "bus.jpg")]
    command = ["photos", *asked, "-o", str(tmp_path / "out"), "--models", "embedded"]
    assert main([*command, "--device", "cpu", "--target", "happy"]) == 0
    assert "Faces " in capsys.readouterr().out
    rows = pq.read_table(tmp_path / "out" / "photos.parquet").to_pylist()
    by_name = {Path(row["photo"]).name: row for row in rows}
    group = by_name["multi_face.jpg"]
    assert (group["faces"], group["dominant"]) == (5, "happy")
    assert group["effective_people"] > 4.5
    assert by_name["zidane.jpg"]["faces"] == 2
    assert by_name["bus.jpg"]["faces"] >= 2
    assert by_name["Image_with_alpha.png"]["dominant"] == "happy"
    faces = pq.read_table(tmp_path / "out" / "faces.parquet").to_pylist()
    for face in faces:  # landmarks lie in their boxes, eyes above mouth
        assert face["x1"] < face["nose_x"] < face["x2"]
        assert face["left_eye_y"] < face["left_mouth_y"]
    assert main(command) == 2
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["gone", "-o", "out"], "gone: no such file"),
        ([".", "-o", "out", "--target", "joy"], "--target joy: expected one of angry"),
        ([".", "-o", "out"], "holds no photos"),
        ([".", "-o", "out", "--privacy", "group", "--quality", "seed"], "use --quality fixed"),
    ],
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, capsys, options, words):
    monkeypatch.chdir(tmp_path)
    assert main(["photos", *options]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


# ---- text


def test_words_in_the_photos(tmp_path):
    pytest.importorskip("rapidocr")
    photos = write_photos(tmp_path / "in", 2)
    sign = np.full((200, 640, 3), 230, np.uint8)
    cv2.putText(sign, "WELCOME", (40, 130), cv2.FONT_HERSHEY_SIMPLEX, 3, (0, 0, 0), 6)
    cv2.imwrite(str(photos / "0001.png"), sign)
    counts = run(photos, tmp_path / "out", text=True, quality="seed")["counts"]
    rows = pq.read_table(tmp_path / "out" / "photos.parquet")["text"].to_pylist()
    assert rows == ["", "WELCOME"]
    assert counts["with_text"] == 1
    assert "WELCOME" in (tmp_path / "out" / "report.html").read_text()
    assert "with_text" not in run(photos, tmp_path / "plain")["counts"]
    rows = pq.read_table(tmp_path / "plain" / "photos.parquet")["text"].to_pylist()
    assert rows == [None, None]


def test_what_text_needs_is_said_in_one_line(tmp_path, monkeypatch):
    photos = write_photos(tmp_path / "in", 1)
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(MoodstreamError, match=r"pip install 'moodstream\[text\]'"):
        run(photos, tmp_path / "out", text=True)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match="--text: words on badges"):
        RunSettings(text=True, privacy="group")
