"""The privacy modes: what each allows, which is stricter, and which groups may be shown."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import HAPPY, make_faces

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import GroupState
from moodstream.realtime.privacy import HIDE_FROM_CONFIDENCE, Privacy

OFF, BLUR, GROUP = Privacy.OFF, Privacy.BLUR, Privacy.GROUP


@pytest.mark.parametrize(
    ("mode", "hides_faces", "keeps_individuals", "min_group"),
    [(OFF, False, True, 0), (BLUR, True, True, 0), (GROUP, True, False, 3)],
)
def test_what_each_mode_allows(
    mode: Privacy, hides_faces: bool, keeps_individuals: bool, min_group: int
) -> None:
    assert mode.hides_faces is hides_faces
    assert mode.keeps_individuals is keeps_individuals
    assert mode.min_group == min_group


@pytest.mark.parametrize(
    ("people", "effective", "shown"),
    [
        (0, 0.0, False),
        (1, 1.0, False),
        (2, 2.0, False),
        (3, 3.0, True),
        (4, 4.0, True),
        (3, 2.0, True),
        (3, 2.0 - 1e-9, True),  # rounding is nobody's mood
        (3, 1.99, False),  # one of them outweighs the others
        (4, 1.5, False),
        (4, 2.5, True),
        (40, 1.0, False),
        (2, 5.0, False),  # those who have just left do not make it a group
    ],
)
def test_the_groups_that_may_be_shown(people: int, effective: float, shown: bool) -> None:
    state = GroupState(
        t=2.0,
        people=people,
        effective_people=effective,
        probs=HAPPY.astype(np.float64),
        interval=np.stack([HAPPY / 2, HAPPY / 2 + 0.5]).astype(np.float64),
        weighted=HAPPY.astype(np.float64),
        unweighted=HAPPY.astype(np.float64),
        entropy=0.1,
        entropy_share=0.05,
        dominant="happy",
        shift=0.2,
        extras=np.zeros(3),
    )
    assert OFF.view(state) is state
    assert BLUR.view(state) is state
    seen = GROUP.view(state)
    assert GROUP.shows_group_of(people, effective) is shown
    if shown:
        assert seen is state
    else:
        assert seen == GroupState(t=2.0, people=people)  # nothing else is left


@given(st.lists(st.floats(0.01, 1.0), max_size=4), st.sampled_from([1.0, 100.0]))
def test_a_group_with_one_dominating_weight_is_that_one(
    weights: list[float], factor: float
) -> None:
    """Kish's size of the weights, of whom the last may count a hundred times as much."""
    w = np.array([*weights[:-1], *(factor * x for x in weights[-1:])])
    effective = float(w.sum() ** 2 / (w**2).sum()) if len(w) else 0.0
    shown = GROUP.shows_group_of(len(w), effective)
    assert not (shown and len(w) < 3)
    if len(w) and w.max() > 0.75 * w.sum():
        assert not shown
    if len(w) >= 3 and w.max() <= 1.5 * w.min():
        assert shown


@pytest.mark.parametrize(("mode", "kept"), [(OFF, 2), (BLUR, 2), (GROUP, 0)])
def test_the_faces_that_may_be_kept(mode: Privacy, kept: int) -> None:
    faces = make_faces([1, 2], np.tile(HAPPY, (2, 1)), [1.0, 0.5])
    assert len(mode.view_faces(faces)) == kept


@pytest.mark.parametrize(
    ("one", "other", "stricter"),
    [
        *((mode, mode, False) for mode in Privacy),
        *((BLUR, OFF, True), (GROUP, OFF, True), (GROUP, BLUR, True)),
        *((OFF, BLUR, False), (OFF, GROUP, False), (BLUR, GROUP, False)),
    ],
)
def test_which_is_stricter(one: Privacy, other: Privacy, stricter: bool) -> None:
    assert one.stricter_than(other) is stricter


@pytest.mark.parametrize(
    ("floor", "steps"),
    [
        (OFF, [OFF, BLUR, GROUP, OFF]),
        (BLUR, [BLUR, GROUP, BLUR]),
        (GROUP, [GROUP, GROUP]),
    ],
)
def test_the_steps_of_the_key_never_go_below_the_floor(
    floor: Privacy, steps: list[Privacy]
) -> None:
    for mode, after in itertools.pairwise(steps):
        assert mode.next(floor) is after
    for mode in Privacy:  # also from a mode that the floor does not allow
        assert not floor.stricter_than(mode.next(floor))


@pytest.mark.parametrize(
    ("modes", "strictest"),
    [
        ([], OFF),
        ([OFF], OFF),
        ([OFF, BLUR], BLUR),
        ([GROUP, BLUR, OFF], GROUP),
        ([BLUR, GROUP], GROUP),
    ],
)
def test_the_strictest_of_some(modes: list[Privacy], strictest: Privacy) -> None:
    assert Privacy.strictest(modes) is strictest
    assert Privacy.strictest(iter(modes)) is strictest


@pytest.mark.parametrize("mode", Privacy)
def test_the_name_of_a_mode_is_what_users_write(mode: Privacy) -> None:
    assert Privacy.of(mode.value) is mode
    assert Privacy.of(mode) is mode
    assert str(mode) == f"{mode}" == mode.value


@pytest.mark.parametrize("asked", ["", "Blur", "none", "off "])
def test_another_name_is_refused_in_one_line(asked: str) -> None:
    with pytest.raises(MoodstreamError, match="expected one of off, blur, group") as caught:
        Privacy.of(asked)
    assert "\n" not in str(caught.value)


def test_faces_are_hidden_before_they_count() -> None:
    from moodstream.realtime.analysis.people.tracker import AnalysisSettings

    assert 0 < HIDE_FROM_CONFIDENCE < AnalysisSettings().min_confidence
