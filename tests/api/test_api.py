"""The package as people import it: names, results, streams, pictures."""

from __future__ import annotations

import doctest
import gc
import importlib
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image as Pillow

import moodstream
from moodstream.pipelines import Pipeline
from moodstream.realtime.errors import SourceGoneError, SourceRefusedError
from moodstream.realtime.runs.live.stream import LiveSettings
from moodstream.realtime.sources.base import SourceSpec
from moodstream.realtime.sources.capture import CaptureSettings
from moodstream.streaming import live_stream
from moodstream.testing import (
    PaintedFaceClassifier,
    PaintedFaceDetector,
    Person,
    ScriptedDetector,
    ScriptedSource,
)

HAPPY = Person((20, 20, 90, 100), "happy")
SAD = Person((180, 40, 250, 120), "sad", start=1.0)
CAMERA = SourceSpec("camera", 0, "camera 0")
QUICK = CaptureSettings(
    open_timeout=5.0, read_timeout=5.0, silent=0.4, first_wait=0.05, longest_wait=0.1
)


@pytest.fixture(scope="module")
def made() -> Pipeline:
    return Pipeline(detector=PaintedFaceDetector(), classifiers=PaintedFaceClassifier())


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return ScriptedSource([HAPPY, SAD], seconds=3).write(tmp_path_factory.mktemp("c") / "two.mp4")


@pytest.fixture(scope="module")
def result(clip, made):
    return moodstream.analyze(clip, pipeline=made)


def loaded_by(code: str) -> set[str]:
    """The modules that some code loads, in a process of its own."""
    script = f"import sys\n{code}\nprint('LOADED', *sys.modules)"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(out.stdout.rsplit("LOADED", 1)[1].split())


# --- names ---------------------------------------------------------------------------------------


def test_the_public_names_are_these():
    assert sorted(moodstream.__all__) == [
        "Detections",
        "EMOTIONS",
        "EmotionClassifier",
        "FaceDetector",
        "FaceFilter",
        "FaceTransform",
        "Faces",
        "GroupState",
        "ImageFaces",
        "MoodShift",
        "MoodstreamError",
        "Pipeline",
        "EmotionPredictions",
        "Results",
        "Stream",
        "StreamFrame",
        "Vote",
        "__version__",
        "analyze",
        "open_results",
        "read_image",
        "stream",
    ]


@pytest.mark.parametrize("name", moodstream.__all__)
def test_every_name_is_there_and_documented(name):
    value = getattr(moodstream, name)
    assert name in dir(moodstream)
    assert value.__doc__ or isinstance(value, tuple)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'analyse'"):
        _ = moodstream.analyse


def test_version_is_that_of_the_package():
    assert moodstream.__version__[0].isdigit()


def test_importing_it_loads_nothing_heavy():
    loaded = loaded_by("import moodstream\ndir(moodstream)")
    heavy = {"numpy", "torch", "cv2", "av", "pandas", "matplotlib", "moodstream.realtime"}
    assert not loaded & heavy


def test_the_version_needs_no_numpy_either():
    assert "numpy" not in loaded_by("import moodstream\nmoodstream.__version__")


@pytest.mark.parametrize(
    "name", ["analyzing", "images", "pipelines", "results", "streaming", "testing.source"]
)
@pytest.mark.usefixtures("footage")
def test_examples_in_docstrings(name):
    done = doctest.testmod(
        importlib.import_module(f"moodstream.{name}"),
        optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL,
    )
    assert done.failed == 0
    assert done.attempted > 0


# --- a video -------------------------------------------------------------------------------------


def test_tables_of_a_video(result):
    line, people = result.timeline, result.people
    assert line["t"].tolist()[:3] == [0.0, 0.2, 0.4]
    assert line["people"].max() == 2
    assert line["dominant"].dropna().iloc[0] == "happy"
    sad = people[people["x1"] > 150]
    assert set(sad["label"].dropna()) == {"sad"}
    assert sad["t"].min() >= 1.0
    assert list(result.events.columns) == ["t", "from", "to", "size", "noticed"]
    assert "two.mp4" in str(result)
    assert "two.mp4" in repr(result)


