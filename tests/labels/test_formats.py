"""Label formats: what is written is read, and what is malformed is an error with its place."""

from __future__ import annotations

import json
import math
import string

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.labels import label_studio, yolo
from moodstream.realtime.labels.files import FORMATS, format_of, locate, pictures_in, read_labels
from moodstream.realtime.labels.record import LabelledBox, LabelledPicture, picture_of

SIZE = (640, 480)
KINDS = (None, "happy", "sad", "très content", "<&>'\"")
WORDS = st.text(string.ascii_letters + string.digits + " _-éß&'", min_size=1, max_size=12)

# what has no place in a format, and so does not come back
NO_CLASSES, NO_IGNORED, NO_SIZE = {"wider"}, {"yolo", "label-studio"}, {"wider"}
FOLDERS = {"yolo", "voc"}


@st.composite
def boxes(draw):
    x1, y1 = draw(st.integers(0, 5000)) / 10, draw(st.integers(0, 4000)) / 10
    wide, high = draw(st.integers(10, 600)) / 10, draw(st.integers(10, 600)) / 10
    return LabelledBox(
        (x1, y1, x1 + wide, y1 + high), draw(st.sampled_from(KINDS)), draw(st.booleans())
    )


@st.composite
def pictures(draw):
    names = draw(st.lists(WORDS.map(str.strip).filter(bool), unique_by=str.casefold, max_size=4))
    return [picture_of(f"in/{n}.png", draw(st.lists(boxes(), max_size=4)), SIZE) for n in names]


def expected(picture: LabelledPicture, name: str) -> LabelledPicture:
    rows = ~picture.ignored if name in NO_IGNORED else np.ones(len(picture), bool)
    kinds = [None if name in NO_CLASSES else kind for kind in picture.classes]
    return LabelledPicture(
        picture.name,
        picture.boxes[rows],
        tuple(kind for kind, row in zip(kinds, rows, strict=True) if row),
        picture.ignored[rows],
        None if name in NO_SIZE else picture.size,
    )


def same(got, want):
    assert [p.name for p in got] == [p.name for p in want]
    for a, b in zip(got, want, strict=True):
        assert (a.classes, a.ignored.tolist()) == (b.classes, b.ignored.tolist())
        np.testing.assert_allclose(a.boxes, b.boxes, atol=0.02)


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
def test_what_is_written_is_read(name, data, tmp_path_factory):
    made = data.draw(pictures())
    folder = tmp_path_factory.mktemp("labels")
    path = folder / ("labels" if name in FOLDERS else "labels.txt")
    path.mkdir() if name in FOLDERS else None
    images = folder / "pictures"
    if name == "yolo":  # which reads the sizes off the pictures
        for one in made:
            (images / one.name).parent.mkdir(parents=True, exist_ok=True)
            done = cv2.imencode(".png", np.zeros((SIZE[1], SIZE[0]), np.uint8))[1]
            (images / one.name).write_bytes(done.tobytes())
    FORMATS[name].write(made, path)
    got = yolo.read(path, images) if name == "yolo" else FORMATS[name].read(path)
    want = [expected(one, name) for one in made]
    if name in FOLDERS:  # in the order of their files
        got, want = (sorted(part, key=lambda one: one.name) for part in (got, want))
    same(got, want)
    if name not in NO_SIZE | {"label-studio"}:
        assert [one.size for one in got] == [one.size for one in want]


@given(made=pictures())
def test_label_studio_has_the_size_with_the_boxes(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("labels") / "export.json"
    label_studio.write(made, path)
    for one in label_studio.read(path):
        assert one.size == (SIZE if len(one) else None)


DLIB = (
    "<?xml version='1.0'?>\n<dataset>\n<images>\n<image file='a.jpg'>\n{}\n"
    "</image></images></dataset>"
)
VOC = (
    "<annotation>\n<filename>a.jpg</filename>\n<object><name>face</name>\n{}</object></annotation>"
)
BOMB = '<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY b "bb">]>\n<dataset>&b;</dataset>'


@pytest.mark.parametrize(
    ("file", "text", "place"),
    [
        ("a.xml", DLIB.format("<box top='1' left='1' width='x' height='2'/>"), "line 5: width"),
        ("a.xml", DLIB.format("<box top='1' left='1' width='0' height='2'/>"), "line 5: a box"),
        ("a.xml", DLIB.format("<box top='1' left='1' width='3'>"), "line 6: not XML"),
        ("a.xml", DLIB.format("<box top='nan' left='1' width='3' height='3'/>"), "line 5: top"),
        ("a.xml", BOMB, "line 2: declares an entity"),
        ("a.xml", "", "line 1: not XML"),
        ("a.xml", VOC.format("<bndbox><xmin>1</xmin></bndbox>"), "line 3: ymin"),
        ("a.xml", VOC.format(""), "line 3: an object without a bndbox"),
        ("a.xml", "<annotation/>", "line 1: expected <annotation> with <filename>"),
        ("a.txt", "a.jpg\nmany\n", "line 2: 'many' is not a number of faces"),
        ("a.txt", "a.jpg\n2\n1 2 3 4 0 0 0 0 0 0\n", "line 4: expected x y"),
        ("a.txt", "a.jpg\n1\n1 2 three 4\n", "line 3: a field is 'three'"),
        ("a.json", "{\n oops", "line 2: not JSON"),
        ("a.json", "[1]", "task 1: is not built as expected"),
        ("a.json", '{"images": [{"id": 1}]}', r"images\[0\]: has no file_name"),
        (
            "a.json",
            '{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 2}]}',
            r"annotations\[0\]: image_id 2 is no image",
        ),
        ("a.json", json.dumps([{"annotations": [{"result": []}], "data": {}}]), "task 1: has no"),
        ("yolo/a.txt", "0 0.5 0.5 0.1\n", "a.txt: line 1: expected class"),
        ("yolo/a.txt", "0 0.5 0.5 0.1 0.1\n1 x 0.5 0.1 0.1\n", "line 2: a field is 'x'"),
        ("yolo/b.txt", "0 0.5 0.5 0.1 0.1\n", "there is no picture b"),
        ("yolo/classes.txt", "face\n\udcff", "line 2: not text in UTF-8"),
    ],
)  # fmt: skip
def test_an_error_in_a_file_has_its_place(file, text, place, tmp_path):
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode(errors="surrogateescape"))
    if file.startswith("yolo"):
        cv2.imwrite(str(path.parent / "a.png"), np.zeros((20, 20), np.uint8))
        path = path.parent
    with pytest.raises(MoodstreamError, match=place) as raised:
        read_labels([path], path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["none.json", "pictures.zip", "folder"])
