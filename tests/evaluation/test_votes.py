"""Votes of any number of raters: in a .npz, in a file beside it, and in two kinds of CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as Pillow
from support.paths import DATA as SHARED

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.datasets.faces import LabelledFaces, list_faces, load
from moodstream.realtime.evaluation.datasets.synonyms import VOTED, answer_index
from moodstream.realtime.evaluation.datasets.votes import Votes, named_votes

HAPPY, SAD, NEUTRAL = (EMOTIONS.index(name) for name in ("happy", "sad", "neutral"))
TEN = np.array(VOTED)


def answers(**given: int) -> list[int]:
    """One row of votes by the names of the answers."""
    return [given.get(name, 0) for name in VOTED]


ROWS = np.array(
    [
        answers(happy=6, neutral=3, contempt=1),
        answers(sad=2, neutral=2, unknown=1),
        answers(sad=4, unknown=6),
        answers(neutral=5, not_a_face=5),
        answers(contempt=4, happy=0),
        answers(),
    ]
)
"""Two rows that count, and four that do not."""
WHY = [
    "",
    "",
    "fewer than half of the raters named an emotion",
    "half of the raters saw no face",
    "no rater named one of the seven emotions",
    "no rater",
]


def npz(path: Path, **changes: Any) -> Path:
    """Six grey pictures with votes and no labels."""
    n = len(changes.get("images", ROWS))
    kept = {"images": np.zeros((n, 8, 8), np.uint8), "votes": ROWS, "vote_classes": TEN}
    np.savez(path, **{k: v for k, v in (kept | changes).items() if v is not None})
    return path


def refused(path: Path, **how: Any) -> str:
    with pytest.raises(MoodstreamError) as error:
        load(path, **how)
    assert "\n" not in str(error.value)
    return str(error.value)


def pictures(folder: Path, *names: str) -> None:
    for name in names:
        Pillow.new("RGB", (20, 20), (90, 90, 90)).save(folder / name)


# --- the record


def test_shares_are_of_those_who_named_one_of_the_seven() -> None:
    votes = Votes(ROWS)
    np.testing.assert_allclose(votes.shares[0], np.eye(7)[HAPPY] * 2 / 3 + np.eye(7)[NEUTRAL] / 3)
    assert votes.majority[:2].tolist() == [HAPPY, SAD]  # the first of a tie
    assert votes.named_most[1].nonzero()[0].tolist() == [SAD, NEUTRAL]
    assert votes.clear[:3].tolist() == [True, False, False]  # of all raters, not of the seven
    assert votes.raters.tolist() == [10, 5, 10, 10, 4, 0]
    assert votes.unusable() == WHY


@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 9), st.just(10)), elements=st.integers(0, 12)))
def test_usable_rows_have_shares(rows: np.ndarray) -> None:
    votes = Votes(rows)
    usable = np.array([not reason for reason in votes.unusable()])
    kept = votes.take(np.flatnonzero(usable))
    np.testing.assert_allclose(kept.shares.sum(axis=1), 1)
    assert (kept.named_most[np.arange(len(kept)), kept.majority]).all()
    assert (~kept.clear | (kept.named_most.sum(axis=1) == 1)).all()  # a clear one never ties
    assert np.isnan(votes.shares[votes.counts.sum(axis=1) == 0]).all()


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("Contempt", "contempt"),
        ("NF", "not_a_face"),
        ("not a face", "not_a_face"),
        ("No-Face", "not_a_face"),
        ("Unsure", "unknown"),
        ("surprised", "surprise"),
    ],
)
def test_usual_names_of_answers(name: str, answer: str) -> None:
    assert VOTED[answer_index(name)] == answer


def test_columns_may_have_any_order_and_other_answers() -> None:
    votes, notes = named_votes(np.array([[1.0, 2, 3]]), ["boredom", "NF", "Happiness"])
    assert votes.answers.tolist() == [answers(happy=3, unknown=1, not_a_face=2)]
    assert notes == ["votes for boredom count as unknown"]


# --- .npz


def test_votes_of_a_npz_without_labels(tmp_path: Path) -> None:
    faces = load(npz(tmp_path / "set.npz", camera=np.array(["ä".encode()] * 6), wide=ROWS))
    assert faces.labels.tolist() == [HAPPY, SAD]
    assert faces.own_labels is None
    assert faces.names == ["#0", "#1"]
    assert [why for _, why in faces.skipped] == WHY[2:]
    (note,) = faces.notes
    assert "what its 5 to 10 raters named" in note
    assert {n: column.tolist() for n, column in faces.attributes.items()} == {"camera": ["ä", "ä"]}
    np.testing.assert_allclose(faces.truth, Votes(ROWS).shares[:2])


def test_votes_beside_labels_and_which_of_them_is_the_truth(tmp_path: Path) -> None:
    labels = np.array([1, 0, 1, 1, 2, 2])
    path = npz(tmp_path / "set.npz", labels=labels, classes=np.array(["sad", "happy", "contempt"]))
    faces = load(path)
    assert faces.own_labels is not None
    assert (faces.labels.tolist(), faces.own_labels.tolist()) == ([HAPPY, SAD], [HAPPY, SAD])
    by_labels = load(path, truth="labels")
    assert by_labels.labels.tolist() == [HAPPY, SAD, HAPPY, HAPPY]
    assert by_labels.votes is None
    assert by_labels.skipped[0][0] == "class contempt (2 pictures)"
    np.testing.assert_array_equal(by_labels.truth, np.eye(7)[by_labels.labels])


def test_labels_beside_votes_may_be_no_emotion(tmp_path: Path) -> None:
    path = npz(tmp_path / "set.npz", labels=np.zeros(6, int), classes=np.array(["contempt"]))
    assert load(path).own_labels is None
    assert "none of the seven" in refused(path, truth="labels")


def test_a_file_of_votes_goes_row_for_row_before_the_split(tmp_path: Path) -> None:
    images = np.arange(6, dtype=np.uint8)[:, None, None] * np.ones((6, 8, 8), np.uint8)
    usage = np.array([0, 2, 0, 0, 2, 2])
    data, beside = tmp_path / "set.npz", tmp_path / "votes.npz"
    labels = np.array([0, 1, 0, 0, 0, 0])
    classes = np.array(["happy", "sad"])
    np.savez(data, images=images, labels=labels, classes=classes, usage=usage)
    np.savez(beside, votes=ROWS, classes=TEN)
    faces = load(data, "test", votes=beside)
    assert faces.names == ["#1"]
    assert faces.images[0][0, 0].tolist() == [1, 1, 1]
    assert faces.votes is not None
    assert faces.votes.answers.tolist() == [ROWS[1].tolist()]
    assert load(data, "train", votes=beside).names == ["#0"]


def test_a_csv_of_votes_beside_a_npz(tmp_path: Path) -> None:
    """As FER+ has them: other names and order, and rows without a picture's name."""
    data = npz(tmp_path / "set.npz", votes=None, vote_classes=None)
    beside = tmp_path / "fer2013new.csv"
    beside.write_text(
        "Usage,Image name,neutral,happiness,sadness,contempt,unknown,NF\n"
        "Training,fer0.png,3,6,0,1,0,0\nTraining,fer1.png,2,0,2,0,1,0\nTraining,,0,0,4,0,6,0\n"
        "Training,,5,0,0,0,0,5\n\nTraining,,0,0,0,4,0,0\nTraining,,,,,,,\n"
    )
    faces = load(data, votes=beside)
    assert faces.votes is not None
    assert faces.votes.answers.tolist() == ROWS[:2].tolist()
    assert [why for _, why in faces.skipped] == WHY[2:]


