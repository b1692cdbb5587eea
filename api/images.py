"""One picture in, its faces and their emotions out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moodstream.arguments import expect_numbers
from moodstream.pipelines import Pair, Pipeline, networks
from moodstream.realtime.arrays import F32, F64, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.photos.analyse import (
    PhotoGroup,
    PhotoResult,
    PhotoSettings,
    analyse_photo,
)

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class ImageFaces:
    """The N faces of one picture, best detection first, and what they show together.

    ``read_image`` makes these. ``len(faces)`` is N.

    Attributes:
        image: The picture, (H, W, 3) uint8 BGR.
        result: All of it, as ``moodstream photos`` uses it.

    Example:
        >>> import numpy as np
        >>> import moodstream
        >>> faces = moodstream.read_image(np.zeros((90, 120, 3), np.uint8), pipeline="embedded")
        >>> len(faces), faces.group.dominant
        (0, None)
    """

    image: Image
    result: PhotoResult

    def __len__(self) -> int:
        return len(self.result.faces)

    @property
    def boxes(self) -> F32:
        """Where the faces are, (N, 4) float32 xyxy px."""
        return self.result.faces.boxes

    @property
    def scores(self) -> F32:
        """Confidence of the detector in each, (N,) in [0, 1]."""
        return self.result.faces.scores

    @property
    def landmarks(self) -> F32 | None:
        """Eyes, nose and corners of the mouth, (N, 5, 2) px; None where the detector has none."""
        return self.result.faces.landmarks

    @property
    def probs(self) -> F32:
        """Probabilities over ``EMOTIONS``, (N, 7); NaN where one could not be classified."""
        return self.result.faces.probs

    @property
    def labels(self) -> list[str | None]:
        """The most likely emotion of each face, None where it could not be classified."""
        return [
            EMOTIONS[int(row.argmax())] if np.isfinite(row).all() else None for row in self.probs
        ]

    @property
    def quality(self) -> F32:
        """Quality of each face by size and sharpness, (N,) in [0, 1]."""
        return self.result.quality

    @property
    def weights(self) -> F64:
        """What each face weighs in the group, (N,); they sum to 1, those left out have 0."""
        return self.result.weights

    @property
    def group(self) -> PhotoGroup:
        """What the faces show together: ``dominant``, ``entropy``, ``effective_people`` …"""
        return self.result.group

    @property
    def distribution(self) -> dict[str, float] | None:
        """The group's share of each emotion; None where nobody was classified."""
        shares = self.group.probs
        return None if shares is None else dict(zip(EMOTIONS, shares.tolist(), strict=True))

    def table(self) -> DataFrame:
        """One row per face: box, landmarks, score, size, blur, quality, weight, label, p_… .

        What is not known is NaN.
        """
        from moodstream.realtime.runs.photos.columns import FACE_COLUMNS
        from moodstream.tables import faces_table

        return faces_table(self, [name for name in FACE_COLUMNS if name != "photo"])

    def draw(self, *, privacy: Privacy | str = Privacy.OFF) -> Image:
        """A new picture with a box and a mood for each face, (H', W', 3) uint8 BGR.

        Args:
            privacy: ``blur`` hides the faces; ``group`` besides draws no boxes.
        """
        from moodstream.realtime.runs.photos.draw import annotated

        privacy = Privacy.of(privacy)
        return annotated(self.image, self.result, privacy)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rows of the table as dicts."""
        from moodstream.realtime.runs.photos.columns import face_rows

        for row in face_rows("", self.result):
            yield {name: value for name, value in row.items() if name != "photo"}

    def __repr__(self) -> str:
        return f"<ImageFaces: {len(self)} faces, dominant {self.group.dominant}>"


def read_image(
    picture: str | Path | Image | Any,
    *,
    pipeline: Pipeline | Pair = "auto",
    min_face: float = 10.0,
    min_confidence: float = 0.5,
    max_faces: int = 40,
) -> ImageFaces:
    """Detect and classify the faces of one picture, as ``moodstream photos`` does.

    Nothing is hidden in what is returned; ``draw(privacy="blur")`` hides faces.

    Args:
        picture: A file; a picture of Pillow; or an array, (H, W, 3) uint8 BGR as OpenCV has it,
            or (H, W) grey.
        pipeline: Networks, filters and votes: a ``Pipeline``, or the name of a pair of networks:
            ``auto``, ``embedded`` or ``hsemotion``.
        min_face: The smaller side in px from which a face counts.
        min_confidence: The score from which a detection counts, 0 to 1.
        max_faces: Faces that count at most, the best by quality.

    Returns:
        The faces, and what they show together.

    Raises:
        MoodstreamError: It is no picture that can be read, or a network is not available.

    Example:
        >>> import numpy as np
        >>> import moodstream
        >>> faces = moodstream.read_image(np.zeros((90, 120, 3), np.uint8), pipeline="embedded")
        >>> faces.table().empty
        True
    """
    expect_numbers(min_face=min_face, min_confidence=min_confidence, max_faces=max_faces)
    try:
        settings = PhotoSettings(min_face, min_confidence, max_faces)
    except (TypeError, ValueError) as error:
        raise MoodstreamError(str(error)) from None
    image = _pixels(picture)
    return ImageFaces(image, analyse_photo(image, networks(pipeline), settings))


def _pixels(picture: Any) -> Image:
    """The picture of a file, of Pillow or an array as (H, W, 3) uint8 BGR."""
    if isinstance(picture, (str, Path)):
        return _from_file(Path(picture))
    if hasattr(picture, "convert") and hasattr(picture, "mode"):
        from PIL import ImageOps

        upright = ImageOps.exif_transpose(picture).convert("RGB")
        return np.ascontiguousarray(np.asarray(upright, np.uint8)[..., ::-1])
    image = np.asarray(picture)
    if image.dtype == np.uint8 and image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise MoodstreamError(
            "expected a path, a picture of Pillow, or an array (H, W, 3) uint8 BGR, got "
            f"{type(picture).__name__} {image.shape} of {image.dtype}"
        )
    return np.ascontiguousarray(image)


def _from_file(path: Path) -> Image:
    from moodstream.realtime.errors import UnreadableImageError
    from moodstream.realtime.runs.photos.files import read_photo

    if path.is_dir():
        raise MoodstreamError(f"{path}: is a folder, not a picture")
    try:
        return read_photo(path)
    except UnreadableImageError as error:
        raise MoodstreamError(f"{path}: {error}") from error
