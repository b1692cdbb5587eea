from __future__ import annotations

import json
import runpy

import cv2
import numpy as np
import pytest
from support.fakes import THREE_BOXES, Finds
from support.paths import DATA, ROOT

from moodstream.realtime.cli.entry import main
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.pipeline import evaluate
from moodstream.realtime.frames import Detections, EmotionPredictions
from moodstream.realtime.labels import coco
from moodstream.realtime.labels.record import LabelledBox, picture_of

K = len(EMOTIONS)
A, B, C = THREE_BOXES
HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")
EXPRESSIONS = DATA / "expressions.npz"
MADE_GROUPS = ROOT / "benchmarks" / "made_groups.py"


class Predicts:
    """Predicts what it is given for the faces of every picture, with a given confidence."""

    name = "predicts"
    classes: tuple[str, ...] = EMOTIONS

    def __init__(self, *predicted, confidence=0.8):
        self.predicted, self.confidence = predicted, confidence

    def classify(self, images, boxes):
        n = sum(map(len, boxes))
        probs = np.full((n, K), (1 - self.confidence) / (K - 1), np.float32)
        probs[np.arange(n), [EMOTIONS.index(name) for name in self.predicted[:n]]] = self.confidence
        return EmotionPredictions(probs)


def photo(folder, name="a.png", *boxes):
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / name), np.full((100, 100, 3), 90, np.uint8))
    return {folder / name: picture_of(name, [LabelledBox(*box) for box in boxes], (100, 100))}


def test_a_face_counts_when_it_is_detected_and_classified_right(tmp_path):
    labelled = photo(tmp_path, "a.png", (A, "happy"), (B, "happy"), (C, "sad"))
    finds = Finds([A, B, (70, 70, 99, 99)], [0.9, 0.8, 0.7])
    done = evaluate.evaluate(finds, Predicts("happy", "sad", "happy"), labelled)
    counts = done.confusion
    assert counts[HAPPY, HAPPY] == 1
    assert counts[HAPPY, SAD] == 1
    assert counts[SAD, K] == 1  # missed
    assert counts[K, HAPPY] == 1  # invented
    assert counts.sum() == 4
    # happy: right first, then an invented one, the other is never found: half the area
    assert done.precision[HAPPY] == pytest.approx(0.5)
    assert done.precision[SAD] == 0
    assert done.mean_average_precision == pytest.approx(0.25)
    kinds = {(m.true, m.predicted) for m in done.mistakes}
    assert kinds == {("happy", "sad"), ("sad", None), (None, "happy")}


def test_who_is_always_right_has_a_map_of_one(tmp_path):
    labelled = photo(tmp_path, "a.png", (A, "Anger"), (B, "joy"))
    done = evaluate.evaluate(Finds([A, B]), Predicts("angry", "happy"), labelled)
    assert done.mean_average_precision == 1
    assert np.trace(done.confusion) == done.confusion.sum() == 2
    assert np.isnan(done.precision).sum() == K - 2  # those that do not occur


def test_ignored_faces_and_faces_without_an_emotion_count_for_nothing(tmp_path):
    labelled = photo(tmp_path, "a.png", (A, "happy"), (B, None), (C, "sad", True))
    done = evaluate.evaluate(Finds([A, B, C]), Predicts("happy", "happy", "happy"), labelled)
    assert done.confusion.sum() == 1
    assert done.mean_average_precision == 1
    assert done.voted == 1


def test_votes(tmp_path):
    labelled = photo(tmp_path, "a.png", (A, "happy"), (B, "happy"), (C, "sad"))
    labelled |= photo(tmp_path, "b.png", (A, "sad"), (B, "happy"))  # a tie: either is right
    labelled |= photo(tmp_path, "c.png", (A, "neutral"))
    done = evaluate.evaluate(Finds([A, B, C]), Predicts("happy", "happy", "sad"), labelled)
    assert done.voted == 3
    assert set(done.votes.values()) == {2}


def test_one_confident_face_wins_the_sum_and_loses_the_majority(tmp_path):
    probs = np.full((3, K), 0.01)
    probs[0, SAD] = 0.99
    probs[1:, HAPPY], probs[1:, SAD] = 0.45, 0.4
    (truth,) = photo(tmp_path, "a.png", (A, "sad"), (B, "sad"), (C, "happy")).values()
    found = Detections(np.array([A, B, C], np.float32), np.full(3, 0.9, np.float32))
    one = evaluate.Photo(
        tmp_path, truth, evaluate.emotions_of(truth), found,
        probs.astype(np.float32), np.ones(3, np.float32), 0.1, 0.1,
    )  # fmt: skip
    votes, voted = evaluate.count_votes([one])
    assert voted == 1
    assert (votes["sum and max"], votes["majority"]) == (1, 0)


