"""Other networks than those that were preferred run: Python users are told once."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import moodstream
from moodstream.pipelines import Pipeline

IMAGE = np.zeros((90, 120, 3), np.uint8)


@pytest.fixture
def other(made: Pipeline, request: pytest.FixtureRequest) -> Pipeline:
    """A pipeline that had to take other networks, for a reason that no other test has."""
    reason = f"using the embedded networks: no network for {request.node.name}"
    loaded = replace(made.load(), fallback_reason=reason)

    class Other(Pipeline):
        def load(self, streams=None):
            return loaded

    return Other()


def test_it_is_told_once_for_the_line_of_the_caller(clip, other):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(2):
            moodstream.read_image(IMAGE, pipeline=other)
        list(moodstream.stream(clip, end=0.2, pipeline=other))
    (warning,) = told
    assert warning.category is UserWarning
    assert warning.filename == __file__
    said = str(warning.message)
    assert said.startswith("moodstream: using the embedded networks: no network for ")
    assert 'models="embedded"' in said
    assert "--models embedded" in said


def test_stream_tells_it(clip, other):
    with pytest.warns(UserWarning, match="using the embedded networks") as told:
        moodstream.stream(clip, pipeline=other)
    assert told[0].filename == __file__


def test_analyze_tells_it_and_the_result_shows_it(clip, other):
    with pytest.warns(UserWarning, match="using the embedded networks"):
        result = moodstream.analyze(clip, end=0.4, pipeline=other)
    assert str(result).splitlines()[-1] == f"Notice      {result.summary['notice']}"


def test_networks_that_were_asked_for_are_not_told(made, result):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        moodstream.read_image(IMAGE, pipeline=made)
    assert "Notice" not in str(result)


def test_a_program_without_the_preferred_networks_hears_of_it_once(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        "import numpy as np\nimport moodstream\n"
        "for _ in range(2):\n"
        "    moodstream.read_image(np.zeros((64, 64, 3), np.uint8))\n"
        "    moodstream.read_image(np.zeros((64, 64, 3), np.uint8), pipeline='embedded')\n"
    )
    nothing = "http://127.0.0.1:9"  # the port to which nobody listens
    env = os.environ | dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "https_proxy"), nothing)
    env |= dict.fromkeys(("HOME", "MOODSTREAM_CACHE", "XDG_CONFIG_HOME"), str(tmp_path))
    env |= {"NO_PROXY": "", "no_proxy": "", "PYTHONWARNINGS": "default"}
    done = subprocess.run(
        [sys.executable, script.name],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [line for line in done.stderr.splitlines() if "UserWarning: moodstream" in line]
    assert "mine.py:4: UserWarning: moodstream: using the embedded networks: cannot fetch" in line
