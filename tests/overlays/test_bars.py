"""The bars of the panel: whiskers, the plain average, and what is said of how sure they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.scenes import CLASSES, many_people, nobody, noise, scene

from moodstream.overlays import hud
from moodstream.overlays.bars import draw_bars
from moodstream.overlays.palette import BACKGROUND, TEXT, text_width
from moodstream.overlays.scene import Scene


def ends(one: Scene, below: float = 0.1, above: float = 0.15) -> np.ndarray:
    """Intervals of the shares of a scene."""
    assert one.group is not None
    return np.clip(np.stack([one.group - below, one.group + above]), 0, 1).astype(np.float32)


def panel_of(one: Scene, width: int = 1280, height: int = 720) -> np.ndarray:
    layout = hud.panel_layout(width, height)
    panel = np.empty((layout.height, layout.width, 3), np.uint8)
    hud.draw_panel(panel, one, layout)
    return panel


@pytest.mark.parametrize("u", [12, 16, 24, 48])
def test_a_whisker_is_as_long_as_its_interval(u: int) -> None:
    one = scene(noise(64, 48), unweighted=None)
    happy = 3 * 2 * u + u  # the middle of its bar
    names, figures = round(6.3 * u), 18 * u

    def drawn(low: float, high: float) -> tuple[int, int]:
        """From where to where the whisker of happy goes."""
        interval = np.zeros((2, 7), np.float32)
        interval[:, 3] = low, high
        panel = np.full((18 * u, 22 * u, 3), BACKGROUND, np.uint8)
        draw_bars(panel, replace(one, interval=interval), u, 21 * u, 0, 2 * u, u)
        columns = np.flatnonzero((panel[happy, names:figures] == TEXT).all(axis=1))
        return int(columns.min()), int(columns.max())

    left, right = drawn(0.0, 1.0)
    full = right - left
    assert full == pytest.approx((21 - 3.1 - 1 - 5.4) * u, abs=2)
    low, high = drawn(0.25, 0.75)
    assert (low - left) / full == pytest.approx(0.25, abs=0.02)
    assert (high - left) / full == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize("mood", CLASSES)
def test_a_whisker_shows_on_bars_of_every_colour_and_beside_them(mood: str) -> None:
    k = CLASSES.index(mood)
    group = np.full(7, 0.05, np.float32)
    group[k] = 0.7
    one = scene(noise(640, 360), group=group, dominant=k, unweighted=None)
    interval = np.stack([group, group])
    interval[:, k] = 0.3, 0.95
    panel = panel_of(replace(one, interval=interval), 640, 360)
    light = (panel == TEXT).all(axis=2)
    row = int(np.argmax(light[:, : light.shape[1] - 40].sum(axis=1)))
    columns = np.flatnonzero(light[row])
    assert columns.max() - columns.min() > 60  # on the bar, and on the track beside it
    for beside in (row - 1, row + 1):
        assert (panel[beside, columns[2:-2]] == BACKGROUND).all(axis=1).mean() > 0.9  # its rim


def test_the_plain_average_is_no_whisker() -> None:
    one = scene(noise(640, 360), interval=None)
    without = panel_of(replace(one, unweighted=None), 640, 360)
    changed = (panel_of(one, 640, 360) != without).any(axis=2)
    assert changed.sum() > 7 * 8
    assert not (panel_of(one, 640, 360)[changed] == TEXT).all(axis=1).any()  # of another colour


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "40 to 65 %, last 5 s"),
        ({"effective_people": 1.0, "people": 1}, "one face: 40 to 65 %, last 5 s"),
        ({"effective_people": 1.6, "people": 2}, "40 to 65 %, last 5 s"),
        ({"interval": None}, "shown most, last 5 s"),
        ({"interval": np.full((2, 7), np.nan, np.float32)}, "shown most, last 5 s"),
        (nobody(interval=None), "last 5 s"),
        ({"window": 2.5}, "40 to 65 %, last 2.5 s"),
    ],
)
def test_how_sure_the_mood_is_stands_under_it(changes: dict[str, Any], line: str) -> None:
    one = scene(noise(640, 360), many_people(5))
    assert hud.share_line(replace(one, **{"interval": ends(one), **changes})) == line


@pytest.mark.parametrize("dominant", [3, None])
def test_the_line_under_the_mood_and_the_people_beside_it_leave_each_other_room(
    dominant: int | None,
) -> None:
    one = scene(noise(640, 360), window=12.5, effective_people=1.0, people=1, dominant=dominant)
    wide = np.stack([np.zeros(7), np.ones(7)]).astype(np.float32)
    long = panel_of(replace(one, interval=wide), 640, 360)
    short = panel_of(replace(one, interval=None, window=1.0), 640, 360)
    top, right = 40, hud.panel_layout(640, 360).width - 14
    words = slice(right - text_width("1.0 effective", 11), right)
    assert (long[top : top + 45, words] == short[top : top + 45, words]).all()


def test_an_interval_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected interval of shape \(2, 7\), got \(7,\)"):
        scene(noise(64, 48), interval=np.zeros(7, np.float32))
