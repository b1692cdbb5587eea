"""Label Studio projects: `moodstream label`, there and back."""

from __future__ import annotations

import json
from collections import Counter
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from moodstream.realtime.cli.entry import main
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.labels import coco, project, sampling
from moodstream.realtime.labels.files import read_labels


def test_a_picture_is_in_the_quality_bin_of_its_median_face():
    noise = np.random.default_rng(0).integers(0, 256, (100, 200, 3), np.uint8)
    flat = np.full((100, 200, 3), 90, np.uint8)
    large, middling, small = ([0, 0, 50, 60], [60, 0, 90, 30], [100, 0, 120, 20])

    def binned(image, *boxes):
        return project.quality_bin(image, np.array(boxes, np.float32).reshape(-1, 4))

    assert binned(noise, large) == "high"
    assert binned(noise, middling) == "mid"
    assert binned(noise, small) == "low"
    assert binned(flat, large) == "low"
    assert binned(noise, large, large, small) == "high"  # the median face
    assert binned(noise) == "no face"


@pytest.fixture(scope="module")
def made(footage, tmp_path_factory):
    """A project of a few real pictures, and where they are."""
    folder = tmp_path_factory.mktemp("label")
    pictures = folder / "my pictures"
    (pictures / "more").mkdir(parents=True)
    for i in range(4):
        (pictures / f"team{i}.jpg").write_bytes(footage["multi_face.jpg"].read_bytes())
    cv2.imwrite(str(pictures / "blank.png"), np.full((90, 90), 128, np.uint8))
    (pictures / "more" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (pictures / "more" / "alpha.png").write_bytes(footage["Image_with_alpha.png"].read_bytes())
    out = folder / "out"
    command = ["label", str(pictures), "-o", str(out), "--models", "embedded", "--json"]
    return pictures, out, command


def test_a_project_there_and_back(made, tmp_path, capsys):
    pictures, out, command = made
    assert main(command) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts["skipped"][0]["what"] == "my pictures/more/broken.jpg"
    tasks = json.loads((out / "tasks.json").read_text())
    assert len(tasks) == counts["tasks"] == 6
    assert Counter(t["data"]["split"] for t in tasks) == {"train": 4, "val": 1, "test": 1}
    config = ElementTree.parse(out / "labelling_config.xml").getroot()
    labels = [label.get("value") for label in config.iter("Label")]
    assert labels == [*EMOTIONS, "face"]
    first = tasks[-1]["predictions"][0]
    assert first["model_version"] == "centerface + embedded_b"
    assert {"from_name": "emotion", "to_name": "image"}.items() <= first["result"][0].items()

    # a person agrees with all that is proposed, but for one face; one task is left undone
    for task in tasks[1:]:
        task["annotations"] = [{"result": task["predictions"][0]["result"]}]
    changed = tasks[-1]["annotations"][0]["result"][0]["value"]
    changed["rectanglelabels"] = ["face"]
    export = tmp_path / "export.json"
    export.write_text(json.dumps(tasks))
    back = tmp_path / "back"
    assert main(["label", "--read", str(export), "-o", str(back)]) == 0
    summary = capsys.readouterr().out
    assert sum(len(coco.read(back / f"{part}.json")) for part in sampling.SPLITS) == 5
    assert "face 1" in summary

    # the same file is what `evaluate pipeline` reads, and it agrees with itself
    command = ["evaluate", "pipeline", "--data", str(pictures), "--labels", str(export)]
    assert main([*command, "--models", "embedded", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["mAP"] == 1
    assert found["faces"]["missed"] == found["faces"]["invented"] == 0
    assert len(read_labels([export], pictures)) == 5


def test_a_sample_is_smaller(made, tmp_path, capsys):
    command = list(made[2])
    command[command.index("-o") + 1] = str(tmp_path / "sampled")
    assert main([*command, "--sample", "2"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts["tasks"] == 2
    assert counts["quality"] == {"high": 1, "no face": 1}


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ([], "give a folder of pictures, or --read FILE"),
        (["{}", "--read", "a.json"], "give a folder of pictures, or --read FILE"),
        (["{}"], "give the folder of the project with -o OUT"),
        (["none", "-o", "{}/out"], "none: no such folder of pictures"),
        (["{}", "-o", "{}/out"], "holds no pictures"),
        (["--read", "none.json"], "none.json: cannot be read"),
        (["--read", "{}/undone.json"], "no task was labelled yet"),
        (["--read", "{}/split.json"], "split 'dev' is none of"),
    ],
)
def test_bad_input_is_one_line(more, line, tmp_path, capsys):
    (tmp_path / "undone.json").write_text('[{"data": {"image": "a.jpg"}, "annotations": []}]')
    (tmp_path / "split.json").write_text(
        '[{"data": {"image": "a.jpg", "split": "dev"}, "annotations": [{"result": []}]}]'
    )
    assert main(["label", *(one.format(tmp_path) for one in more)]) == 2
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1
