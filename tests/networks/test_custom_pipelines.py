"""Parts of one's own together in a pipeline."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from support.two_people import BOXES, IMAGE, SOURCE, raw

import moodstream
from moodstream import MoodstreamError, Pipeline
from moodstream.realtime.emotions import PRIOR
from moodstream.realtime.networks.custom import (
    as_detector,
)
from moodstream.testing import (
    PaintedFaceClassifier,
    PaintedFaceDetector,
    ScriptedClassifier,
    ScriptedDetector,
    ScriptedSource,
)


def test_a_filter_decides_who_counts_but_not_who_is_hidden():
    seen = raw(filters=lambda image, faces: faces.boxes[:, 0] < 100)
    assert seen.labels == ["happy"]
    assert len(seen.result.faces.all_boxes) == 2


@pytest.mark.parametrize("live", [False, True])
def test_a_face_that_a_filter_drops_is_hidden_in_a_stream(tmp_path, live):
    clip = ScriptedSource(SOURCE.people, seconds=1).write(tmp_path / "two.mp4")
    own = Pipeline(
        detector=PaintedFaceDetector(),
        classifiers=PaintedFaceClassifier(),
        filters=[lambda image, faces: faces.boxes[:, 0] < 100],
    )
    frames = list(moodstream.stream(clip, live=live, pipeline=own, privacy="blur"))
    for frame in frames:
        assert (frame.faces.boxes[:, 0] < 100).all()
        x1, y1, x2, y2 = BOXES[1].astype(int)
        part = frame.image[y1:y2, x1:x2].astype(int) - IMAGE[y1:y2, x1:x2]
        assert np.abs(part).mean() > 3
    assert any(len(frame.faces) == 1 for frame in frames)


def test_filters_run_one_after_the_other_and_not_for_nobody():
    calls = []

    def keep(name, side):
        def mine(image, faces):
            calls.append((name, len(faces)))
            return faces.boxes[:, 0] < side

        return mine

    assert len(raw(filters=[keep("a", 100), keep("b", 0), keep("c", 0)])) == 0
    assert calls == [("a", 2), ("b", 1)]


def test_transforms_run_in_their_order():
    order = []

    def first(image):
        order.append("first")
        return image

    def second(image, box):
        order.append("second")
        return np.full_like(image, 255), box

    seen = raw(transforms=[first, second])
    assert order == ["first", "first", "second", "second"]
    assert seen.labels == [None, None]  # white faces have no colour


def test_classifiers_vote():
    parts = [ScriptedClassifier("happy"), ScriptedClassifier("sad"), ScriptedClassifier("sad")]
    mean = raw(classifiers=parts)
    assert mean.probs[0, 3:5].tolist() == pytest.approx([1 / 3, 2 / 3])
    assert (mean.table()["disagreement"] > 0.1).all()
    assert raw(classifiers=parts, vote=lambda probs: probs[0]).labels == ["happy", "happy"]


def test_names_and_objects_mix():
    own = ScriptedClassifier("happy", name="mine")
    pipeline = Pipeline(
        models="embedded", classifiers=["embedded", own], transforms="enlarge", device="cpu"
    )
    loaded = pipeline.load()
    assert loaded.info["emotion"].name == "embedded,mine"
    assert loaded.info["emotion"].face_preprocessing == "enlarge"
    assert "python" in loaded.info["emotion"].engine
    assert pipeline.load() is loaded  # the networks are kept


def test_names_alone_load_what_the_command_line_loads():
    from moodstream.realtime.networks.load import load
    from moodstream.realtime.networks.models import ModelSettings

    pipeline = Pipeline(models="embedded", detector="haar", classifiers="embedded", device="cpu")
    ours = load(ModelSettings("embedded", detector="haar", emotion="embedded", device="cpu"))
    assert pipeline.load().info == ours.info
    assert pipeline.load().prior == ours.prior != PRIOR


class Assuming(ScriptedClassifier):
    """A classifier that says which mix of emotions its answers assume."""

    prior: tuple[float, ...] = (0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)


def test_the_assumed_mix_of_a_classifier_goes_through_transforms():
    own = Assuming("happy")
    for transforms in ((), (lambda image: image,)):
        pipeline = Pipeline(detector=PaintedFaceDetector(), classifiers=own, transforms=transforms)
        assert pipeline.load().prior == own.prior
    own.prior = (1.0,)
    with pytest.raises(MoodstreamError, match="scripted: prior: expected 7 shares"):
        Pipeline(classifiers=own)


def test_the_summary_says_what_ran():
    def large(image, faces):
        return np.ones(len(faces), bool)

    loaded = Pipeline(
        detector=ScriptedDetector(BOXES), classifiers=ScriptedClassifier("sad"), filters=large
    ).load()
    told = loaded.as_dict()
    assert told["detector"]["name"] == "scripted"
    assert told["detector"]["filters"] == "large"
    assert told["emotion"]["engine"] == "python"


def test_the_summary_of_several_joins_what_there_is():
    own = ScriptedClassifier("happy", name="mine")
    alone = Pipeline(models="embedded", classifiers="embedded", device="cpu").load().as_dict()
    both = Pipeline(models="embedded", classifiers=[own, "embedded"], device="cpu").load().as_dict()
    for field in ("file", "sha256"):
        assert both["emotion"][field] == alone["emotion"][field] != ""
    two = Pipeline(detector=ScriptedDetector(BOXES), classifiers=[own, own]).load().as_dict()
    assert two["emotion"]["file"] == two["emotion"]["sha256"] == ""


def test_a_function_without_a_name_is_called_function():
    own = Pipeline(
        detector=lambda image: BOXES,
        classifiers=ScriptedClassifier("sad"),
        transforms=lambda image: image,
        filters=lambda image, faces: faces,
    )
    told = own.load().as_dict()
    assert told["detector"]["name"] == told["detector"]["filters"] == "function"
    assert told["emotion"]["face_preprocessing"] == "function"


def test_a_pipeline_shows_its_parts():
    assert repr(Pipeline()) == "<Pipeline: models auto>"
    own = Pipeline(
        models="embedded",
        detector="haar",
        transforms="align",
        classifiers=["embedded", ScriptedClassifier("sad")],
        vote=np.median,
    )
    assert repr(own) == (
        "<Pipeline: models embedded; detector haar; transforms align; "
        "classifiers embedded, scripted; vote median>"
    )


@pytest.mark.parametrize("box", [[-50, -50, 1, 1], [319, 239, 500, 500], [-9, -9, 999, 999]])
def test_boxes_that_are_partly_in_the_picture_are_fine(box):
    (found,) = as_detector(lambda image: [box]).detect([IMAGE], 0.5)
    assert found.boxes.tolist() == [box]


def test_a_fixed_place_outlasts_the_warming_up_with_a_black_picture():
    fixed = as_detector(lambda image: [[1000, 500, 1100, 600]])
    (found,) = fixed.detect([np.zeros((360, 640, 3), np.uint8)], 0.5)
    assert len(found) == 1


def test_boxes_that_do_not_count_may_be_of_any_kind():
    detector = as_detector(lambda image: ([[10, 10, 60, 70], [5, 5, 5, 5]], [0.9, 0.01]))
    assert len(detector.detect([IMAGE], 0.5)[0]) == 1


def test_two_streams_that_share_a_detector_take_turns():
    inside, together = threading.Semaphore(1), []

    def mine(image):
        free = inside.acquire(blocking=False)
        together.append(not free)
        sum(range(20_000))  # long enough for the other thread to come in, were it let
        if free:
            inside.release()
        return []

    detector = as_detector(mine)

    def look():
        for _ in range(200):
            detector.detect([IMAGE], 0.5)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(together) == 800
    assert not any(together)
