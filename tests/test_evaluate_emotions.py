"""`moodstream evaluate emotions`: the loop over faces, the files it writes, the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import read_frames

from moodstream.realtime import cli
from moodstream.realtime.calibration import Calibrated, cross_entropy, fit_temperature, rescale
from moodstream.realtime.classifiers.ensemble import Ensemble
from moodstream.realtime.classifiers.hsemotion import CLASSES
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation import metrics, report
from moodstream.realtime.evaluation.data import LabelledFaces, load
from moodstream.realtime.evaluation.detect import around, largest_faces
from moodstream.realtime.evaluation.emotions import EmotionSettings, bare, evaluate
from moodstream.realtime.evaluation.listing import Listing
from moodstream.realtime.evaluation.table import lines
from moodstream.realtime.frames import EMOTIONS, Detections, Readings
from moodstream.realtime.maths import fold_to
from moodstream.realtime.models import ModelInfo
from moodstream.realtime.outputs import finished, writing

FIVE = ("accuracy", "balanced_accuracy", "macro_f1", "cross_entropy", "ece")
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


class Bright:
    """Reads a class from the mean of the box: a made-up network with contempt."""

    classes = CLASSES

    def __init__(self, name: str = "bright", sharpness: float = 4.0) -> None:
        self.name, self.sharpness = name, sharpness
        self.seen: list[tuple[int, ...]] = []

    def classify(self, images, boxes):
        rows = []
        for image, where in zip(images, boxes, strict=True):
            for x1, y1, x2, y2 in np.rint(where).astype(int):
                inside = image[y1:y2, x1:x2]
                self.seen.append(inside.shape[:2])
                place = inside.mean() / 255 * (len(self.classes) - 1)
                z = -self.sharpness * (np.arange(len(self.classes)) - place) ** 2
                rows.append(np.exp(z) / np.exp(z).sum())
        return Readings(np.array(rows, np.float32).reshape(-1, len(self.classes)))


INFO = {"emotion": ModelInfo("bright", "bright.onnx", "0" * 64, "made up", "cpu", 2.0)}


@pytest.fixture
def faces() -> LabelledFaces:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 40)
    # some are labelled otherwise than they look
    looks = np.where(rng.random(40) < 0.7, labels, rng.integers(0, 7, 40))
    images = []
    for look, side in zip(looks, rng.choice([24, 60, 100], 40), strict=True):
        bright = CLASSES.index(EMOTIONS[look]) / 7 * 255
        noise = rng.normal(0, 12, (side, side + 10, 3))
        images.append(np.clip(bright + noise, 0, 255).astype(np.uint8))
    names = [f"face {i}.png" for i in range(40)]
    return LabelledFaces(images, labels, names, [("x.png", "not a picture")], "made up")


def direct(classifier, faces: LabelledFaces) -> np.ndarray:
    boxes = [faces.box(i)[None] for i in range(len(faces))]
    return fold_to(classifier.classify(faces.images, boxes).probs, classifier.classes, EMOTIONS)


# --- the loop


def test_figures_are_those_of_the_classifier_itself(faces):
    calibrated = Calibrated(Bright(), 2.0)
    done = evaluate(calibrated, faces)
    np.testing.assert_allclose(done.probs, direct(calibrated, faces), atol=1e-5)
    np.testing.assert_allclose(done.uncalibrated, direct(Bright(), faces), atol=1e-5)
    assert done.disagreement is None
    assert done.figures.n == 40
    assert done.confusion.sum() == 40


def test_one_pass_gives_the_figures_before_and_after_calibration(faces):
    inner = Bright()
    evaluate(Calibrated(inner, 2.0), faces, EmotionSettings((), ()))
    assert len(inner.seen) == len(faces)


def test_only_larger_faces_are_shrunk(faces):
    classifier = Bright()
    sides = faces.sides()
    done = evaluate(classifier, faces, EmotionSettings((64, 24), ()))
    assert done.by_size[64].unchanged == (sides <= 64).sum()
    assert done.by_size[24].unchanged == (sides <= 24).sum()
    again = classifier.seen[len(faces) :]
    assert {min(shape) for shape in again} == {64, 24}
    assert len(again) == (sides > 64).sum() + (sides > 24).sum()
    whole = evaluate(Bright(), faces, EmotionSettings((200,), ()))
    assert whole.by_size[200].as_is
    assert whole.by_size[200].figures == whole.figures


def test_blur_reads_every_face_again(faces):
    classifier = Bright()
    done = evaluate(classifier, faces, EmotionSettings((), (0.02, 0.08)))
    assert list(done.by_blur) == [0.02, 0.08]
    assert len(classifier.seen) == 3 * len(faces)
    assert all(step.unchanged == 0 for step in done.by_blur.values())


def test_a_box_is_shrunk_with_its_picture():
    image = np.full((300, 400, 3), 200, np.uint8)
    image[100:180, 50:150] = 20
    one = LabelledFaces(
        [image],
        np.zeros(1, np.int64),
        ["a"],
        [],
        "made up",
        np.array([[50, 100, 150, 180]], np.float32),
    )
    classifier = Bright()
    done = evaluate(classifier, one, EmotionSettings((40,), ()))
    assert classifier.seen == [(80, 100), (40, 50)]
    assert done.by_size[40].figures.cross_entropy == pytest.approx(done.figures.cross_entropy)


def test_every_temperature_is_taken_off(faces):
    a, b = Bright("a", 3.0), Bright("b", 5.0)
    assert bare(a) is a
    plain = Ensemble([a, b])
    assert bare(plain) is plain
    assert bare(Calibrated(plain, 2.0)) is plain
    nested = Calibrated(Ensemble([Calibrated(a, 0.5), Calibrated(b, 0.5)]), 2.0)
    done = evaluate(nested, faces, EmotionSettings((), ()))
    np.testing.assert_allclose(done.probs, direct(nested, faces), atol=1e-5)
    np.testing.assert_allclose(done.uncalibrated, direct(plain, faces), atol=1e-5)
    assert done.disagreement.shape == (40,)


def test_doubt_tells_mistakes(faces):
    done = evaluate(Ensemble([Bright("a", 3.0), Bright("b", 1.0)]), faces, EmotionSettings((), ()))
    got = done.uncertainty()
    wrong = ~done.right
    assert got["disagreement_wrong"] == pytest.approx(done.disagreement[wrong].mean(), rel=1e-5)
    assert got["auroc_disagreement"] == metrics.auroc(done.disagreement, wrong)
    mistakes = done.mistakes()
    assert wrong[mistakes].all()
    assert len(mistakes) == wrong.sum()
    assert (np.diff(done.probs[mistakes].max(1)) <= 0).all()


# --- whole photos


class Corners:
    """Finds two boxes in bright pictures and none in others."""

    name = "corners"

    def detect(self, images, min_confidence):
        boxes = np.array([[10, 10, 30, 30], [100, 50, 180, 170]], np.float32)
        bright = Detections(boxes, np.ones(2, np.float32))
        return [bright if image.mean() > 100 else Detections.none() for image in images]


def listing(images) -> Listing:
    names = [f"{i}.jpg" for i in range(len(images))]
    return Listing(names, np.zeros(len(images), np.int64), lambda i, _: images[i], "made up")


def test_the_largest_face_of_each_photo_is_read():
    photo = np.random.default_rng(0).integers(100, 256, (400, 600, 3), np.uint8)
    got = largest_faces(listing([np.zeros_like(photo), photo]), Corners())
    assert got.names == ["1.jpg"]
    assert got.skipped == [("0.jpg", "no face found")]
    x1, y1, x2, y2 = got.box(0).astype(int)
    np.testing.assert_array_equal(got.images[0][y1:y2, x1:x2], photo[50:170, 100:180])
    assert got.images[0].shape[0] < 400


def test_photos_without_any_face_are_refused():
    with pytest.raises(MoodstreamError, match="no face"):
        largest_faces(listing([np.zeros((50, 50, 3), np.uint8)]), Corners())


def test_a_very_large_face_is_shrunk():
    image, box = around(
        np.zeros((3000, 4000, 3), np.uint8), np.array([1000, 500, 2024, 1700], np.float32)
    )
    assert max(box[2:] - box[:2]) == pytest.approx(512, abs=1)
    assert max(image.shape) <= 3 * 512 + 2


# --- the folder of results


@pytest.fixture
def written(faces, tmp_path):
    done = evaluate(Calibrated(Bright(), 2.0), faces)
    found = report.metrics(done, faces, INFO)
    report.write(tmp_path, found, done, faces)
    return tmp_path, done, found


def test_every_file_is_there_and_the_figures_agree(written):
    folder, done, found = written
    assert sorted(p.name for p in folder.iterdir()) == sorted(report.OUTPUTS)
    kept = json.loads((folder / "metrics.json").read_text())
    assert kept == json.loads(json.dumps(found))
    labels = done.labels
    for probs, figures in ((done.probs, kept), (done.uncalibrated, kept["uncalibrated"])):
        for name in FIVE:
            want = getattr(metrics.figures(probs, labels), name)
            assert figures[name] == pytest.approx(want, abs=1e-6)
    assert kept["n"] == 40
    assert kept["temperature"] == 2.0
    assert list(kept["by_size"]) == ["64", "48", "32", "24", "16"]
    assert list(kept["by_blur"]) == ["0.02", "0.04", "0.08"]
    for step in [*kept["by_size"].values(), *kept["by_blur"].values()]:
        assert {*FIVE, "n", "unchanged", "as_is"} == set(step)
    assert kept["confusion"] == {"classes": list(EMOTIONS), "counts": done.confusion.tolist()}
    assert sum(part["said"] for part in kept["mix"].values()) == pytest.approx(1, abs=1e-5)
    assert sum(part["support"] for part in kept["per_class"].values()) == 40
    for place, part in enumerate(kept["per_class"].values()):
        rows = labels == place
        want = asdict(metrics.figures(done.probs[rows], labels[rows]))
        assert {name: part[name] for name in (*FIVE, "n")} == pytest.approx(want, abs=1e-6)
        assert part["recall"] == part["accuracy"]
        assert part["n"] == part["support"]
    assert kept["reliability"]["after"]["ece"] == kept["ece"]
    assert kept["reliability"]["before"]["ece"] == kept["uncalibrated"]["ece"]
    assert kept["model"]["name"] == "bright"
    assert kept["skipped"] == [{"what": "x.png", "why": "not a picture"}]
    assert "python" in kept["versions"]


def test_charts_are_pictures_and_the_report_shows_them(written):
    folder, _, found = written
    text = (folder / "report.md").read_text()
    for path in folder.glob("*.png"):
        assert cv2.imread(str(path)).std() > 5
        assert f"({path.name})" in text
    assert f"{found['accuracy']:.1%}" in text
    assert "x.png" in text
    assert all(line.count("|") == 11 for line in text.splitlines() if line.startswith("| angry |"))


def test_a_class_without_faces_has_no_figures(faces, tmp_path):
    rows = np.flatnonzero(faces.labels != 3)
    part = LabelledFaces(
        [faces.images[i] for i in rows], faces.labels[rows], list(map(str, rows)), [], "no happy"
    )
    found = report.metrics(evaluate(Bright(), part, EmotionSettings((), ())), part, INFO)
    happy = found["per_class"]["happy"]
    assert happy["n"] == happy["support"] == 0
    assert {happy[name] for name in FIVE} == {None}


def test_without_pictures_no_face_is_written(faces, written):
    folder, done, found = written
    assert (folder / "mistakes.png").exists()
    report.write(folder, found, done, faces, pictures=False)
    assert sorted(p.name for p in folder.iterdir()) == sorted({*report.OUTPUTS} - {"mistakes.png"})
    assert "mistake" not in (folder / "report.md").read_text()


@pytest.mark.parametrize("kind", ["one face", "all right", "one class, no settings"])
def test_odd_results_make_a_report_too(faces, tmp_path, kind):
    done = evaluate(Bright(), faces, EmotionSettings((), ()))
    rows = [0] if kind == "one face" else np.flatnonzero(done.right)
    if kind.startswith("one class"):
        rows = np.flatnonzero(faces.labels == 3)
    part = LabelledFaces(
        [faces.images[i] for i in rows],
        faces.labels[rows],
        [faces.names[i] for i in rows],
        [],
        "odd | one",
    )
    done = evaluate(Ensemble([Bright("a"), Bright("b", 2.0)]), part, EmotionSettings((), ()))
    found = report.metrics(done, part, INFO)
    report.write(tmp_path, found, done, part)
    assert "NaN" not in (tmp_path / "metrics.json").read_text()
    assert lines(found)


# --- the command line


@pytest.fixture(scope="module")
def crops(langer, networks, tmp_path_factory) -> Path:
    """The woman of the sample clip, called sad while she cries and happy while she laughs."""
    root = tmp_path_factory.mktemp("crops")
    for t, image in read_frames(langer)[::12]:
        mood = "Sadness" if t < 6 else "happy" if t > 12 else None
        found = networks.detector.detect([image], 0.5)[0].boxes
        if mood and len(found):
            x1, y1, x2, y2 = np.rint(found[0]).astype(int)
            (root / mood).mkdir(exist_ok=True)
            cv2.imwrite(str(root / mood / f"{t:.2f}.png"), image[max(0, y1) : y2, max(0, x1) : x2])
    return root


def run(*arguments: object) -> int:
    asked = ["evaluate", "emotions", *map(str, arguments), "--models", "embedded"]
    return cli.main([*asked, "--device", "cpu"])


def one_line(text: str) -> str:
    assert len(text.strip().splitlines()) == 1, text
    assert "Traceback" not in text
    return text


def test_the_command_from_folder_to_report(crops, networks, tmp_path, capsys):
    out = tmp_path / "out"
    assert run("--data", crops, "-o", out, "--sizes", "48,16") == 0
    assert sorted(p.name for p in out.iterdir()) == sorted(report.OUTPUTS)
    told = capsys.readouterr().out
    kept = json.loads((out / "metrics.json").read_text())
    assert f"accuracy           {kept['accuracy']:.3f}" in told
    assert f"n = {kept['n']} faces" in told
    faces = load(crops)
    probs = direct(networks.classifier, faces)
    assert kept["accuracy"] == pytest.approx((probs.argmax(1) == faces.labels).mean(), abs=1e-6)
    assert kept["cross_entropy"] == pytest.approx(cross_entropy(probs, faces.labels), abs=1e-4)
    assert kept["per_class"]["sad"]["support"] == (faces.labels == EMOTIONS.index("sad")).sum()
    assert kept["per_class"]["fear"]["recall"] is None
    assert list(kept["by_size"]) == ["48", "16"]


def test_json_and_quiet(crops, capsys):
    assert run("--data", crops, "--limit", 5, "--sizes", "none", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 5
    assert found["by_size"] == {}
    assert run("--data", crops, "--limit", 5, "--sizes", "none", "--quiet") == 0
    assert capsys.readouterr().out == ""


@pytest.fixture(scope="module")
def many(crops, tmp_path_factory) -> Path:
    """120 of them, some labelled wrongly: enough to fit a temperature on."""
    faces = load(crops)
    rng = np.random.default_rng(0)
    rows = np.arange(120) % len(faces)
    images = np.stack([cv2.resize(faces.images[i], (64, 64))[..., ::-1] for i in rows])
    labels = np.where(rng.random(120) < 0.6, faces.labels[rows], rng.integers(0, 7, 120))
    path = tmp_path_factory.mktemp("many") / "many.npz"
    np.savez(path, images=images, labels=labels, classes=np.array(EMOTIONS))
    return path


def test_a_saved_calibration_is_read_back(many, tmp_path, capsys):
    path = tmp_path / "fitted.json"
    some = ("--data", many, "--sizes", "none")
    assert run(*some, "--save-calibration", path, "--json") == 0
    before = json.loads(capsys.readouterr().out)
    assert run(*some, "--calibration", path, "--json") == 0
    after = json.loads(capsys.readouterr().out)
    assert after["uncalibrated"] == before["uncalibrated"]
    assert after["temperature"] == json.loads(path.read_text())["temperature"]
    assert after["cross_entropy"] <= before["cross_entropy"] + 1e-6
    assert after["cross_entropy"] <= after["uncalibrated"]["cross_entropy"] + 1e-6


def test_a_calibration_is_not_overwritten(many, tmp_path, capsys):
    path = tmp_path / "fitted.json"
    path.write_text("keep")
    some = ("--data", many, "--sizes", "none", "--save-calibration", path)
    assert run(*some) == 2
    told = capsys.readouterr()
    assert "--overwrite" in one_line(told.err)
    assert told.out == ""
    assert path.read_text() == "keep"
    assert run(*some, "--overwrite") == 0
    assert json.loads(path.read_text())["n"] == 120


def test_a_calibration_needs_enough_faces(many, tmp_path, capsys):
    path = tmp_path / "fitted.json"
    assert run("--data", many, "--limit", 99, "--save-calibration", path) == 2
    assert "100 or more" in one_line(capsys.readouterr().err)
    assert not path.exists()


def test_a_temperature_at_the_end_of_the_search_is_refused(many, networks, tmp_path, capsys):
    faces = load(many)
    answers = direct(networks.classifier, faces).argmax(1)
    images = np.stack(faces.images)[..., ::-1]
    data, path = tmp_path / "always right.npz", tmp_path / "fitted.json"
    for labels in (answers, (answers + 1) % 7):
        np.savez(data, images=images, labels=labels, classes=np.array(EMOTIONS))
        assert run("--data", data, "--sizes", "none", "--save-calibration", path) == 2
        told = capsys.readouterr()
        assert "no temperature from 0.05 to 20" in one_line(told.err)
        assert "balanced accuracy" in told.out
        assert [p.name for p in tmp_path.iterdir()] == [data.name]


def test_the_networks_are_chosen_before_a_picture_is_read(crops, capsys, monkeypatch):
    from moodstream.realtime.evaluation import from_folder

    def read(*_):
        raise AssertionError("a picture was read")

    monkeypatch.setattr(from_folder, "read_picture", read)
    for wrong in (["--emotion", "clever"], ["--calibration", "none.json"]):
        for what in (["emotions"], ["emotions", "--detect"], ["groups"]):
            monkeypatch.setattr("moodstream.realtime.evaluation.groups.LEAST_FACES", 1)
            asked = ["evaluate", *what, "--data", str(crops), "--models", "embedded", *wrong]
            assert cli.main(asked) == 2
            assert wrong[1] in one_line(capsys.readouterr().err)


def test_an_error_of_reading_is_not_blamed_on_the_output(crops, tmp_path, monkeypatch):
    from moodstream.realtime.evaluation import data

    def fails(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(data, "list_folder", fails)
    with pytest.raises(OSError, match="Input/output"):
        run("--data", crops, "-o", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_file_is_removed(tmp_path):
    def fill(part):
        part.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="full"), finished(tmp_path / "a.json") as part:
        fill(part)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(MoodstreamError, match="cannot be written"), writing(tmp_path):
        raise OSError("disk full")


def test_the_command_without_pictures(crops, tmp_path):
    out = tmp_path / "out"
    assert run("--data", crops, "--limit", 5, "--sizes", "none", "-o", out, "--no-pictures") == 0
    assert "mistakes.png" not in {p.name for p in out.iterdir()}
    assert (out / "metrics.json").exists()


def test_the_saved_temperature_is_the_best_one(faces):
    done = evaluate(Calibrated(Bright(), 2.0), faces, EmotionSettings((), ()))
    fitted = fit_temperature(done.uncalibrated, done.labels)
    best = cross_entropy(rescale(done.uncalibrated, fitted), done.labels)
    for factor in (0.9, 1.1):
        other = cross_entropy(rescale(done.uncalibrated, fitted * factor), done.labels)
        assert best <= other


def test_whole_photos(footage, tmp_path, capsys):
    (tmp_path / "happy").mkdir()
    photo = cv2.imread(str(footage["single_face.jpg"]))
    cv2.imwrite(str(tmp_path / "happy" / "face.jpg"), photo)
    cv2.imwrite(str(tmp_path / "happy" / "nobody.jpg"), np.full((300, 300, 3), 90, np.uint8))
    assert run("--data", tmp_path, "--detect", "--sizes", "none", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 1
    assert found["skipped"] == [{"what": str(Path("happy/nobody.jpg")), "why": "no face found"}]
    assert found["detector"]["name"] == "centerface"
    assert found["data"]["side_px"]["most"] < max(photo.shape)


def test_what_is_there_is_not_overwritten(crops, tmp_path, capsys):
    some = ("--data", crops, "--limit", 3, "--sizes", "none", "--quiet", "-o", tmp_path)
    mine = tmp_path / "mine.part"
    mine.write_text("keep")
    assert run(*some) == 2
    assert "not empty" in one_line(capsys.readouterr().err)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.part"]
    assert run(*some, "--overwrite") == 0
    assert run(*some) == 2
    assert "results already" in one_line(capsys.readouterr().err)
    assert mine.read_text() == "keep"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--data", "none"],
        ["--data", "crops", "--split", "test"],
        ["--data", "crops", "--sizes", "large"],
        ["--data", "crops", "--sizes", "48,2"],
        ["--data", "crops", "--limit", "0"],
        ["--data", "crops", "--calibration", "none.json"],
        ["--data", "crops", "--emotion", "clever"],
        ["--data", "crops", "--save-calibration", "none/fitted.json"],
        ["--data", "crops", "-o", "file"],
        ["--data", "crops", "-o", "crops/out"],
        ["--data", "crops", "-o", "n" * 300],
        ["--data", "n" * 300],
        ["--data", "crops", "--save-calibration", "n" * 300],
        ["--data", "crops", "--detector", "haar"],
        ["--data", "crops", "--detector-size", "640"],
        [],
    ],
    ids=lambda a: " ".join(a[-2:])[:40] or "nothing",
)
def test_bad_input_is_one_line_and_loses_nothing(arguments, crops, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crops").symlink_to(crops)
    (tmp_path / "file").write_text("keep")
    with_output = arguments if "-o" in arguments or not arguments else [*arguments, "-o", "out"]
    try:
        code = run(*with_output)
    except SystemExit as end:  # argparse
        code = int(end.code or 0)
    assert code == 2
    one_line(capsys.readouterr().err)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["crops", "file"]


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from moodstream.realtime import cli\n"
        "try: cli.main(['evaluate', 'emotions', '--help'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'cv2', 'openvino', 'matplotlib', 'numpy', 'PIL', 'rich'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "LOADED []" in out.stdout


@pytest.mark.skipif(not (SHARED / "fer2013.npz").is_file(), reason="no shared data")
def test_fer2013_is_read_better_than_chance(capsys):
    data = SHARED / "fer2013.npz"
    assert run("--data", data, "--split", "test", "--limit", 200, "--sizes", "16", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["accuracy_interval"][0] > max(part["true"] for part in found["mix"].values())
    assert found["by_size"]["16"]["accuracy"] < found["accuracy"] + 0.1