def test_what_is_no_label_file_is_one_line(name, tmp_path):
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif name != "none.json":
        path.write_bytes(b"PK")
    with pytest.raises(MoodstreamError, match="--labels"):
        format_of(path)


def test_a_turned_rectangle_becomes_the_upright_one_around_it(tmp_path):
    value = {
        "x": 50,
        "y": 50,
        "width": 10,
        "height": 20,
        "rotation": 90,
        "rectanglelabels": ["sad"],
    }
    result = {
        "type": "rectanglelabels", "original_width": 100, "original_height": 100, "value": value,
    }  # fmt: skip
    task = {"data": {"image": "/data/upload/3/0a1b2c3d-my%20photo.jpg"}}
    cancelled = {"was_cancelled": True, "result": []}
    tasks = [
        {**task, "annotations": [{"result": [result]}, cancelled]},
        {**task, "annotations": []},
    ]
    (tmp_path / "a.json").write_text(json.dumps(tasks))
    (got,) = label_studio.read(tmp_path / "a.json")
    assert got.name == "my photo.jpg"
    np.testing.assert_allclose(got.boxes, [[30, 50, 50, 60]], atol=1e-4)
    assert got.classes == ("sad",)


def test_wider_has_pictures_without_faces_and_invalid_faces(tmp_path):
    path = tmp_path / "wider.txt"
    zeros = " ".join("0" * 10)
    path.write_text(f"a.jpg\n0\n{zeros}\nb.jpg\n2\n1 2 3 4 0 0 0 1 0 0\n5 5 0 0 0 0 0 0 0 0\n")
    a, b = FORMATS["wider"].read(path)
    assert (a.name, len(a)) == ("a.jpg", 0)
    assert b.ignored.tolist() == [True, True]


def test_labels_match_pictures_by_path_by_its_end_and_by_name(tmp_path):
    for name in ("a/1.jpg", "b/1.jpg", "c/2.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    files = pictures_in(tmp_path)
    names = ["a/1.jpg", f"{tmp_path.name}/b/1.jpg", "elsewhere/2.jpg", "1.jpg", "3.jpg"]
    labels, unmatched = locate([picture_of(name, []) for name in names], tmp_path, files)
    assert {f.relative_to(tmp_path).as_posix(): p.name for f, p in labels.items()} == {
        "a/1.jpg": "a/1.jpg",
        "b/1.jpg": f"{tmp_path.name}/b/1.jpg",
        "c/2.jpg": "elsewhere/2.jpg",
    }
    assert unmatched == ["1.jpg", "3.jpg"]


def test_yolo_names_come_from_data_yaml(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((100, 200), np.uint8))
    (tmp_path / "labels" / "a.txt").write_text("1 0.5 0.5 0.5 0.2\n")
    (tmp_path / "data.yaml").write_text("names: {0: face, 1: happy}\n")
    (got,) = read_labels([tmp_path], tmp_path / "images")
    assert got.classes == ("happy",)
    np.testing.assert_allclose(got.boxes, [[50, 40, 150, 60]])
    (tmp_path / "data.yaml").write_text("names:\n  - [a\n")
    with pytest.raises(MoodstreamError, match=r"line \d+: holds no names"):
        read_labels([tmp_path], tmp_path / "images")


def test_a_record_is_checked_where_it_is_made():
    with pytest.raises(ValueError, match="without an area"):
        picture_of("a", [LabelledBox((3, 3, 3, math.nan))])
    with pytest.raises(ValueError, match="expected boxes"):
        LabelledPicture("a", np.zeros((1, 4), np.float32), (), np.zeros(0, bool))