def test_nobody_found_is_a_wrong_vote_and_no_error(tmp_path):
    labelled = photo(tmp_path, "a.png", (A, "happy"))
    done = evaluate.evaluate(Finds([]), Predicts(), labelled)
    assert done.mean_average_precision == 0
    assert set(done.votes.values()) == {0}
    assert done.confusion[HAPPY, K] == 1


@pytest.mark.parametrize(
    ("kind", "printed"), [("puzzled", "'puzzled' is none of the seven"), (None, "name no emotion")]
)
def test_labels_that_cannot_be_used_are_one_line(kind, printed, tmp_path):
    with pytest.raises(MoodstreamError, match=printed) as raised:
        evaluate.evaluate(Finds([]), Predicts(), photo(tmp_path, "a.png", (A, kind)))
    assert "\n" not in str(raised.value)


def test_broken_photos_are_left_out(tmp_path):
    labelled = photo(tmp_path, "a.png", (A, "happy")) | photo(tmp_path, "b.png", (A, "sad"))
    (tmp_path / "b.png").write_bytes(b"\x89PNG")
    done = evaluate.evaluate(Finds([A]), Predicts("happy"), labelled)
    assert [what for what, _ in done.skipped] == [str(tmp_path / "b.png")]
    assert done.mean_average_precision == 1


def test_bad_input_is_one_line(tmp_path, capsys):
    photo(tmp_path / "data")
    coco.write([picture_of("other.png", [LabelledBox(A, "happy")])], tmp_path / "labels.json")
    command = ["evaluate", "pipeline", "--data", str(tmp_path / "data")]
    assert main([*command, "--labels", str(tmp_path / "labels.json"), "--quiet"]) == 2
    printed = capsys.readouterr().err
    assert "holds none of the labelled pictures" in printed
    assert printed.count("\n") == 1


@pytest.fixture(scope="module")
def people(footage, networks):
    """The group photo, its faces labelled as the networks themselves detect and classify them."""
    from moodstream.realtime.sources.images import read_picture

    image = read_picture(footage["multi_face.jpg"])
    found = networks.detector.detect([image], 0.5)[0]
    predicted = networks.classifier.classify([image], [found.boxes]).probs.argmax(axis=1)
    boxes = [
        LabelledBox(box.tolist(), EMOTIONS[k])
        for box, k in zip(found.boxes, predicted, strict=True)
    ]
    return footage["multi_face.jpg"], boxes


def test_the_command_with_real_networks(people, tmp_path, capsys):
    """Two labels are changed: one moved away, one renamed."""
    file, boxes = people
    away, renamed = boxes[0], boxes[1]
    other = EMOTIONS[(EMOTIONS.index(renamed.kind) + 1) % K]
    x1, y1, x2, y2 = away.corners
    moved = LabelledBox((x1, y1 + 2 * (y2 - y1), x2, y2 + 2 * (y2 - y1)), away.kind)
    labels = [moved, LabelledBox(renamed.corners, other), *boxes[2:]]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / file.name).write_bytes(file.read_bytes())
    coco.write([picture_of(file.name, labels)], tmp_path / "labels.json")
    out = tmp_path / "out"
    command = ["evaluate", "pipeline", "--data", str(tmp_path / "data"), "--models", "embedded"]
    command += ["--labels", str(tmp_path / "labels.json"), "-o", str(out)]
    assert main(command) == 0
    printed = capsys.readouterr().out
    found = json.loads((out / "metrics.json").read_text())
    n = len(boxes)
    assert found["faces"]["labelled"] == n
    assert found["faces"]["missed"] == found["faces"]["invented"] == 1
    assert found["faces"]["named_right"] == n - 2
    assert 0 < found["mAP"] < 1
    report = (out / "report.md").read_text()
    for text in (printed, report):
        assert f"{found['mAP']:.3f}" in text
        assert "sum and max" in text
    names = {"metrics.json", "report.md", "confusion.png", "mistakes.png"}
    assert {p.name for p in out.iterdir()} == names


@pytest.mark.skipif(not EXPRESSIONS.is_file(), reason="needs the labelled expressions")
def test_made_groups_of_labelled_faces(tmp_path, capsys):
    compose = runpy.run_path(str(MADE_GROUPS))["compose"]
    coco.write(compose(EXPRESSIONS, tmp_path / "data", 20), tmp_path / "labels.json")
    command = ["evaluate", "pipeline", "--data", str(tmp_path / "data"), "--models", "embedded"]
    assert main([*command, "--labels", str(tmp_path / "labels.json"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["faces"]["found"] > 0.85 * found["faces"]["labelled"]
    assert found["mAP"] > 0.35
    assert found["votes"]["majority"]["accuracy"] > 0.5
