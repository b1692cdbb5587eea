"""The package as people import it: its names, how light it is, its examples."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys

import pytest

import moodstream


def loaded_by(code: str) -> set[str]:
    """The modules that some code loads, in a process of its own."""
    script = f"import sys\n{code}\nprint('LOADED', *sys.modules)"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(out.stdout.rsplit("LOADED", 1)[1].split())


def test_the_public_names_are_these():
    assert sorted(moodstream.__all__) == [
        "Detections",
        "EMOTIONS",
        "EmotionClassifier",
        "EmotionPredictions",
        "FaceDetector",
        "FaceFilter",
        "FaceTransform",
        "Faces",
        "GroupState",
        "ImageFaces",
        "MoodShift",
        "MoodstreamError",
        "Pipeline",
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
        _ = moodstream.analyse  # type: ignore[attr-defined]


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