def test_a_mood_shift_is_an_event(tmp_path, made):
    turns = Person((20, 20, 90, 100), lambda t: "happy" if t < 5 else "angry")
    clip = ScriptedSource([turns], seconds=10, fps=10).write(tmp_path / "turns.mp4")
    found = moodstream.analyze(clip, window=2, pipeline=made)
    (event,) = found.events.to_dict("records")
    assert (event["from"], event["to"]) == ("happy", "angry")
    assert event["t"] == pytest.approx(5, abs=0.5)
    axes = found.plot().axes
    assert len(axes) == 3
    assert all(any(line.get_linestyle() == "--" for line in ax.lines) for ax in axes)


def test_plot_can_be_saved(result, tmp_path):
    result.plot().savefig(tmp_path / "mood.png")
    assert (tmp_path / "mood.png").stat().st_size > 10_000


def test_without_output_the_files_go_away_with_the_result(clip, made):
    found = moodstream.analyze(clip, end=1, pipeline=made)
    folder = found.folder
    assert (folder / "report.html").is_file()
    assert found.video is None
    del found
    gc.collect()
    assert not folder.exists()


def test_a_failed_analysis_leaves_no_folder(clip, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def broken(image):
        raise RuntimeError("no eyes")

    own = Pipeline(detector=broken, classifiers=PaintedFaceClassifier())
    with pytest.raises(moodstream.MoodstreamError, match="broken: RuntimeError: no eyes"):
        moodstream.analyze(clip, pipeline=own)
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_output_keeps_what_process_writes_and_can_be_opened_again(clip, made, tmp_path):
    kept = moodstream.analyze(clip, end=1, output=tmp_path / "kept", pipeline=made)
    again = moodstream.open_results(tmp_path / "kept")
    assert again.timeline.equals(kept.timeline)
    assert again.video == tmp_path / "kept" / "overlay.mp4"
    with pytest.raises(moodstream.MoodstreamError, match="holds results already"):
        moodstream.analyze(clip, end=1, output=tmp_path / "kept", pipeline=made)
    moodstream.analyze(clip, end=1, output=tmp_path / "kept", pipeline=made, overwrite=True)


def test_save_copies_the_files_and_replaces_only_when_told(result, tmp_path):
    folder = result.save(tmp_path / "saved")
    assert {p.name for p in folder.iterdir()} == {p.name for p in result.folder.iterdir()}
    with pytest.raises(moodstream.MoodstreamError, match="holds results already"):
        result.save(folder)
    (folder / "overlay.mp4").write_text("of an earlier run")
    result.save(folder, overwrite=True)
    assert moodstream.open_results(folder).video is None
    assert result.save(result.folder) == result.folder


def test_group_privacy_keeps_nobody(clip, made):
    found = moodstream.analyze(clip, privacy="group", pipeline=made)
    assert not (found.folder / "people.parquet").exists()
    assert found.people.empty
    assert "track_id" in found.people
    assert found.timeline["dominant"].isna().all()  # two people are no group


def test_progress_ends_at_the_end(clip, made):
    told = []
    moodstream.analyze(clip, start=1, end=2, pipeline=made, progress=lambda *a: told.append(a))
    assert told[-1] == (pytest.approx(0.96), 1.0)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"privacy": "none"}, "expected privacy off, blur or group, got 'none'"),
        ({"aggregation": "median"}, "expected aggregation em or mean"),
        ({"window": 0}, "window"),
        ({"start": 5, "end": 2}, "start < end"),
        ({"min_confidence": 2}, "min_confidence"),
        ({"pipeline": 7}, "expected a Pipeline or a name, got int"),
        ({"pipeline": "best"}, "expected models auto, embedded or hsemotion, got 'best'"),
    ],
)
def test_settings_out_of_range_are_one_line(clip, settings, message):
    with pytest.raises(moodstream.MoodstreamError, match=message) as caught:
        moodstream.analyze(clip, **settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("call", [moodstream.analyze, moodstream.stream, moodstream.read_image])
def test_a_file_that_is_not_there_is_one_line(call):
    with pytest.raises(moodstream.MoodstreamError, match=r"nowhere\.mp4: no such file"):
        call("nowhere.mp4")


def test_a_folder_without_results_is_one_line(tmp_path):
    with pytest.raises(moodstream.MoodstreamError, match=r"timeline\.parquet is missing"):
        moodstream.open_results(tmp_path)


# --- frames --------------------------------------------------------------------------------------


def test_every_frame_of_a_file_comes_in_order(clip, made, result):
    frames = list(moodstream.stream(clip, pipeline=made))
    assert [frame.index for frame in frames] == list(range(75))
    last = frames[-1]
    assert last.faces.boxes[:, 0].tolist() == pytest.approx([20, 180], abs=3)
    assert last.distribution["happy"] == pytest.approx(
        float(result.timeline["p_happy"].iloc[-1]), abs=0.02
    )
    assert last.table()["label"].tolist() == ["happy", "sad"]
    assert last.image.shape == (240, 320, 3)
    assert last.draw().shape[1] > 320  # the panel stands beside it


def test_a_mood_shift_comes_with_its_frame_or_at_the_end(tmp_path, made):
    turns = Person((20, 20, 90, 100), lambda t: "happy" if t < 3 else "angry")
    clip = ScriptedSource([turns], seconds=6, fps=10).write(tmp_path / "turns.mp4")
    stream = moodstream.stream(clip, window=2, pipeline=made)
    with_frames = [shift for frame in stream for shift in frame.shifts]
    (shift,) = stream.shifts
    assert (shift.start, shift.end) == ("happy", "angry")
    assert with_frames in ([], [shift])


def threads() -> set[str]:
    return {t.name for t in threading.enumerate() if t is not threading.main_thread()}


@pytest.mark.parametrize("live", [False, True])
def test_break_closes_the_source_and_ends_its_threads(clip, made, live):
    before = threads()
    stream = moodstream.stream(clip, live=live, pipeline=made)
    for frame in stream:
        assert len(frame.faces) <= 2
        break
    assert threads() == before
    with pytest.raises(moodstream.MoodstreamError, match="only once"):
        next(iter(stream))


@pytest.mark.parametrize("live", [False, True])
def test_the_end_of_the_context_closes_an_iterator_that_is_kept(clip, made, live):
    before = threads()
    with moodstream.stream(clip, live=live, pipeline=made) as stream:
        kept = iter(stream)
        next(kept)
    assert threads() == before
    with pytest.raises(StopIteration):
        next(kept)


@pytest.mark.parametrize("live", [False, True])
def test_an_error_in_the_loop_is_raised_and_closes_it(clip, made, live):
    before = threads()

    def loop():
        for frame in moodstream.stream(clip, live=live, pipeline=made):
            raise ZeroDivisionError(frame.t)

    with pytest.raises(ZeroDivisionError):
        loop()
    gc.collect()  # the traceback held the loop's iterator
    assert threads() == before


def test_a_live_source_yields_the_newest_frames_to_its_end(made):
    source = ScriptedSource([HAPPY, SAD], seconds=2)
    frames = list(live_stream(CAMERA, made, LiveSettings(capture=QUICK), source))
    times = [frame.t for frame in frames]
    assert times == sorted(set(times))
    assert frames[-1].moment.frame.index == 49  # of the last picture, never left out
    assert source.opened == source.closed == 1


def test_a_lost_source_comes_back(made):
    source = ScriptedSource([HAPPY], seconds=1, events=[(10, SourceGoneError("unplugged"))])
    frames = list(live_stream(CAMERA, made, LiveSettings(capture=QUICK), source))
    assert source.opened == 2
    assert len(frames[-1].faces) == 1


def test_a_refused_source_is_raised_where_it_is_iterated(made):
    source = ScriptedSource(events=[(0, SourceRefusedError("camera 0: wrong password"))])
    with pytest.raises(moodstream.MoodstreamError, match="wrong password"):
        list(live_stream(CAMERA, made, LiveSettings(capture=QUICK), source))


def test_a_source_that_stays_away_is_given_up(made):
    gone = [(3, SourceGoneError("away"))] * 1000
    source = ScriptedSource([HAPPY], events=gone)
    with pytest.raises(moodstream.MoodstreamError, match=r"no signal for 0\.5 s"):
        list(live_stream(CAMERA, made, LiveSettings(capture=QUICK, give_up=0.5), source))


def test_an_error_of_a_network_reaches_the_loop():
    def broken(image):
        raise RuntimeError("no eyes")

    own = Pipeline(detector=broken, classifiers=PaintedFaceClassifier())
    with pytest.raises(moodstream.MoodstreamError, match="broken: RuntimeError: no eyes"):
        list(live_stream(CAMERA, own, LiveSettings(), ScriptedSource([HAPPY])))


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("privacy", ["blur", "group"])
def test_privacy_hides_faces_in_the_image(clip, made, live, privacy):
    frames = list(
        moodstream.stream(clip, live=live, speed=4 if live else 1, privacy=privacy, pipeline=made)
    )
    plain = ScriptedSource([HAPPY, SAD], seconds=3)
    for frame in frames:
        (here,) = plain.boxes(0).astype(int)
        inside = frame.image[here[1] + 10 : here[3] - 10, here[0] + 10 : here[2] - 10]
        before = plain.image(frame.t)[here[1] + 10 : here[3] - 10, here[0] + 10 : here[2] - 10]
        assert np.abs(inside.astype(int) - before.astype(int)).mean() > 3
    assert any(len(frame.moment.faces) == 2 for frame in frames)
    if privacy == "group":
        assert all(len(frame.faces) == 0 and frame.distribution is None for frame in frames)
        assert all(frame.table().empty for frame in frames)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loop": True}, "loop: for live sources only"),
        ({"live": True, "start": 3, "end": 5}, "start and end: not for live sources"),
        ({"live": True, "speed": -1}, "speed"),
        ({"live": True, "rtsp_transport": "x"}, "tcp or udp"),
        ({"start": -1}, "start < end"),
    ],
)
def test_settings_that_do_not_go_together_are_one_line(clip, settings, message):
    with pytest.raises(moodstream.MoodstreamError, match=message):
        moodstream.stream(clip, **settings)


