from __future__ import annotations

import math
import os
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from support.fakes import MOSTLY_HAPPY, models_of, noise

from moodstream.overlays.privacy import blur_faces
from moodstream.realtime.analysis.people.quality import QualityScale
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError, UnreadableImageError
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.photos import files
from moodstream.realtime.runs.photos.analyse import (
    PhotoSettings,
    aggregate,
    analyse_photo,
    dataset_scale,
    view_group,
)
from moodstream.realtime.runs.photos.draw import annotated
from moodstream.realtime.runs.photos.faces import PhotoFaces
from moodstream.realtime.runs.photos.files import find_photos, read_photo
from moodstream.realtime.runs.photos.size_bins import size_bins

K = len(EMOTIONS)


def faces_of(sides, blurs, probs):
    n = len(sides)
    return PhotoFaces(
        np.zeros((n, 4), np.float32),
        np.ones(n, np.float32),
        None,
        np.asarray(sides, np.float64),
        np.asarray(blurs, np.float64),
        np.asarray(probs, np.float32).reshape(n, K),
        np.full((n, 3), np.nan, np.float32),
        np.zeros((n, 4), np.float32),
    )


# ---- the figures of a photo


def test_a_photo_of_nobody_has_no_figures():
    result = analyse_photo(noise(), models_of([]), PhotoSettings())
    assert (len(result.faces), result.group.faces, result.group.faces_used) == (0, 0, 0)
    assert result.group.probs is result.group.entropy is result.group.dominant is None
    assert result.adds.shape == (0, K)


@pytest.mark.parametrize(
    ("side", "blur", "name"),
    [
        (48, 100, "high"),
        (47.9, 100, "mid"),
        (48, 99.9, "mid"),
        (24, 50, "mid"),
        (200, 49.9, "low"),
        (23.9, 900, "low"),
    ],
)
def test_quality_bins(side, blur, name):
    assert faces_of([side], [blur], [MOSTLY_HAPPY]).bin_names == [name]


def test_small_and_uncertain_faces_do_not_count_but_are_known_to_privacy():
    boxes = [[10, 10, 60, 70], [80, 10, 89, 19], [100, 60, 140, 110]]
    result = analyse_photo(noise(), models_of(boxes, scores=[0.9, 0.9, 0.35]), PhotoSettings())
    assert result.faces.boxes.tolist() == [boxes[0]]
    assert len(result.faces.all_boxes) == 3
    assert result.faces.min_side[0] == 50


def test_a_face_that_was_not_classified_counts_for_nothing():
    probs = np.array([MOSTLY_HAPPY, [np.nan] * K, [1 / K] * K], np.float32)
    result = aggregate(faces_of([100, 160, 100], [400, 500, 400], probs), PhotoSettings())
    assert result.used.tolist() == [0, 2]
    assert result.group.faces == 3
    assert result.group.faces_used == 2
    np.testing.assert_allclose(result.group.weighted, (probs[0] + probs[2]) / 2, atol=1e-6)
    assert not result.adds[1].any()


def test_only_the_best_faces_count():
    sides = np.linspace(20, 150, 50)
    result = aggregate(
        faces_of(sides, np.full(50, 300), np.tile(MOSTLY_HAPPY, (50, 1))), PhotoSettings()
    )
    assert result.used.tolist() == list(range(10, 50))
    assert result.weights[49] > result.weights[10] > result.weights[9] == 0


@given(
    st.lists(st.tuples(st.floats(1, 400), st.floats(0, 4000)), min_size=1, max_size=60),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 5, 40]),
)
def test_contributions_sum_to_the_distribution(measured, seed, most):
    sides, blurs = np.array(measured).T
    probs = np.random.default_rng(seed).dirichlet(np.full(K, 0.5), len(sides))
    result = aggregate(faces_of(sides, blurs, probs), PhotoSettings(max_faces=most))
    group = result.group
    np.testing.assert_allclose(result.adds.sum(0), group.probs, atol=1e-6)
    used = result.used
    np.testing.assert_allclose(result.weights @ probs, group.weighted, atol=1e-6)
    np.testing.assert_allclose(probs[used].mean(0), group.unweighted, atol=1e-6)
    assert (result.adds[used] >= 0).all()
    assert not np.delete(result.adds, used, axis=0).any()
    assert group.faces_used == min(most, len(sides))
    assert group.peak == group.probs[EMOTIONS.index(group.dominant)] == group.probs.max()
    assert 0 < group.effective_people <= group.faces_used + 1e-9
    assert 0 <= group.entropy <= math.log(K)


