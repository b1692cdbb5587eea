"""Labels of people: held while classes are about as likely, changed when one keeps leading."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodstream.realtime.frames import Faces
from moodstream.trackers.labels import UNKNOWN, LabelHolder, LabelSettings

IDS = np.array([7])


def labels(shares, settings: LabelSettings | None = None, step: float = 0.1) -> list[int]:
    """Of one person whose first class has these shares and the second the rest."""
    holder = LabelHolder(settings)
    rows = [np.array([[p, 1 - p]], np.float32) for p in shares]
    return [holder.update(k * step, IDS, row).item() for k, row in enumerate(rows)]


def flips(seen: list[int]) -> int:
    return int((np.diff(seen) != 0).sum())


@given(st.lists(st.floats(0.46, 0.54), min_size=2, max_size=50))
def test_what_is_about_as_likely_does_not_flicker(shares):
    assert flips(labels(shares)) == 0


@pytest.mark.parametrize("step", [0.04, 0.1, 0.2, 0.3])
@pytest.mark.parametrize(("share", "after_s"), [(0.4, 0.4), (0.45, 0.8), (0.2, 0.08 / 0.6)])
def test_the_clearer_a_lead_the_sooner_it_is_the_label(share, after_s, step):
    seen = labels([0.9] * 3 + [share] * 60, LabelSettings(evidence=0.08), step)
    assert flips(seen) == 1
    late = (seen.index(1) - 2) * step  # since the last time that the label led
    assert after_s - 1e-4 <= late < after_s + step + 1e-4


def test_a_short_lead_changes_nothing():
    assert flips(labels(([0.9] * 5 + [0.45] * 5) * 6)) == 0


def test_nothing_is_known_of_the_time_without_estimates():
    holder = LabelHolder(LabelSettings(evidence=0.08))
    rows = [(0.0, 0.9), (9.0, 0.45), (9.1, 0.45)]
    seen = [holder.update(t, IDS, np.array([[p, 1 - p]], np.float32)).item() for t, p in rows]
    assert seen == [0, 0, 0]


def test_no_one_class_has_to_lead_all_the_time():
    holder = LabelHolder()
    rows = [[0.8, 0.1, 0.1], *[[0.1, 0.5, 0.4], [0.1, 0.4, 0.5]] * 5]
    seen = [
        holder.update(k / 5, IDS, np.array([row], np.float32)).item() for k, row in enumerate(rows)
    ]
    assert seen[0] == 0
    assert seen[-1] != 0


def test_everyone_has_a_label_of_their_own_and_the_unknown_none():
    holder = LabelHolder()
    probs = np.array([[0.9, 0.1], [0.2, 0.8], [np.nan, np.nan]], np.float32)
    assert holder.update(0.0, np.array([3, 5, 9]), probs).tolist() == [0, 1, UNKNOWN]
    assert holder.update(0.05, np.array([5, 3]), probs[:2]).tolist() == [1, 0]
    assert holder.update(0.2, np.array([], np.int64), probs[:0]).tolist() == []


def test_the_first_class_of_somebody_new_is_their_label_also_after_they_were_forgotten():
    holder = LabelHolder(LabelSettings(forget=1.0))
    first, other = np.array([[0.9, 0.1]], np.float32), np.array([[0.1, 0.9]], np.float32)
    assert holder.update(0.0, IDS, first).item() == 0
    holder.update(2.0, np.array([8]), first)
    assert holder.update(2.1, IDS, other).item() == 1


@pytest.mark.parametrize("wrong", [{"evidence": -0.1}, {"evidence": float("nan")}, {"forget": 0.0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        LabelSettings(**wrong)


def test_without_time_the_label_is_the_most_likely_class():
    faces = Faces.none()
    assert faces.shown_labels().tolist() == []
    boxes, one = np.zeros((2, 4), np.float32), np.ones(2, np.float32)
    probs = np.full((2, 7), np.nan, np.float32)
    probs[0] = np.eye(7)[3]
    seen = Faces(boxes, one, one, probs, np.array([1, 2]), np.ones(2, bool))
    assert seen.shown_labels().tolist() == [3, UNKNOWN]