# --- one picture ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def picture():
    return ScriptedSource([HAPPY, SAD]).image(1.0)


def test_the_faces_of_a_picture(picture, made):
    faces = moodstream.read_image(picture, pipeline=made)
    assert len(faces) == 2
    assert sorted(faces.labels) == ["happy", "sad"]
    assert faces.probs.shape == (2, 7)
    assert faces.scores.tolist() == [1, 1]
    assert faces.landmarks is None
    assert faces.weights.sum() == pytest.approx(1)
    assert sum(faces.distribution.values()) == pytest.approx(1)
    table = faces.table()
    assert table[["x1", "y1"]].to_numpy().tolist() == faces.boxes[:, :2].tolist()
    assert "photo" not in table
    assert [row["label"] for row in faces] == faces.labels
    drawn = faces.draw()
    assert drawn.ndim == 3
    assert not np.array_equal(drawn[: picture.shape[0], : picture.shape[1]], picture)


def test_a_picture_may_come_as_file_pillow_array_or_grey(picture, made, tmp_path):
    rgb = Pillow.fromarray(np.ascontiguousarray(picture[..., ::-1]))
    rgb.save(tmp_path / "two.png")
    whole = moodstream.read_image(picture, pipeline=made).boxes
    for given in (rgb, tmp_path / "two.png", str(tmp_path / "two.png")):
        assert np.array_equal(moodstream.read_image(given, pipeline=made).boxes, whole)
    assert len(moodstream.read_image(picture[..., 0], pipeline=made)) == 0  # no colour, no face


