"""Renders a Scene: the picture itself, its people, and the group panel."""

from __future__ import annotations

import cv2
import numpy as np

from moodstream.overlays.boxes import draw_boxes
from moodstream.overlays.hud import draw_banner, draw_panel, panel_layout
from moodstream.overlays.palette import BACKGROUND, U8
from moodstream.overlays.privacy import blur_faces
from moodstream.overlays.scene import Scene

MIN_SIDE_PX = 360  # of the shorter side; text would be unreadable below


def scale_of(width: int, height: int) -> int:
    """Whole factor by which a picture is enlarged: 1 unless its shorter side is under 360 px."""
    if min(width, height) < 1:
        raise ValueError(f"expected a picture of at least 1x1 px, got {width}x{height}")
    return -(-MIN_SIDE_PX // min(width, height, MIN_SIDE_PX))


def canvas_size(width: int, height: int) -> tuple[int, int]:
    """The (width, height) in px of what ``render`` makes of pictures of that size.

    Both are even, as H.264 requires, and depend on nothing else, so that a stream keeps one size.

    Raises:
        ValueError: The picture is empty.
    """
    scale = scale_of(width, height)
    layout = panel_layout(width * scale, height * scale)
    return layout.x + layout.width, layout.y + layout.height


def faded(image: U8) -> U8:
    """A picture without colour and half as bright, to be recognised as an old one at a glance."""
    grey = cv2.convertScaleAbs(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), alpha=0.5)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR).astype(np.uint8)


def render(scene: Scene) -> U8:
    """Render a scene as a new (H', W', 3) uint8 BGR picture of ``canvas_size``.

    The picture keeps its own pixels at the top left (tiny ones are enlarged by ``scale_of``), with
    boxes where ``scene.show_people`` says so; the group panel lies beside or below it.
    """
    height, width = scene.image.shape[:2]
    scale = scale_of(width, height)
    total = canvas_size(width, height)
    canvas = np.empty((total[1], total[0], 3), np.uint8)
    layout = panel_layout(width * scale, height * scale)
    image = scene.image
    if scene.hide_faces:
        every = scene.boxes if scene.hide is None else np.vstack([scene.boxes, scene.hide])
        image = blur_faces(image, every)
    if scene.status_text:
        image = faded(image)
    if scale > 1:
        shape = (width * scale, height * scale)
        image = cv2.resize(image, shape, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    h, w = image.shape[:2]
    canvas[h : h + 1], canvas[:, w : w + 1] = BACKGROUND, BACKGROUND  # the margin beside odd sizes
    canvas[:h, :w] = image
    picture = canvas[:h, :w]
    if scene.show_people:
        draw_boxes(
            picture,
            scene.boxes * np.float32(scale),
            scene.track_ids,
            scene.probs,
            scene.quality,
            scene.classes,
            scene.labels,
        )
    if scene.banner:
        draw_banner(picture, scene.banner, layout.unit)
    if not scene.panel:
        return np.ascontiguousarray(canvas[: h + h % 2, : w + w % 2])
    panel = canvas[layout.y : layout.y + layout.height, layout.x : layout.x + layout.width]
    draw_panel(panel, scene, layout)
    return canvas
