from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import cv2
import numpy as np
import pytest
from support.scenes import CLASSES, many_people, nobody, noise, scene

from moodstream.overlays import hud
from moodstream.overlays.boxes import draw_boxes
from moodstream.overlays.palette import (
    BACKGROUND,
    MOODS,
    MUTED,
    NO_PREDICTION,
    TEXT,
    bgr,
    contrast,
    fit_text,
    hex_of,
    printable,
    text_mask,
    text_on,
    text_width,
)
from moodstream.overlays.privacy import blur_faces
from moodstream.overlays.render import canvas_size, render
from moodstream.overlays.scene import ShownShift

SIZES = [(320, 240), (854, 480), (1280, 720), (720, 1280), (3840, 2160), (641, 479), (599, 801)]

# Machado, Oliveira & Fernandes 2009, severity 1.0, on linear RGB.
VISIONS = {
    "trichromat": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}

BLUR: dict[str, Any] = {"hide_faces": True, "show_people": True}
GROUP: dict[str, Any] = {"hide_faces": True, "show_people": False, "min_people": 3}
PRIVACY: tuple[dict[str, Any], ...] = ({}, BLUR, GROUP)


def inside(picture: np.ndarray, image: np.ndarray) -> np.ndarray:
    h, w = image.shape[:2]
    return (picture[:h, :w] != image).any(axis=2)


# Colours and letters


@pytest.mark.parametrize("vision", VISIONS)
def test_every_pair_of_moods_stays_apart_for_all_eyes(vision: str) -> None:
    rgb = np.array([bgr(name)[::-1] for name in CLASSES]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ VISIONS[vision].T, 0, 1)
    shown = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = cv2.cvtColor(shown[None].astype(np.float32), cv2.COLOR_RGB2Lab)[0]
    apart = {
        (a, b): float(np.linalg.norm(lab[i] - lab[j]))
        for (i, a), (j, b) in combinations(enumerate(CLASSES), 2)
    }
    assert min(apart.values()) > 24, min(apart.items(), key=lambda kv: kv[1])


@pytest.mark.parametrize("name", [*MOODS, "awe", "boredom"])
def test_text_is_readable_on_and_colours_beside_the_panel(name: str) -> None:
    assert contrast(text_on(bgr(name)), bgr(name)) >= 4.5
    if name in CLASSES:
        assert contrast(bgr(name), BACKGROUND) >= 3


def test_panel_text_has_contrast() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert min(contrast(c, BACKGROUND) for c in (TEXT, MUTED)) >= 4.5
    assert contrast(text_on(NO_PREDICTION), NO_PREDICTION) >= 4.5


def test_hex_and_bgr_agree_and_unknown_names_keep_their_colour() -> None:
    b, g, r = bgr("Happy")
    assert hex_of("happy") == f"#{r:02X}{g:02X}{b:02X}"
    assert hex_of("awe") == hex_of("awe")
    assert hex_of("awe") not in {hex_of(name) for name in CLASSES}


def test_text_uses_glyphs_the_font_has_and_fits() -> None:
    assert printable("sad → happy – déjà vu … 中") == "sad › happy - deja vu … ?"
    assert text_mask("82 %", 20).max() > 200
    short = fit_text("a very long notice about the camera", 20, 120)
    assert short.endswith("…")
    assert text_width(short, 20) <= 120


@pytest.mark.parametrize(
    ("t", "text"),
    [(0, "0:00:00.0"), (59.96, "0:00:59.9"), (3723.4, "1:02:03.4"), (-1, "0:00:00.0")],
)
def test_clock(t: float, text: str) -> None:
    assert hud.clock(t) == text


# The canvas


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_canvas_is_even_and_the_same_for_every_scene(width: int, height: int) -> None:
    size = canvas_size(width, height)
    assert size[0] % 2 == size[1] % 2 == 0
    image = noise(width, height)
    box = [[width * 0.3, height * 0.3, width * 0.5, height * 0.6]]
    for one in (scene(image), scene(image, box, banner="no signal"), scene(image, **nobody())):
        assert render(one).shape == (size[1], size[0], 3)


def test_the_picture_keeps_its_own_pixels_and_is_never_written_to() -> None:
    image = noise(1280, 720)
    before = image.copy()
    image.setflags(write=False)
    boxes = [[100, 100, 200, 220]]
    assert not inside(render(scene(image)), image).any()
    for privacy in PRIVACY:
        render(scene(image, boxes, **privacy, banner="no signal since 0:12"))
    assert (image == before).all()


