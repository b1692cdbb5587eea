"""Labelled faces from folders, .npz and CSV files, whole and broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from support.paths import DATA as SHARED

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError, UnreadableImageError
from moodstream.realtime.evaluation.datasets.faces import MAX_SIDE_PX, LabelledFaces, load
from moodstream.realtime.evaluation.datasets.synonyms import emotion_index, split_of
from moodstream.realtime.evaluation.emotions.degrade import blur
from moodstream.realtime.sources.images import read_picture, scaled

RED = (200, 30, 10)  # RGB


def picture(path: Path, size=(40, 30), colour=RED, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.new("RGB", size, colour).save(path, **options)
    return path


def emotions_of(faces: LabelledFaces) -> list[str]:
    return [EMOTIONS[label] for label in faces.labels]


def refused(path: Path, split: str | None = None) -> str:
    with pytest.raises(MoodstreamError) as error:
        load(path, split)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    return str(error.value)


# --- labels


@pytest.mark.parametrize(
    ("label", "emotion"),
    [
        ("Happiness", "happy"),
        (" ANGER ", "angry"),
        ("disgusted", "disgust"),
        ("fearful", "fear"),
        ("Sadness", "sad"),
        ("surprised", "surprise"),
        ("neutral", "neutral"),
        ("3", "happy"),
    ],
)
def test_usual_synonyms_and_numbers(label, emotion):
    assert EMOTIONS[emotion_index(label)] == emotion


@pytest.mark.parametrize("label", ["contempt", "", "7", "-1", "3.5"])
def test_labels_that_are_none(label):
    with pytest.raises(ValueError, match=r"label|none of the seven"):
        emotion_index(label)


def test_names_of_splits():
    assert [split_of(n) for n in ("Training", "PublicTest", "PrivateTest", "happy")] == [
        "train",
        "val",
        "test",
        None,
    ]


# --- pictures


def test_pictures_are_upright_and_bgr(tmp_path):
    exif = Pillow.Exif()
    exif[0x0112] = 6  # the camera was turned
    image = read_picture(picture(tmp_path / "turned.png", (40, 30), exif=exif))
    assert image.shape == (40, 30, 3)
    assert image[0, 0].tolist() == [10, 30, 200]


def test_sixteen_bits_become_the_upper_eight(tmp_path):
    wide = np.array([[0, 256 * 100, 65535]], np.uint16)
    cv2.imwrite(str(tmp_path / "wide.png"), wide)
    np.testing.assert_allclose(read_picture(tmp_path / "wide.png")[0, :, 0], [0, 99, 255], atol=1)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_are_grey(tmp_path, mode):
    clear = Pillow.new("RGBA", (4, 4), (255, 255, 255, 0)).convert(mode)
    options: dict[str, Any] = {"transparency": 0} if mode == "P" else {}
    clear.save(tmp_path / "clear.png", **options)
    assert (read_picture(tmp_path / "clear.png") == 127).all()


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_large_pictures_are_shrunk(tmp_path, suffix):
    path = picture(tmp_path / f"large{suffix}", (3000, 1500))
    assert read_picture(path, MAX_SIDE_PX).shape == (MAX_SIDE_PX // 2, MAX_SIDE_PX, 3)
    assert read_picture(path).shape == (1500, 3000, 3)


def test_a_broken_picture_says_so(tmp_path):
    whole = picture(tmp_path / "whole.jpg", (300, 300)).read_bytes()
    for name, content in (("cut.jpg", whole[: len(whole) // 2]), ("text.jpg", b"hello")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableImageError, match="picture"):
            read_picture(tmp_path / name)
    with pytest.raises(UnreadableImageError, match="no such file"):
        read_picture(tmp_path / "none.jpg")
    with pytest.raises(UnreadableImageError, match="too long"):
        read_picture(tmp_path / ("n" * 300 + ".jpg"))


def test_shrinking_and_blurring():
    image = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    assert scaled(image, 0.5).shape == (30, 45, 3)
    assert scaled(image, 1) is image
    assert scaled(image, 2) is image
    soft = blur(image, 0.05)
    assert soft.shape == image.shape
    assert soft.std() < 0.5 * image.std()
    np.testing.assert_array_equal(blur(image, 0.0), image)
    np.testing.assert_array_equal(blur(image, 0.05, side=120), blur(image, 0.10))


# --- folders


def test_a_folder_for_each_class(tmp_path):
    picture(tmp_path / "Happiness" / "b.JPG")
    picture(tmp_path / "anger" / "deeper" / "a.png")
    picture(tmp_path / "contempt" / "c.png")
    (tmp_path / "anger" / "notes.txt").write_text("no picture")
    (tmp_path / "anger" / "broken.png").write_bytes(b"nothing")
    faces = load(tmp_path)
    assert emotions_of(faces) == ["happy", "angry"]
    assert faces.names[0].endswith("b.JPG")
    assert dict(faces.skipped) == {
        "contempt/ (1 picture)": "'contempt' is none of the seven emotions",
        str(Path("anger/broken.png")): "not a picture",
    }


def test_the_folders_of_a_split(tmp_path):
    picture(tmp_path / "train" / "sad" / "a.png")
    picture(tmp_path / "Validation" / "happy" / "b.png")
    assert emotions_of(load(tmp_path, "train")) == ["sad"]
    assert emotions_of(load(tmp_path, "val")) == ["happy"]
    assert "test" in refused(tmp_path, "test")
    assert (
        "so train is used" in load(tmp_path).notes[0] or "so val is used" in load(tmp_path).notes[0]
    )
    picture(tmp_path / "test" / "fear" / "c.png")
    faces = load(tmp_path)
    assert emotions_of(faces) == ["fear"]
    assert "test" in faces.source
    assert "so test is used" in faces.notes[0]


def test_folders_without_faces_are_refused(tmp_path):
    assert "one a class" in refused(tmp_path)
    (tmp_path / "happy").mkdir()
    refused(tmp_path)
    picture(tmp_path / "3" / "a.png")
    assert "not a number" in refused(tmp_path)
    (tmp_path / "happy" / "a.png").write_bytes(b"nothing")
    assert "not a picture" in refused(tmp_path)
    assert "no such file" in refused(tmp_path / "none")
    assert "too long" in refused(tmp_path / ("n" * 300))


# --- .npz


def arrays(n=6, **changes):
    kept = {
        "images": np.arange(n * 16, dtype=np.uint8).reshape(n, 4, 4),
        "labels": np.arange(n) % 2,
        "classes": np.array(["sadness", "happy"]),
    }
    return {k: v for k, v in (kept | changes).items() if v is not None}


def saved(path: Path, **changes) -> Path:
    np.savez(path, **arrays(**changes))
    return path


def test_grey_pictures_of_a_npz(tmp_path):
    faces = load(saved(tmp_path / "set.npz"))
    assert emotions_of(faces) == ["sad", "happy"] * 3
    assert faces.images[1].shape == (4, 4, 3)
    assert faces.images[1][0, 0].tolist() == [16, 16, 16]


def test_colour_pictures_of_a_npz_are_rgb(tmp_path):
    images = np.zeros((6, 4, 4, 3), np.uint8)
    images[..., 0] = 255
    faces = load(saved(tmp_path / "set.npz", images=images))
    assert faces.images[0][0, 0].tolist() == [0, 0, 255]


def test_the_split_of_a_npz(tmp_path):
    usage = np.array([0, 0, 0, 1, 1, 2])
    path = saved(tmp_path / "set.npz", usage=usage, names=np.array(list("abcdef")))
    assert load(path, "train").names == ["a", "b", "c"]
    assert load(path, "val").names == ["d", "e"]
    faces = load(path)
    assert faces.names == ["f"]
    assert faces.source == "set.npz, test"
    assert faces.notes


@pytest.mark.parametrize(
    "words",
    [
        ["train", "training", "Training", "val", "Validation", "test"],
        ["Training", "Training", "Training", "PublicTest", "PublicTest", "PrivateTest"],
        [b"train", b"train", b"train", b"public", b"Public", b"PRIVATE"],
    ],
    ids=lambda words: str(words[-1]),
)
def test_the_split_of_a_npz_in_words(tmp_path, words):
    path = saved(tmp_path / "set.npz", usage=np.array(words), names=np.array(list("abcdef")))
    assert load(path, "train").names == ["a", "b", "c"]
    assert load(path, "val").names == ["d", "e"]
    assert load(path, "test").names == ["f"]


def test_odd_words_for_the_split_of_a_npz_are_quoted(tmp_path):
    usage = np.array(["train", "train", "test", "holdout", "fold 2", "test"])
    printed = refused(saved(tmp_path / "set.npz", usage=usage), "test")
    assert "'fold 2', 'holdout'" in printed
    assert "train, val or test" in printed


def test_a_npz_without_usage_has_no_split(tmp_path):
    assert "no usage" in refused(saved(tmp_path / "set.npz"), "test")


def test_an_unknown_class_of_a_npz_is_left_out(tmp_path):
    faces = load(saved(tmp_path / "set.npz", classes=np.array(["contempt", "happy"])))
    assert emotions_of(faces) == ["happy"] * 3
    assert faces.skipped[0][0] == "class contempt (3 pictures)"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"labels": None}, "labels missing"),
        ({"labels": np.arange(6)}, "labels from 0 to 1"),
        ({"labels": np.zeros(6)}, "integers"),
        ({"labels": np.zeros(5, int)}, r"labels of shape \(6,\)"),
        ({"images": np.zeros((6, 4, 4))}, "uint8"),
        ({"images": np.zeros((6, 16), np.uint8)}, "images of shape"),
        ({"images": np.zeros((6, 4, 4, 4), np.uint8)}, "images of shape"),
        ({"images": np.zeros((6, 0, 4), np.uint8)}, "images of shape"),
        ({"classes": np.arange(2)}, "names"),
        ({"usage": np.zeros(3, int)}, "usage of shape"),
        ({"usage": np.zeros(6, int)}, "no labelled pictures"),
        ({"n": 0}, "no labelled pictures"),
    ],
)
def test_a_npz_that_is_no_data_set_is_refused(tmp_path, changes, reason):
    with pytest.raises(MoodstreamError, match=reason):
        load(saved(tmp_path / "set.npz", **changes))


def test_pickled_objects_are_refused(tmp_path):
    names = np.array([{"a": 1}] * 6, object)
    assert "pickled" in refused(saved(tmp_path / "set.npz", names=names))


def test_broken_files_are_refused(tmp_path):
    path = saved(tmp_path / "set.npz")
    content = path.read_bytes()
    for broken in (content[: len(content) // 2], b"", b"PK\x03\x04nonsense", b"text"):
        path.write_bytes(broken)
        refused(path)
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    assert "single array" in refused(tmp_path / "one.npz")
    (tmp_path / "set.txt").write_text("x")
    assert "a folder, a .npz or a .csv" in refused(tmp_path / "set.txt")


def test_a_limit_draws_the_same_subset_each_time(tmp_path):
    path = saved(tmp_path / "set.npz")
    few = load(path, limit=3)
    assert len(few) == 3
    assert few.names == load(path, limit=3).names
    assert "3 of 6" in few.notes[0]
    for name, image in zip(few.names, few.images, strict=True):
        assert image[0, 0, 0] == 16 * int(name[1:])
    assert len(load(path, limit=99)) == 6


# --- CSV


def test_a_csv_of_paths_and_labels(tmp_path):
    picture(tmp_path / "faces" / "a.png")
    picture(tmp_path / "faces" / "b.png")
    (tmp_path / "faces" / "broken.png").write_bytes(b"nothing")
    text = (
        "id;Image;Emotion\n1;faces/a.png;Happy\n2;faces/b.png;4\n\n3;faces/none.png;sad\n"
        "4;faces/broken.png;sad\n5;faces/a.png;contempt\n6;faces/a.png;9\n7\n"
    )
    path = tmp_path / "set.csv"
    path.write_text("\ufeff" + text, encoding="utf-8")
    faces = load(path)
    assert emotions_of(faces) == ["happy", "sad"]
    assert faces.names == ["faces/a.png", "faces/b.png"]
    assert "4 sad" in faces.notes[-1]
    assert faces.skipped == [
        ("faces/a.png", "'contempt' is none of the seven emotions"),
        ("faces/a.png", "label 9 is not from 0 to 6"),
        ("row 9", "fewer cells than the header"),
        ("faces/none.png", "no such file"),
        ("faces/broken.png", "not a picture"),
    ]


def test_an_over_long_name_in_a_csv_is_left_out(tmp_path):
    picture(tmp_path / "a.png")
    path = tmp_path / "set.csv"
    path.write_text(f"path,label\na.png,happy\n{'n' * 300}.png,sad\n")
    faces = load(path)
    assert emotions_of(faces) == ["happy"]
    assert faces.notes == []
    assert [why for _, why in faces.skipped] == ["file name too long"]


def test_pixels_and_usage_of_the_original_fer2013(tmp_path):
    path = tmp_path / "fer2013.csv"
    path.write_text(
        "emotion,pixels,Usage\n3,0 50 100 255,Training\n6,1 2 3 4,PrivateTest\n"
        "6,1 2 3,PrivateTest\n6,1 x 3 4,PrivateTest\n6,1 2 3 999,PrivateTest\n"
    )
    faces = load(path)
    assert emotions_of(faces) == ["neutral"]
    assert len(faces.skipped) == 3
    train = load(path, "train")
    assert train.images[0][..., 0].tolist() == [[0, 50], [100, 255]]
    assert "val" in refused(path, "val")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "expected a column path"),
        (b"path,age\na.png,3\n", "expected a column label"),
        (b"\xff\xfe\x00path,label", "cannot be read as a CSV"),
        (b"path,label\n", "no labelled pictures"),
        (b"path,label\na.png,contempt\n", "none of the seven"),
        (b"path,label\na.png,happy\n", "no such file"),
    ],
)
def test_a_csv_that_is_no_data_set_is_refused(tmp_path, content, reason):
    path = tmp_path / "set.csv"
    path.write_bytes(content)
    assert reason in refused(path)
    if reason == "no such file":
        assert "no column usage" in refused(path, "val")


def test_records_are_checked():
    image = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match="expected 1 labels"):
        LabelledFaces([image], np.zeros(2, np.int64), ["a"], [], "made up")
    boxes = np.zeros((2, 4), np.float32)
    with pytest.raises(ValueError, match="boxes of shape"):
        LabelledFaces([image], np.zeros(1, np.int64), ["a"], [], "made up", boxes)


@pytest.mark.skipif(not (SHARED / "fer2013.npz").is_file(), reason="no shared data")
def test_fer2013():
    faces = load(SHARED / "fer2013.npz", "test", limit=200)
    assert len(faces) == 200
    assert faces.sides().tolist() == [48.0] * 200
    assert "200 of 3589" in faces.notes[0]