def test_the_scale_of_a_set_is_its_percentiles():
    scale = dataset_scale(range(101), [10.0] * 101)
    assert scale == QualityScale((5.0, 95.0), (10.0, 10.0))
    assert dataset_scale([], []) == QualityScale()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_fewer_than_three_are_no_group(count):
    group = aggregate(
        faces_of([100] * count, [300] * count, [MOSTLY_HAPPY] * count), PhotoSettings()
    ).group
    small = view_group(group, Privacy.GROUP)
    assert (small.weighted is None) == (count < 3)
    assert small.faces == count


def test_three_of_whom_one_decides_are_no_group():
    group = aggregate(
        faces_of([16, 16, 160], [10, 10, 500], [MOSTLY_HAPPY] * 3), PhotoSettings()
    ).group
    assert group.effective_people < 1.01
    assert view_group(group, Privacy.GROUP).weighted is None


def test_size_bins_count_photos_by_the_faces_that_count():
    found = size_bins(
        np.array([1, 2, 3, 10, 30, 4]),
        np.array([0.2, 0.4, 1.0, 1.2, 1.4, np.nan]),
        np.array([0.9, 0.7, 0.5, 0.5, 0.4, np.nan]),
    )
    assert [each.photos for each in found] == [2, 1, 1, 0, 1]
    assert found[0].entropy == pytest.approx(0.3)
    assert found[0].spread == pytest.approx(0.1 * math.sqrt(2))
    assert found[3].entropy is None
    assert found[0].reference == (0.562, 0.446, 0.774)


@pytest.mark.parametrize("wrong", [{"min_face": -1}, {"max_faces": 0}, {"min_confidence": 2}])
def test_settings_are_checked(wrong):
    with pytest.raises(ValueError, match="expected"):
        PhotoSettings(**wrong)


# ---- pictures of it


def test_annotated_pictures_show_boxes_and_hide_faces_as_asked():
    image = noise(400, 600)
    boxes = [[100, 100, 200, 220], [400, 100, 420, 115]]
    result = analyse_photo(image, models_of(boxes, scores=[0.9, 0.35]), PhotoSettings())
    before = image.copy()
    shown = {kind: annotated(image, result, kind) for kind in Privacy}
    np.testing.assert_array_equal(image, before)
    inside = np.s_[130:190, 130:170]
    np.testing.assert_array_equal(shown[Privacy.OFF][inside], image[inside])
    for kind in (Privacy.BLUR, Privacy.GROUP):
        assert shown[kind][inside].std() < 0.3 * image[inside].std()
        assert shown[kind][103:112, 403:417].std() < 0.3 * image[inside].std()  # uncertain, hidden
    hidden = blur_faces(image, np.array([boxes[0], *boxes], np.float32))
    np.testing.assert_array_equal(shown[Privacy.GROUP], hidden)  # no box
    assert (shown[Privacy.BLUR] != hidden).any()


def test_annotated_pictures_are_no_longer_than_asked():
    result = analyse_photo(noise(900, 2400), models_of([[400, 100, 900, 700]]), PhotoSettings())
    picture = annotated(noise(900, 2400), result)
    assert picture.shape == (720, 1920, 3)


# ---- picture files

RED_LEFT = np.zeros((20, 30, 3), np.uint8)  # RGB
RED_LEFT[:, :15] = (250, 10, 10)
RED_LEFT[:, 15:] = (10, 10, 250)


def _rgb(path):
    return read_photo(path)[..., ::-1].astype(int)


def _close(colour, expected, by=12):
    return np.abs(np.asarray(colour) - expected).max() <= by


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tif"])
def test_common_formats(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    options: dict[str, Any] = {"quality": 95} if suffix in ("jpg", "webp") else {}
    Pillow.fromarray(RED_LEFT).save(path, **options)
    found = _rgb(path)
    assert found.shape == (20, 30, 3)
    assert _close(found[10, 4], (250, 10, 10), 40)
    assert _close(found[10, 25], (10, 10, 250), 40)


@pytest.mark.parametrize(
    ("orientation", "red"), [(1, (10, 2)), (3, (10, 27)), (6, (2, 10)), (8, (27, 10))]
)
def test_photos_are_turned_upright(tmp_path, orientation, red):
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    Pillow.fromarray(RED_LEFT).save(tmp_path / "a.jpg", exif=exif, quality=95)
    found = _rgb(tmp_path / "a.jpg")
    assert found.shape[:2] == files.shape_of(tmp_path / "a.jpg")
    assert found.shape[:2] == ((30, 20) if orientation > 4 else (20, 30))
    assert _close(found[red], (250, 10, 10), 40)


def test_transparent_pixels_are_white(tmp_path):
    clear = np.dstack([RED_LEFT, np.zeros((20, 30), np.uint8)])
    clear[:10, :, 3] = 255
    Pillow.fromarray(clear).save(tmp_path / "a.png")
    found = _rgb(tmp_path / "a.png")
    assert _close(found[15, 4], (255, 255, 255), 0)
    assert _close(found[5, 4], (250, 10, 10), 0)
    palette = Pillow.fromarray(RED_LEFT).quantize(4)
    transparent = palette.getpixel((2, 2))
    palette.save(tmp_path / "b.png", transparency=transparent)
    assert _close(_rgb(tmp_path / "b.png")[10, 4], (255, 255, 255), 0)
    assert _close(_rgb(tmp_path / "b.png")[10, 25], (10, 10, 250))


def test_grey_16_bit_and_cmyk(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 30).astype(np.uint8), (20, 1))
    Pillow.fromarray(ramp).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(_rgb(tmp_path / "grey.png")[..., 0], ramp)
    cv2.imwrite(str(tmp_path / "deep.png"), ramp.astype(np.uint16) * 257)
    deep = _rgb(tmp_path / "deep.png")
    assert np.abs(deep - ramp[..., None]).max() <= 1
    cv2.imwrite(str(tmp_path / "deep.tif"), ramp.astype(np.uint16) * 257)
    assert np.abs(_rgb(tmp_path / "deep.tif") - ramp[..., None]).max() <= 1
    Pillow.fromarray(RED_LEFT).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    found = _rgb(tmp_path / "cmyk.jpg")
    assert _close(found[10, 4], (250, 10, 10), 40)
    assert _close(found[10, 25], (10, 10, 250), 40)