def test_tiny_pictures_are_enlarged_and_empty_ones_refused() -> None:
    assert render(scene(noise(320, 240))).shape[0] == 480
    with pytest.raises(ValueError, match="at least 1x1"):
        canvas_size(0, 240)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (720, 1280), (640, 360), (1080, 1080)])
def test_the_panel_shows_each_figure_of_the_group(width: int, height: int) -> None:
    image = noise(width, height)
    one = scene(image)
    base = render(one)
    for change in (
        {"t": 80.0, "history_t": one.history_t + np.float32(4.75)},
        {"people": 12},
        {"effective_people": 7.7},
        {"dominant": 4},
        {"group": np.full(7, 1 / 7, np.float32)},
        {"unweighted": np.full(7, 1 / 7, np.float32)},
        {"interval": np.stack([one.group / 2, one.group])},
        {"entropy": 0.9, "entropy_share": 0.46},
        {"shift": 0.4},
        {"history": np.full_like(one.history, 1 / 7)},
        {"shifts": ()},
        {"shifts": (ShownShift(20.0, "sad", "happy", "provisional"),)},
        {"shifts": (ShownShift(20.0, "sad", "happy", "withdrawn"),)},
        {"window": 9.0},
    ):
        assert (render(replace(one, **change)) != base).sum() > 20, change


def test_gaps_of_the_history_stay_empty() -> None:
    one = scene(noise(1280, 720))
    layout = hud.panel_layout(1280, 720)
    history = one.history.copy()
    history[40:80] = np.nan

    def coloured(rows: np.ndarray) -> int:
        panel = np.empty((layout.height, layout.width, 3), np.uint8)
        hud.draw_panel(panel, replace(one, history=rows, shifts=()), layout)
        return int(np.count_nonzero(np.ptp(panel.astype(int), axis=2) > 60))

    empty, full = coloured(np.full_like(history, np.nan)), coloured(one.history)
    assert (coloured(history) - empty) / (full - empty) == pytest.approx(2 / 3, abs=0.05)


# People


def test_nobody_in_view() -> None:
    image = noise(1280, 720)
    none = render(scene(image, **nobody(history=None, history_t=np.zeros(0, np.float32))))
    assert not inside(none, image).any()
    assert hud.mood_line(scene(image, **nobody()))[0] == "no one in view"
    assert hud.mood_line(scene(image, **nobody(people=2)))[0] == "no readable face"
    few = scene(image, **nobody(people=2), **GROUP)
    assert hud.mood_line(few)[0] == "fewer than 3 people"
    assert (render(few) == render(replace(few, people=1))).all()


def test_forty_faces_do_not_bury_the_picture() -> None:
    image = noise(1920, 1080)
    drawn = inside(render(scene(image, many_people())), image)
    assert 0.02 < drawn.mean() < 0.25
    for x0, y0, x1, y1 in many_people().astype(int):
        assert drawn[y0 + 15 : y1 - 15, x0 + 15 : x1 - 15].mean() < 0.05


def test_boxes_outside_unreadable_or_broken_do_no_harm() -> None:
    image = noise(1280, 720)
    boxes = [
        [-80, -60, 40, 50],
        [1250, 690, 1400, 800],
        [2000, 2000, 2100, 2100],
        [np.nan] * 4,
        [300, 300, 200, 200],
        [500, 0, 600, 120],
    ]
    one = scene(image, boxes)
    for privacy in PRIVACY:
        render(replace(one, **privacy, probs=np.full_like(one.probs, np.nan)))
    drawn = inside(render(one), image)
    assert drawn[122:150, 500:600].any(), "a label at the top edge goes below its box"
    assert not drawn[200:650, 700:1240].any()


def drawn_alone(
    quality: float = 0.9, probs: Any = None, boxes: Any = ((100, 100, 220, 250),)
) -> np.ndarray:
    image = np.full((720, 1280, 3), 90, np.uint8)
    boxes = np.array(boxes, np.float32)
    n = len(boxes)
    row = np.eye(7, dtype=np.float32)[3] if probs is None else probs
    trust = np.full(n, quality, np.float32)
    draw_boxes(image, boxes, np.arange(n), np.tile(row, (n, 1)), trust, CLASSES)
    return image


def count(image: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(image.astype(int) - colour).sum(axis=2) < 12).sum())


