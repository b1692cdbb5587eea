"""Whom it fails: differences that were made are found, and chance is not taken for one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.labelled import EVERYONE, K, Knows, faces_of

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.datasets.attributes import asked_for, in_groups
from moodstream.realtime.evaluation.datasets.faces import LabelledFaces
from moodstream.realtime.evaluation.datasets.synonyms import VOTED
from moodstream.realtime.evaluation.datasets.votes import Votes
from moodstream.realtime.evaluation.emotions import attributes
from moodstream.realtime.evaluation.emotions.attributes import ByAttribute, by_attributes
from moodstream.realtime.evaluation.emotions.degrade import blur
from moodstream.realtime.evaluation.emotions.evaluate import EmotionSettings, evaluate

NONE = EmotionSettings((), ())
HAPPY = EMOTIONS.index("happy")


def made(labels: np.ndarray = EVERYONE, **columns: object) -> LabelledFaces:
    """Faces that ``Knows`` reads, with attributes."""
    words = {name: np.asarray(column, np.str_) for name, column in columns.items()}
    return replace(faces_of(labels), attributes=words)


def measured(faces: LabelledFaces, name: str) -> ByAttribute:
    done = evaluate(Knows(0.8), faces, NONE)
    (found,) = by_attributes(faces, [name], done.probs, done.right)
    return found


def halves(n: int) -> np.ndarray:
    return np.where(np.arange(n) % 2, "odd", "even")


def as_happy(faces: LabelledFaces, rows: np.ndarray) -> LabelledFaces:
    """The pictures of some rows look happy, whatever they are labelled."""
    images = list(faces.images)
    for i in rows:
        images[i] = np.full_like(images[i], 20 + 30 * HAPPY)
    return replace(faces, images=images)


def difference(found: ByAttribute, figure: str) -> attributes.Difference:
    (one,) = (d for d in found.differences if d.figure == figure)
    return one


def test_who_is_failed_is_found() -> None:
    group = halves(len(EVERYONE))
    faces = made(side=group)
    wrong = np.flatnonzero(group == "odd")[::3]
    wrong = wrong[faces.labels[wrong] != HAPPY]
    found = measured(as_happy(faces, wrong), "side")
    even, odd = found.groups
    assert (even.value, odd.value) == ("even", "odd")
    assert even.n == odd.n == len(EVERYONE) // 2
    assert even.figures["right"].mean == 1
    assert odd.figures["right"].mean == pytest.approx(1 - len(wrong) / odd.n)
    gap = difference(found, "right")
    assert (gap.higher, gap.lower) == ("even", "odd")
    assert gap.size == pytest.approx(len(wrong) / odd.n)
    assert gap.beyond_chance
    lean = difference(found, "happy")
    assert lean.higher == "odd"
    assert lean.beyond_chance
    assert "jsd" not in odd.figures  # there are no votes


def test_blurred_faces_have_less_quality() -> None:
    rng = np.random.default_rng(0)
    faces = made(np.arange(80) % K, side=halves(80))
    noisy = [rng.integers(0, 256, (40, 40, 3), np.uint8) for _ in range(80)]
    images: list[Image] = [blur(image, 0.08) if i % 2 else image for i, image in enumerate(noisy)]
    gap = difference(measured(replace(faces, images=images), "side"), "quality")
    assert (gap.higher, gap.beyond_chance) == ("even", True)


def test_intervals_of_a_random_attribute_hold_zero_as_often_as_they_say() -> None:
    """Of every figure, in nine of ten draws or more: also the largest difference of many pairs."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(K), 60)
    faces = as_happy(made(labels), rng.choice(len(labels), 120, replace=False))
    done = evaluate(Knows(0.8), faces, NONE)
    beyond = {"right": 0, "lean": 0}
    for _ in range(24):
        coin = rng.integers(0, 4, len(labels)).astype(np.str_)
        some = replace(faces, attributes={"coin": coin})
        (found,) = by_attributes(some, ["coin"], done.probs, done.right)
        beyond["right"] += difference(found, "right").beyond_chance
        beyond["lean"] += any(d.beyond_chance for d in found.differences if d.figure in EMOTIONS)
    # the binomial (24, 0.1) is above 6 once in 100
    assert max(beyond.values()) <= 6


def test_groups_with_few_faces_are_marked_and_not_compared() -> None:
    names = np.array(["many"] * 60 + ["some"] * 29 + ["one"])
    found = measured(made(np.arange(90) % K, side=names), "side")
    few = {group.value: group.few for group in found.groups}
    assert few == {"many": False, "some": True, "one": True}
    assert found.differences == []
    one = next(group for group in found.groups if group.value == "one")
    assert np.isnan(one.figures["quality"].low)
    assert one.figures["right"].low < 0.3  # Wilson's interval of one face is wide


def test_a_group_without_any_failure_is_not_certain() -> None:
    names = np.array(["a"] * 40 + ["b"] * 40)
    found = measured(made(np.arange(80) % K, side=names), "side")
    assert difference(found, "right").size == 0
    assert difference(found, "right").high > 0.02
    assert found.groups[0].figures["right"].low < 0.97


