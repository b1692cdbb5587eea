"""YOLOv8-face in every layout that files of it have: recognised, and read as a plain loop would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.fakes import noise
from support.paths import GROUPS, SHARED
from support.pictures import ZIDANE, resized

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks.detectors.geometry import Letterbox, iou, nms
from moodstream.realtime.networks.detectors.yolo import YoloFaceOnnx, letterboxed
from moodstream.realtime.networks.detectors.yolo_outputs import reader_of

CANVAS = 96, 128
STRIDES = 8, 16, 32


def cell_values(seed: int, points: bool) -> list[np.ndarray]:
    """Made answers (C, h, w) of each stride: 64 bins, a logit, and perhaps 15 of points."""
    rng = np.random.default_rng(seed)
    channels = 80 if points else 65
    maps = [rng.normal(0, 2, (channels, CANVAS[0] // s, CANVAS[1] // s)) for s in STRIDES]
    for each in maps:
        each[64] = rng.normal(-3, 2, each.shape[1:])
    return [each.astype(np.float32) for each in maps]


def blank_of(maps: list[np.ndarray]) -> list[np.ndarray]:
    """The same network's answers where nobody is: all logits are negative."""
    blank = [each.copy() for each in maps]
    for each in blank:
        each[64] = -np.abs(each[64]) - 8
    return blank


