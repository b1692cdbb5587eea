"""The benchmark against peers: its arguments, its table of contenders, and its arithmetic."""

from __future__ import annotations

import importlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from support.paths import ROOT

PEERS = ROOT / "benchmarks" / "peers"
FLAT = ("contenders", "environments", "ratios", "workers", "serve")


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The modules of the folder, which run as scripts and import each other by bare names."""
    monkeypatch.syspath_prepend(str(PEERS))
    before = {name: sys.modules.pop(name, None) for name in FLAT}
    yield {name: importlib.import_module(name) for name in FLAT}
    for name, module in before.items():
        del sys.modules[name]
        if module is not None:
            sys.modules[name] = module


def test_arguments_are_parsed_before_anything_is_built(tmp_path: Path) -> None:
    def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(PEERS), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    work = tmp_path / "work"
    assert "--work" in run_script("--help").stdout
    for wrong in (["--runs", "0"], ["--only", "nobody"], ["--frames", "-1"]):
        done = run_script("--work", str(work), *wrong)
        assert done.returncode == 2, wrong
        assert wrong[0] in done.stderr
    assert not work.exists()


def test_every_contender_has_its_script_environment_and_rivals(
    parts: dict[str, ModuleType],
) -> None:
    table = parts["contenders"]
    ours = {own.name for own in table.OURS}
    everyone = [*table.OURS, *table.PEERS]
    assert len({c.name for c in everyone}) == len(everyone)
    for contender in everyone:
        assert (PEERS / contender.script).is_file()
        if contender.environment is not None:
            lines = (PEERS / f"{contender.environment}.txt").read_text().splitlines()
            pins = [line for line in lines if line and not line.startswith("#")]
            assert pins
            assert all("==" in pin for pin in pins), pins
    for peer in table.PEERS:
        assert peer.environment is not None
        assert {name for name, _ in peer.rivals} <= ours
    asked = {(p.name, rival): x for p in table.PEERS for rival, x in p.rivals if x}
    assert asked == {
        ("b", "same"): 6,
        ("b", "same-bf16"): 6,
        ("c", "default"): 10,
        ("c-mtcnn", "default"): 15,
    }


def test_ratios_are_medians_of_neighbouring_runs(parts: dict[str, ModuleType]) -> None:
    table, figures = parts["contenders"], parts["ratios"]
    peer = table.Contender("p", "peer", "x", rivals=(("o", 3.0), ("q", None)))
    other = table.Contender("z", "another", "x", rivals=(("o", 5.0),))

    def run(name: str, turn: int, beside: str, speed: float) -> Any:
        return figures.Measured(name, turn, beside, 100, 100, 100, 100 / speed, 150 / speed)

    runs = []
    # The machine halves its speed in round 1; the ratios do not care, as both sides slow down.
    for turn, (ours, theirs) in enumerate([(40, 10), (20, 5), (60, 10)]):
        runs += [run("o", turn, "p", ours), run("p", turn, "p", theirs)]
        runs += [run("o", turn, "z", 3 * ours), run("z", turn, "z", ours)]
    found = figures.ratios(runs, [peer, other])
    assert [(r.theirs, r.ours) for r in found] == [("p", "o"), ("z", "o")]  # q never ran
    assert [r.median for r in found] == pytest.approx([4, 3])
    assert (found[0].lowest, found[0].highest) == pytest.approx((4, 6))
    assert [r.cpu for r in found] == pytest.approx([4, 3])
    assert [(r.rounds, r.met) for r in found] == [(3, True), (3, False)]
    rows = figures.summary(runs, [table.Contender("o", "moodstream, mine", "x"), peer, other])
    assert [(row["name"], row["runs"]) for row in rows] == [("o", 6), ("p", 3), ("z", 3)]
    assert rows[1]["frames_per_second"] == pytest.approx(10)
    text = figures.markdown(rows, found)
    assert "| peer | mine | 4.0 | 4.0–6.0 | 4.0 | ≥ 3: met |" in text
    assert "≥ 5: not met" in text


def test_a_run_is_timed_and_answered_in_one_line(tmp_path: Path) -> None:
    script = tmp_path / "echo.py"
    script.write_text(
        "import sys, time; from serve import serve\n"
        "def once(n):\n"
        "    print('noise of a library'); time.sleep(0.05)\n"
        "    return {'frames': n}\n"
        "serve(once)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        input="3\n0\n",
        env={"PYTHONPATH": str(PEERS)},
        capture_output=True,
        text=True,
        check=True,
    )
    ready, *answers = [json.loads(line) for line in io.StringIO(done.stdout)]
    assert ready == {"ready": True}
    assert [answer["frames"] for answer in answers] == [3, 0]
    assert all(answer["wall_seconds"] >= 0.05 > answer["cpu_seconds"] for answer in answers)
    assert "noise" in done.stderr


def test_the_box_is_the_detectors_one_answer_at_any_size(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The graph put behind the stand-in: a letterboxed input of any shape has the box in it."""
    import onnx
    from onnx import TensorProto, helper

    from moodstream.realtime.networks.detectors.yolo import YoloFaceOnnx

    monkeypatch.syspath_prepend(str(PEERS))
    with_answer = importlib.import_module("networks").with_answer

    def value(name: str, *sides: Any) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, sides)

    # five planes of the picture stand for a network's answers
    planes = [helper.make_node("MaxPool", ["images"], ["p"], kernel_shape=[8, 8], strides=[8, 8])]
    planes.append(helper.make_node("Concat", ["p", "p"], ["six"], axis=1))
    planes.append(helper.make_node("Slice", ["six", "zero", "five", "axis"], ["cut"]))
    planes.append(helper.make_node("Mul", ["cut", "little"], ["faint"]))
    planes.append(helper.make_node("Reshape", ["faint", "flat"], ["output0"]))
    numbers = {"zero": [0], "five": [5], "axis": [1], "flat": [0, 5, -1]}
    constants = [onnx.numpy_helper.from_array(np.array(v), k) for k, v in numbers.items()]
    constants.append(onnx.numpy_helper.from_array(np.array([0.01], np.float32), "little"))
    graph = helper.make_graph(
        planes,
        "g",
        [value("images", "n", 3, "h", "w")],
        [value("output0", "n", 5, "a")],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(tmp_path / "plain.onnx"))
    box, picture = [300, 40, 500, 260], np.full((360, 640, 3), 90, np.uint8)
    onnx.save(with_answer(tmp_path / "plain.onnx", box, (640, 360)), str(tmp_path / "a.onnx"))
    for size in (640, 320):
        (found,) = YoloFaceOnnx(tmp_path / "a.onnx", size).detect([picture], 0.5)
        np.testing.assert_allclose(found.boxes, [box], atol=0.1)
        assert found.scores == pytest.approx([0.9])