@pytest.mark.parametrize("given", [np.zeros((4, 4, 3)), np.zeros((2, 3, 4, 3), np.uint8), None, 3])
def test_what_is_no_picture_is_one_line(given):
    with pytest.raises(moodstream.MoodstreamError, match="expected a path, a picture of Pillow"):
        moodstream.read_image(given)


def test_a_file_that_is_no_picture_is_one_line(tmp_path):
    (tmp_path / "a.jpg").write_text("words")
    with pytest.raises(moodstream.MoodstreamError, match=r"a\.jpg: not a picture"):
        moodstream.read_image(tmp_path / "a.jpg")


def test_nobody_in_a_picture_is_no_error(made):
    faces = moodstream.read_image(np.zeros((90, 120, 3), np.uint8), pipeline=made)
    assert len(faces) == 0
    assert faces.distribution is None
    assert faces.table().empty
    assert "label" in faces.table()
    assert faces.draw().size


def test_limits_of_faces(picture):
    script = [[0, 0, 10, 10], [20, 20, 90, 100], [180, 40, 250, 120]]
    own = Pipeline(detector=ScriptedDetector(script), classifiers=PaintedFaceClassifier())
    assert len(moodstream.read_image(picture, pipeline=own)) == 2
    assert len(moodstream.read_image(picture, pipeline=own, min_face=1)) == 3
    used = moodstream.read_image(picture, pipeline=own, max_faces=1)
    assert (used.weights > 0).sum() == 1