def one_by_one(maps: list[np.ndarray], threshold: float) -> np.ndarray:
    """The candidates by the formulas of the paper and of ultralytics' head, cell by cell."""
    rows = []
    for cells, stride in zip(maps, STRIDES, strict=True):
        for y in range(cells.shape[1]):
            for x in range(cells.shape[2]):
                values = cells[:, y, x].astype(np.float64)
                score = 1 / (1 + np.exp(-values[64]))
                if score <= threshold:
                    continue
                sides = []
                for side in range(4):
                    e = np.exp(values[16 * side : 16 * side + 16])
                    sides.append(sum(k * share for k, share in enumerate(e / e.sum())))
                left, top, right, bottom = sides
                box = [x + 0.5 - left, y + 0.5 - top, x + 0.5 + right, y + 0.5 + bottom]
                row = [value * stride for value in box] + [score]
                for k in range((len(values) - 65) // 3):
                    px, py, seen = values[65 + 3 * k : 68 + 3 * k]
                    row += [(px * 2 + x) * stride, (py * 2 + y) * stride, seen]
                rows.append(row)
    return np.array(rows)


def by_score(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows[np.argsort(rows[:, 4], kind="stable")])


def sigmoid_of_scores(maps: list[np.ndarray]) -> list[np.ndarray]:
    made = [each.copy() for each in maps]
    for each in made:
        each[64] = 1 / (1 + np.exp(-each[64]))
    return made


@pytest.mark.parametrize("points", [True, False])
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
@pytest.mark.parametrize("as_scores", [True, False])
def test_maps(points: bool, channels_last: bool, order: tuple[int, ...], as_scores: bool) -> None:
    maps = cell_values(3, points)

    def outputs(of: list[np.ndarray]) -> list[np.ndarray]:
        of = sigmoid_of_scores(of) if as_scores else of
        return [(of[k].transpose(1, 2, 0) if channels_last else of[k])[None] for k in order]

    read = reader_of(outputs(blank_of(maps)), CANVAS)
    assert read is not None
    for threshold in (0.3, 0.05):
        expected = one_by_one(maps, threshold)
        assert len(expected) > 10
        rows = read(outputs(maps), threshold)
        np.testing.assert_allclose(by_score(rows), by_score(expected), rtol=1e-3, atol=1e-3)
    assert read(outputs(maps), 1.0).shape == (0, expected.shape[1])


def flat(rows: np.ndarray) -> np.ndarray:
    """Candidates with xyxy boxes as the output (1, 5 | 20, A) with centres and sizes."""
    middle, size = (rows[:, :2] + rows[:, 2:4]) / 2, rows[:, 2:4] - rows[:, :2]
    return np.concatenate([middle, size, rows[:, 4:]], axis=1).T[None].astype(np.float32)


@pytest.mark.parametrize("points", [True, False])
@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("shares", ["none", "boxes", "all"])
@pytest.mark.parametrize("logits", [True, False])
def test_flat(points: bool, transposed: bool, shares: str, logits: bool) -> None:
    everything = one_by_one(cell_values(4, points), 0.0)
    width_and_height = np.array([CANVAS[1], CANVAS[0]])

    def output(nobody: bool) -> list[np.ndarray]:
        out = flat(everything)
        if nobody:
            out[:, 4] *= 1e-4
        if shares != "none":
            out[:, :4] /= np.tile(width_and_height, 2)[None, :, None]
        if shares == "all":
            for k in range(2):
                out[:, 5 + k :: 3] /= width_and_height[k]
        if logits:
            out[:, 4] = np.log(out[:, 4] / (1 - out[:, 4]))
        return [out.transpose(0, 2, 1) if transposed else out]

    read = reader_of(output(nobody=True), CANVAS)
    assert read is not None
    expected = everything[everything[:, 4] > 0.3]
    rows = read(output(nobody=False), 0.3)
    np.testing.assert_allclose(by_score(rows), by_score(expected), rtol=1e-3, atol=2e-2)


@pytest.mark.parametrize(
    "shapes",
    [
        [(1, 84, 8400)],  # 80 classes
        [(1, 300, 6)],  # suppressed already
        [(1, 80, 10, 10), (1, 80, 5, 5)],  # no strides of this canvas
        [(1, 80, 12, 16), (1, 65, 6, 8)],
        [(1, 1, 24, 32), (1, 2, 24, 32), (1, 2, 24, 32), (1, 10, 24, 32)],  # CenterFace
        [(1, 521)],
        [],
    ],
)
def test_other_layouts_are_refused(shapes: list[tuple[int, ...]]) -> None:
    assert reader_of([np.zeros(shape, np.float32) for shape in shapes], CANVAS) is None


# --- whole files


def onnx_file(path: Path, channels_last: bool, batch: Any, maps: bool) -> Path:
    """A seeded network whose answers depend on the picture, of a layout of YOLOv8-lite's."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(11)
    taken = [batch, 64, 64, 3] if channels_last else [batch, 3, 64, 64]
    nodes, weights, outputs, source = [], [], [], "images"
    if channels_last:
        nodes.append(helper.make_node("Transpose", ["images"], ["nchw"], perm=[0, 3, 1, 2]))
        source = "nchw"
    for stride in (32, 8, 16):  # in no order
        kernel = rng.normal(0, 4 / stride, (80, 3, stride, stride)).astype(np.float32)
        bias = rng.normal(0, 1, 80).astype(np.float32)
        kernel[64], bias[64] = kernel[64] * 2, -1.5
        kernel[64] -= kernel[64].mean()  # so that a picture of one grey has negative logits
        weights += [
            numpy_helper.from_array(kernel, f"w{stride}"),
            numpy_helper.from_array(bias, f"b{stride}"),
        ]
        nodes.append(
            helper.make_node(
                "Conv", [source, f"w{stride}", f"b{stride}"], [f"o{stride}"],
                kernel_shape=[stride, stride], strides=[stride, stride],
            )
        )  # fmt: skip
        side = 64 // stride
        outputs.append((f"o{stride}", [batch, 80, side, side]))
    if not maps:
        outputs = outputs[:1]
    graph = helper.make_graph(
        nodes,
        "seeded",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, taken)],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize("batch", [1, "n"])
@pytest.mark.parametrize("channels_last", [True, False])
def test_a_file_with_maps_runs(tmp_path: Path, channels_last: bool, batch: Any) -> None:
    import onnx.reference

    path = onnx_file(tmp_path / "lite.onnx", channels_last, batch, maps=True)
    detector = YoloFaceOnnx(path)
    plain = onnx.reference.ReferenceEvaluator(str(path))
    for image in (noise(64, 64, seed=1), resized(ZIDANE, (64, 36)), noise(20, 50, seed=2)):
        (faces,) = detector.detect([image], 0.4)
        fit = Letterbox.fit(image.shape, (64, 64))
        rgb = letterboxed(image, fit)[None, ..., ::-1].astype(np.float32) / 255
        answers = plain.run(None, {"images": rgb if channels_last else rgb.transpose(0, 3, 1, 2)})
        rows = one_by_one([np.asarray(answers[k])[0] for k in (1, 2, 0)], 0.4)
        rows = rows[nms(rows[:, :4], rows[:, 4], 0.7)]
        expected = np.clip(
            fit.to_picture(rows[:, :4]), 0, [*image.shape[1::-1], *image.shape[1::-1]]
        )
        solid = (expected[:, 2:] - expected[:, :2] >= 1).all(axis=1)
        assert len(faces) == solid.sum() > 0
        np.testing.assert_allclose(faces.boxes, expected[solid], atol=0.05)
        np.testing.assert_allclose(faces.scores, rows[solid, 4], atol=1e-4)
        assert faces.landmarks is not None


@pytest.mark.parametrize("name", ["part.onnx", "damaged.tflite", "damaged.onnx"])
def test_other_files_get_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "part.onnx":
        onnx_file(path, False, 1, maps=False)
    else:
        path.write_bytes(b"TFL3 no network")
    with pytest.raises(MoodstreamError, match=name) as error:
        YoloFaceOnnx(path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


MODELS = SHARED / "models"


@pytest.mark.skipif(not MODELS.is_dir(), reason="needs true weights beside the checkout")
@pytest.mark.parametrize("file", ["yolov8-lite-t.onnx", "yolov8n-face_int8.tflite"])
def test_true_weights_find_the_labelled_faces(file: str) -> None:
    from moodstream.realtime.labels.files import locate, pictures_in, read_labels
    from moodstream.realtime.sources.images import read_picture

    files = pictures_in(GROUPS)
    of_file, _ = locate(
        read_labels([GROUPS / "testing.xml", GROUPS / "training.xml"], GROUPS), GROUPS, files
    )
    detector = YoloFaceOnnx(MODELS / file, streams=2)
    found = labelled = 0
    for path, truth in of_file.items():
        (faces,) = detector.detect([read_picture(path)], 0.5)
        overlap = iou(truth.boxes, faces.boxes)
        found += int((overlap.max(axis=1, initial=0) > 0.5).sum())
        labelled += len(truth.boxes)
        assert faces.landmarks is not None
        low, high = faces.boxes[:, None, :2], faces.boxes[:, None, 2:]
        assert ((faces.landmarks >= low) & (faces.landmarks <= high)).mean() > 0.95
        eyes, mouth = faces.landmarks[:, :2, 1].mean(axis=1), faces.landmarks[:, 3:, 1].mean(axis=1)
        assert (eyes < mouth).all()
    assert (found, labelled) == (43, 43)