def test_a_face_is_coloured_by_mood_grey_until_read_and_fainter_when_doubtful() -> None:
    happy, unread = drawn_alone(), drawn_alone(probs=np.full(7, np.nan, np.float32))
    assert count(happy, bgr("happy")) > 1000
    assert count(unread, bgr("happy")) == 0
    assert count(unread, NO_PREDICTION) > 300
    box = (slice(105, 255), slice(90, 230))
    assert count(drawn_alone(quality=0.1)[box], bgr("happy")) < 0.7 * count(
        happy[box], bgr("happy")
    )


def test_labels_do_not_lie_on_other_faces() -> None:
    above, below = (100, 100, 220, 250), (100, 260, 220, 410)
    image = drawn_alone(boxes=(above, below))
    face = image[108:243, 108:213]
    assert (face == 90).all()
    assert (image[415:440, 100:220] != 90).any(), "the lower label moves below its box"


# Privacy


def detail(image: np.ndarray) -> float:
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2GRAY).astype(np.float32)
    return float(np.var(cv2.Laplacian(grey, cv2.CV_32F)))


@pytest.mark.parametrize("side", [12, 40, 160, 500])
def test_blurred_faces_keep_nothing_fine(side: int) -> None:
    image = np.asarray(cv2.GaussianBlur(noise(1280, 720), (0, 0), max(0.5, side / 40)), np.uint8)
    box = np.array([[300, 100, 300 + side, 100 + side]], np.float32)
    out = blur_faces(image, box)
    face = (slice(100, 100 + side), slice(300, 300 + side))
    assert detail(out[face]) < 0.05 * detail(image[face])
    far = image.copy()
    cv2.ellipse(far, (300 + side // 2, 100 + side // 2), (side, side), 0, 0, 360, (0, 0, 0), -1)
    rest = out.copy()
    cv2.ellipse(rest, (300 + side // 2, 100 + side // 2), (side, side), 0, 0, 360, (0, 0, 0), -1)
    assert (far == rest).all(), "only the head is hidden"


def test_two_faces_of_the_same_coarse_look_cannot_be_told_apart() -> None:
    coarse = np.full((400, 400, 3), 128, np.uint8)
    one, two = coarse.copy(), coarse.copy()
    cells = np.random.default_rng(1).integers(0, 2, (2, 40, 40, 1)) * 100 + 78
    for image, pattern in ((one, cells[0]), (two, cells[1])):
        image[100:300, 100:300] = np.repeat(np.repeat(pattern, 5, 0), 5, 1)
    box = np.array([[100, 100, 300, 300]], np.float32)
    before = np.abs(one.astype(int) - two)[100:300, 100:300].mean()
    after = np.abs(blur_faces(one, box).astype(int) - blur_faces(two, box))[100:300, 100:300].mean()
    assert before > 40
    assert after < 0.15 * before


def test_the_whole_box_and_more_is_covered_also_at_the_edge() -> None:
    image = noise(400, 300)
    out = blur_faces(image, np.array([[-30, -30, 60, 90], [350, 250, 450, 350]], np.float32))
    same = (out == image).all(axis=2)
    assert same[:90, :60].mean() < 0.01
    assert same[250:, 350:].mean() < 0.01
    assert same[150:200, 150:250].all()


def test_group_privacy_shows_nothing_of_a_single_person() -> None:
    image = noise(1280, 720)
    boxes = [[100, 100, 220, 240], [500, 300, 620, 450], [900, 200, 980, 300]]
    one = scene(image, boxes, **GROUP)
    other = replace(
        one,
        track_ids=one.track_ids + 90,
        probs=np.roll(one.probs, 2, axis=1),
        quality=one.quality / np.float32(4),
    )
    shown = render(one)
    assert (shown == render(other)).all()
    assert detail(shown[110:230, 110:210]) < 0.02 * detail(image[110:230, 110:210])
    assert (render(replace(one, **BLUR)) != shown).any(), "blur keeps boxes and ids"


def test_faces_nobody_follows_are_hidden_too() -> None:
    image = noise(1280, 720)
    hide = np.array([[500, 300, 620, 450]], np.float32)
    assert inside(render(scene(image, hide=hide, **BLUR)), image)[320:430, 520:600].all()
    assert not inside(render(scene(image, hide=hide)), image).any()


def test_a_notice_is_a_banner_on_the_picture() -> None:
    image = noise(1280, 720)
    plain, other = (render(scene(image, banner=n)) for n in ("no signal since 0:12", "lost"))
    drawn = inside(plain, image)
    assert drawn[:40].mean() > 0.95
    assert not drawn[80:].any()
    assert (plain != other).any()
    assert inside(render(scene(image, banner="a very long line " * 40)), image)[:40].mean() > 0.95
