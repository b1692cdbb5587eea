"""`moodstream bench`: what it counts and what it writes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.media import write_video

from moodstream.realtime.cli.entry import main
from moodstream.realtime.diagnostics.bench import Calls
from moodstream.realtime.networks.engines.base import called, listening


def test_calls_are_counted_by_network_and_shape_and_made_again():
    made = []

    class Network:
        def infer_only(self, batch):
            made.append(batch.shape)

    calls, network = Calls(), Network()
    with listening(calls.note):
        for n in (1, 1, 3):
            called(network, (n, 2))
    called(network, (9, 9))  # nobody listens any more
    assert sorted((*shape, times) for (_, shape, _), times in calls.counts.items()) == [
        (1, 2, 2),
        (3, 2, 1),
    ]
    assert calls.seconds_alone() >= 0
    assert sorted(made) == [(1, 2)] * 3 + [(3, 2)] * 2  # each shape once more, to warm it up
    made.clear()
    assert calls.seconds_alone(threads=2) >= 0
    assert sorted(made) == [(1, 2)] * 4 + [(3, 2)] * 3  # and in each thread


def test_listeners_do_not_outlive_an_error():
    calls = Calls()
    with pytest.raises(RuntimeError), listening(calls.note):
        raise RuntimeError
    called(print, (1,))
    assert not calls.counts


@pytest.mark.parametrize("every", [False, True])
def test_a_short_video(tmp_path, capsys, footage, every):
    clip = footage["single_face.mp4"]
    command = ["bench", str(clip), "--models", "embedded", "--runs", "1"]
    command += ["--json", str(tmp_path / "bench.json"), *["--every-frame"][: int(every)]]
    assert main(command) == 0
    found = json.loads((tmp_path / "bench.json").read_text())
    assert found["frames"] == 72
    assert found["looks"] == (72 if every else 24)
    # a face is read once it counts as a person; then every time, or at every other look
    assert found["readings"] / found["faces"] == pytest.approx(0.9 if every else 0.5, abs=0.1)
    assert found["frames_per_second"] == pytest.approx(72 / found["wall_seconds"], rel=0.05)
    assert found["bare_inference_seconds"] > 0
    assert {"detect", "classify", "decode"} <= found["stages"].keys()
    assert found["peak_memory_mb"] > 100
    assert "| bare inference of the same calls |" in capsys.readouterr().out


def test_a_video_of_nobody_has_no_readings(tmp_path, capsys):
    video = write_video(
        tmp_path / "grey.mp4", [(k / 10, np.full((64, 64, 3), 90, np.uint8)) for k in range(5)]
    )
    assert main(["bench", str(video), "--models", "embedded", "--runs", "1"]) == 0
    assert "5 frames, 5 looks, 0 faces" in capsys.readouterr().out