def test_what_is_rare_is_no_difference_where_it_did_not_occur() -> None:
    """Two of 100 faces are very soft: in a group of 50 without any, others might have been."""
    rng = np.random.default_rng(0)
    faces = made(np.arange(100) % K, side=halves(100))
    sharp = rng.integers(0, 256, (40, 40, 3), np.uint8)
    images: list[Image] = [blur(sharp, 0.2) if i in (3, 5) else sharp for i in range(100)]
    gap = difference(measured(replace(faces, images=images), "side"), "quality")
    assert (gap.higher, gap.beyond_chance) == ("even", False)


def test_pictures_without_a_face_count_as_not_detected() -> None:
    faces = made(np.arange(100) % K, side=halves(100))
    boxes: F32 = np.stack([faces.box(i) for i in range(100)])
    lost = {"side": np.array(["odd"] * 25 + ["even"] * 2)}
    found = measured(replace(faces, boxes=boxes, without_face=lost), "side")
    even, odd = found.groups
    assert (odd.n, odd.pictures) == (50, 75)
    assert odd.figures["detected"].mean == pytest.approx(50 / 75)
    assert even.figures["detected"].mean == pytest.approx(50 / 52)
    gap = difference(found, "detected")
    assert (gap.higher, gap.beyond_chance) == ("even", True)
    every = measured(replace(faces, boxes=boxes), "side")
    assert every.groups[0].figures["detected"].mean == 1
    assert "detected" not in measured(faces, "side").groups[0].figures


def test_a_group_of_which_nobody_is_detected() -> None:
    faces = made(np.arange(40) % K, side=["seen"] * 40)
    boxes: F32 = np.stack([faces.box(i) for i in range(40)])
    lost = {"side": np.array(["never"] * 40)}
    never, seen = measured(replace(faces, boxes=boxes, without_face=lost), "side").groups
    assert (never.n, never.few, set(never.figures)) == (0, True, {"detected"})
    assert never.figures["detected"].high < 0.1
    assert seen.figures["detected"].low > 0.9


def test_with_votes_the_truth_is_what_raters_saw() -> None:
    labels = np.arange(90) % K
    rows = np.zeros((90, len(VOTED)), np.int64)
    rows[np.arange(90), labels] = 8
    rows[::2, HAPPY] += 2  # of the even ones two saw a smile
    voted = replace(made(labels, side=halves(90)), votes=Votes(rows))
    even, odd = measured(voted, "side").groups
    assert even.figures["jsd"].mean > 0
    # 0.8 on the label and 0.2 on the six others
    smiles = (0.8 * (labels == HAPPY) + 0.2 / 6 * (labels != HAPPY)).astype(float)
    want = smiles - voted.truth[:, HAPPY]
    assert even.figures["happy"].mean == pytest.approx(want[::2].mean(), abs=1e-6)
    assert odd.figures["happy"].mean == pytest.approx(want[1::2].mean(), abs=1e-6)


def test_without_a_truth_there_are_predicted_shares_alone() -> None:
    faces = made(np.arange(90) % K, side=halves(90))
    probs = evaluate(Knows(0.8), faces, NONE).probs
    (found,) = by_attributes(faces, ["side"], probs, None)
    assert not found.judged
    even, _ = found.groups
    assert set(even.figures) == {"quality", *EMOTIONS}
    assert even.figures["happy"].mean == pytest.approx(probs[::2, HAPPY].mean())


# --- which groups there are


def test_missing_values_belong_to_no_group() -> None:
    found = measured(made(np.arange(90) % K, side=["a", "b", " "] * 30), "side")
    assert [group.value for group in found.groups] == ["a", "b"]
    assert found.unknown == 30


def test_many_numbers_are_cut_at_their_quartiles() -> None:
    ages = np.arange(100).astype(np.str_)
    ages[3] = ""
    groups, names = in_groups("age", ages)
    assert len(names) == 4
    assert groups[3] == ""
    sizes = [int((groups == name).sum()) for name in names]
    assert max(sizes) - min(sizes) <= 2
    assert names[0].startswith("to ")
    assert names[-1].startswith("over ")


def test_few_numbers_stay_in_their_order() -> None:
    _, names = in_groups("people", np.array(["10", "9", "2", "10"]))
    assert names == ["2", "9", "10"]


def test_attributes_are_asked_for_in_any_case_and_once() -> None:
    known = {"Race": np.array(["a", "b"]), "age": np.array(["1", "2"])}
    assert asked_for(["race", "AGE", " Race "], known) == ["Race", "age"]


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("gender", ["a", "b"], "no such column; there are side"),
        ("side", ["a", "a"], "two or more different values, got a"),
        ("side", ["", ""], "two or more different values, got none"),
        ("side", [f"person {i}" for i in range(21)], "21 different values, expected at most 20"),
    ],
)
def test_attributes_that_make_no_groups_are_one_line(
    name: str, values: list[str], reason: str
) -> None:
    with pytest.raises(MoodstreamError, match=reason) as caught:
        asked_for([name], {"side": np.array(values)})
    assert "\n" not in str(caught.value)