def _png_that_claims(width, height):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("empty.jpg", b"", "not a picture"),
        ("text.png", b"hello", "not a picture"),
        ("large.png", _png_that_claims(12_000, 12_000), "megapixels"),
        ("bomb.png", _png_that_claims(200_000, 200_000), "bomb"),
        ("none.png", _png_that_claims(100, 100), "broken"),
    ],
)
def test_what_is_no_picture_has_a_reason(tmp_path, name, content, why):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableImageError, match=why) as caught:
        read_photo(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_picture_cut_short_has_a_reason(tmp_path, mode):
    path = tmp_path / "a.png"
    Pillow.fromarray(noise(200, 200)).convert(mode).save(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UnreadableImageError, match="broken"):
        read_photo(path)


def test_heic_reports_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(b"x")
    with pytest.raises(UnreadableImageError, match=r"moodstream\[heic\]"):
        read_photo(tmp_path / "a.heic")


def test_heic_is_read_where_the_library_is_there(tmp_path):
    heif = pytest.importorskip("pillow_heif", reason="needs the extra heic")
    heif.from_pillow(Pillow.fromarray(np.kron(RED_LEFT, np.ones((8, 8, 1), np.uint8)))).save(
        tmp_path / "a.heic", quality=90
    )
    found = _rgb(tmp_path / "a.heic")
    assert found.shape == (160, 240, 3)
    assert _close(found[80, 40], (250, 10, 10), 40)


# ---- which files there are


def test_photos_are_found_once_by_the_path_that_they_share(tmp_path):
    for name in ("a/x.jpg", "a/sub/x.png", "b/x.jpg", "b/.hidden.jpg", "b/notes.txt", "out/y.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    both = find_photos([tmp_path / "a", tmp_path / "b", tmp_path / "b" / "x.jpg"])
    assert [photo.name for photo in both] == ["a/sub/x.png", "a/x.jpg", "b/x.jpg"]
    one = find_photos([tmp_path / "a"])
    assert [photo.name for photo in one] == ["sub/x.png", "x.jpg"]
    alone = find_photos([tmp_path / "b" / "x.jpg"])
    assert [photo.name for photo in alone] == ["x.jpg"]
    beside = find_photos([tmp_path], beside=tmp_path / "out")
    assert "out/y.jpg" not in [photo.name for photo in beside]


def test_nothing_to_read_is_one_line(tmp_path):
    with pytest.raises(MoodstreamError, match="no such file"):
        find_photos([tmp_path / "gone"])
    with pytest.raises(MoodstreamError, match="holds no photos"):
        find_photos([tmp_path])


def test_results_do_not_go_among_the_photos(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    for path in (tmp_path, tmp_path / "a.jpg"):
        with pytest.raises(MoodstreamError, match="choose another"):
            find_photos([path], beside=tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_text_have_one(tmp_path):
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))).write_bytes(b"x")
    assert [photo.name for photo in find_photos([tmp_path])] == ["caf\\xe9.jpg"]


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 2), (40, 6000)])
def test_odd_shapes_have_no_faces_and_do_no_harm(networks, shape):
    result = analyse_photo(np.zeros((*shape, 3), np.uint8), networks, PhotoSettings())
    assert result.group.faces == 0


def test_a_strip_is_not_drawn_too_large():
    image = noise(60, 12_000)
    result = analyse_photo(image, models_of([[100, 5, 140, 50]]), PhotoSettings())
    picture = annotated(image, result)
    assert max(picture.shape) <= 8 * 1920