def test_a_limit_takes_everything_along(tmp_path: Path) -> None:
    n = 40
    rows = np.array([answers(**{EMOTIONS[i % 7]: i + 1}) for i in range(n)])
    path = npz(
        tmp_path / "set.npz",
        images=np.zeros((n, 4, 4), np.uint8),
        votes=rows,
        number=np.arange(n),
        labels=np.arange(n) % 7,
        classes=np.array(EMOTIONS),
    )
    listing = list_faces(path, limit=9)
    place = [int(name[1:]) for name in listing.names]
    assert listing.votes is not None
    assert listing.own_labels is not None
    assert listing.votes.answers.tolist() == rows[place].tolist()
    assert listing.own_labels.tolist() == [i % 7 for i in place]
    assert listing.attributes["number"].tolist() == list(map(str, place))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"votes": ROWS[:5]}, "votes for each of its 6 pictures, got 5 rows"),
        ({"votes": ROWS - 1}, "expected counts of raters, got -1"),
        ({"votes": ROWS / 4}, "whole numbers"),
        ({"votes": ROWS.astype(str)}, "whole numbers"),
        ({"votes": ROWS[:, 0]}, "10 counts for each face"),
        ({"vote_classes": TEN[:7]}, "7 counts for each face"),
        ({"vote_classes": None}, "expected vote_classes"),
        ({"vote_classes": np.arange(10)}, "expected vote_classes"),
        ({"vote_classes": np.array(list("abcdefghij"))}, "none of its columns is an emotion"),
        ({"votes": ROWS * 0}, "no labelled pictures"),
        ({"votes": None}, "labels, classes missing"),
    ],
)
def test_votes_that_are_none_are_one_line(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    assert reason in refused(npz(tmp_path / "set.npz", **changes))


def test_truth_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    voted, labelled = npz(tmp_path / "voted.npz"), tmp_path / "labelled.npz"
    images, labels = np.zeros((2, 4, 4), np.uint8), np.zeros(2, int)
    np.savez(labelled, images=images, labels=labels, classes=np.array(["sad"]))
    assert "labels, classes missing" in refused(voted, truth="labels")
    assert "holds no votes" in refused(labelled, truth="votes")
    (tmp_path / "sad").mkdir()
    pictures(tmp_path / "sad", "a.png")
    assert "a folder has labels" in refused(tmp_path, votes=voted)
    assert "a folder has labels" in refused(tmp_path, truth="votes")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("none.npz", None, "no such file"),
        ("votes.txt", b"1,2", "a .npz or a .csv"),
        ("votes.npz", b"text", "not a .npz"),
        ("votes.csv", b"", "a column of counts for each emotion"),
        ("votes.csv", b"happy,age\n1,2\n", "a column of counts for each emotion"),
        ("votes.csv", b"happy,sad\n1\n", "row 2: fewer cells"),
        ("votes.csv", b"happy,sad\n1,2\n\n1,x\n", "row 4: expected counts of raters, got x"),
        ("votes.csv", b"happy,sad\n1,inf\n", "row 2: expected counts of raters, got inf"),
        ("votes.csv", b"happy,sad\n1,-2\n", "row 2: expected counts of raters, got -2"),
        ("votes.csv", b"happy,sad\n1,0.5\n", "row 2: expected counts of raters, got 0.5"),
        ("votes.csv", b"happy,sad\n1,2\n", "for each of its 6 pictures, got 1 rows"),
        ("votes.csv", b"\xff\xfehappy,sad\n1,2\n", "cannot be read as a CSV"),
    ],
)
def test_a_broken_file_of_votes_is_one_line(
    tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert reason in refused(npz(tmp_path / "set.npz"), votes=tmp_path / name)


# --- CSV


def test_a_row_for_each_picture_with_a_column_for_each_emotion(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png", "c.png")
    path = tmp_path / "set.csv"
    path.write_text(
        "file,age,Happiness,Neutral,sad,NF,label\na.png,30,7,2,,1,happy\nb.png,40,0,1,1,3,4\n"
        "c.png,50,1,2,5,0,contempt\nnone.png,60,3,0,0,0,sad\n"
    )
    faces = load(path)
    assert faces.names == ["a.png", "c.png"]
    assert faces.labels.tolist() == [HAPPY, SAD]
    assert faces.own_labels is not None
    assert faces.own_labels.tolist() == [HAPPY, -1]
    assert faces.attributes["age"].tolist() == ["30", "50"]
    assert dict(faces.skipped) == {
        "b.png": "half of the raters saw no face",
        "none.png": "no such file",
    }
    by_labels = load(path, truth="labels")
    assert by_labels.names == ["a.png", "b.png"]
    assert by_labels.votes is None


def test_a_row_for_each_answer(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    path = tmp_path / "set.csv"
    path.write_text(
        "rater\tlabel\timage\tage\nx\thappy\ta.png\t30\nx\tsad\tb.png\t40\ny\tHappiness\ta.png\t31\n"
        "z\t6\ta.png\t30\ny\tnot a face\tb.png\t\ny\tsad\tb.png\t\nz\tsad\tb.png\t\n"
        "z\tbored\tb.png\t\nw\t\tb.png\t\n"
    )
    faces = load(path)
    assert faces.names == ["a.png", "b.png"]
    assert faces.votes is not None
    assert faces.votes.answers.tolist() == [
        answers(happy=2, neutral=1),
        answers(sad=2, not_a_face=1),
    ]
    assert faces.attributes["age"].tolist() == ["30", "40"]
    assert "labels are numbers" in faces.notes[0]
    assert [name for name, _ in faces.skipped] == ["b.png"] * 3
    assert [why[:24] for _, why in faces.skipped] == [
        "a second answer of rater",
        "'bored' is none of angry",
        "no label",
    ]


def test_the_answers_of_a_split(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    path = tmp_path / "set.csv"
    path.write_text("path,annotator,emotion,usage\na.png,1,sad,train\nb.png,1,happy,test\n")
    assert load(path, "train").names == ["a.png"]
    assert load(path).names == ["b.png"]


def test_votes_beside_a_csv_go_by_its_rows_also_those_that_cannot_be_used(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    path, beside = tmp_path / "set.csv", tmp_path / "votes.csv"
    path.write_text("path,label,usage\na.png,sad,train\n,sad,test\nb.png,sad,test\n")
    beside.write_text("sad,happy\n5,0\n5,0\n1,4\n")
    faces = load(path, votes=beside)
    assert faces.names == ["b.png"]
    assert faces.labels.tolist() == [HAPPY]
    beside.write_text("sad,happy\n5,0\n5,0\n")
    assert "each of its 3 pictures, got 2 rows" in refused(path, votes=beside)


def test_fractions_beside_labels_can_be_left_alone(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    path = tmp_path / "predictions.csv"
    path.write_text("path,label,happy,sad\na.png,sad,0.4,0.6\n")
    assert "row 2: expected counts of raters, got 0.4" in refused(path)
    assert load(path, truth="labels").labels.tolist() == [SAD]


@pytest.mark.parametrize(
    ("content", "how", "reason"),
    [
        ("path,rater\na.png,x\n", {}, "expected a column label"),
        ("rater,label,pixels\nx,sad,0\n", {}, "expected a column path beside rater"),
        ("path,rater,label\na.png,x,sad\n", {"truth": "labels"}, "no --truth labels"),
        ("happy,sad\n1,2\n", {}, "expected a column path"),
        ("path,happy,sad\na.png,1,2\n", {"truth": "labels"}, "expected a column label"),
        ("path,label\na.png,sad\n", {"truth": "votes"}, "holds no votes"),
        ("path,happy,sad\na.png,1,many\n", {}, "row 2: "),
        ("path,happy,sad\na.png,0,0\n", {}, "no labelled pictures"),
    ],
)
def test_a_csv_without_the_truth_is_one_line(
    tmp_path: Path, content: str, how: dict[str, Any], reason: str
) -> None:
    pictures(tmp_path, "a.png")
    path = tmp_path / "set.csv"
    path.write_text(content)
    assert reason in refused(path, **how)


@pytest.mark.parametrize(
    "content",
    [
        "path,age\na.png,3\nb.png,4\n",
        "path,label,age\na.png,sad,3\nb.png,bored,4\n",
        "path,happy,sad,age\na.png,1,x,3\nb.png,0,0,4\n",
    ],
)
def test_without_a_truth_every_picture_is_read(tmp_path: Path, content: str) -> None:
    pictures(tmp_path, "a.png", "b.png")
    path = tmp_path / "set.csv"
    path.write_text(content)
    listing = list_faces(path, truth="none")
    assert listing.names == ["a.png", "b.png"]
    assert listing.labels.tolist() == [-1, -1]
    assert (listing.votes, listing.skipped) == (None, [])
    assert listing.attributes["age"].tolist() == ["3", "4"]
    assert len(list_faces(npz(tmp_path / "set.npz"), truth="none")) == 6


def test_votes_beside_a_row_for_each_rater_are_refused(tmp_path: Path) -> None:
    path, beside = tmp_path / "set.csv", tmp_path / "votes.csv"
    path.write_text("path,rater,label\na.png,x,sad\n")
    beside.write_text("sad,happy\n5,0\n")
    assert "--votes cannot go with it" in refused(path, votes=beside)


def test_records_are_checked() -> None:
    with pytest.raises(ValueError, match="votes"):
        Votes(np.zeros((2, 7), np.int64))
    image = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match="votes for 1 faces"):
        LabelledFaces([image], np.zeros(1, np.int64), ["a"], [], "made", votes=Votes(ROWS))


@pytest.mark.skipif(not (SHARED / "ferplus_votes.npz").is_file(), reason="no shared data")
def test_fer_plus() -> None:
    listing = list_faces(SHARED / "fer2013.npz", "test", votes=SHARED / "ferplus_votes.npz")
    assert len(listing) + len(listing.skipped) == 3589
    assert listing.votes is not None
    assert set(listing.votes.raters) == {10}
    assert (listing.own_labels == listing.labels).mean() == pytest.approx(0.643, abs=0.002)
