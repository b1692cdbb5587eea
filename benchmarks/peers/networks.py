"""Stand-ins of YOLOv8n-face and HSEmotion B0: their architectures, random weights.

    python networks.py CLIP FOLDER

FOLDER/box.json holds the recorded face box. Written beside it: plain.pt and plain.onnx (YOLOv8n of
one class that finds nothing), yolov8n-face-lindevs.onnx (the same, with the recorded box put over
the first of its answers), and the HSEmotion network as a pickle and as ONNX.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import torch
import yaml
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from support.stand_ins import stand_in

EMOTION, YOLO_SIZE, FACE_SIZE = "enet_b0_8_best_vgaf", 640, 224


def pictures(clip: str, most: int) -> list[Any]:
    """The first frames of the clip, RGB."""
    capture = cv2.VideoCapture(clip)
    frames = [capture.read()[1] for _ in range(most)]
    capture.release()
    return [cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) for frame in frames]


def batch_of(images: list[Any], size: tuple[int, int]) -> Any:
    stack = np.stack([cv2.resize(image, size) for image in images]).astype(np.float32) / 255
    return np.ascontiguousarray(stack.transpose(0, 3, 1, 2))


def make_detector(folder: Path, images: list[Any]) -> None:
    """A YOLOv8n of one class that answers to every picture, but below every threshold."""
    import ultralytics

    recipe = Path(ultralytics.__file__).parent / "cfg" / "models" / "v8" / "yolov8.yaml"
    entries = {**yaml.safe_load(recipe.read_text()), "nc": 1, "scale": "n"}
    (folder / "yolov8n.yaml").write_text(yaml.safe_dump(entries))
    torch.manual_seed(0)
    model = ultralytics.YOLO(str(folder / "yolov8n.yaml"))
    network = model.model
    with torch.no_grad():
        # Through a fresh network numbers shrink until they are denormal, which is slow.
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        network.train()(torch.from_numpy(batch_of(images, (YOLO_SIZE, 384))))
        for branch in network.eval().model[-1].cv3:
            branch[-1].weight.mul_(0.01)
            branch[-1].bias.fill_(-10.0)
    model.save(str(folder / "plain.pt"))
    ultralytics.YOLO(str(folder / "plain.pt")).export(
        format="onnx", imgsz=YOLO_SIZE, dynamic=True, simplify=False, verbose=False
    )


def with_answer(path: Path, box: list[int], size: tuple[int, int]) -> onnx.ModelProto:
    """The detector at ``path`` with ``box`` (xyxy px of a picture of ``size``) as its one face.

    Everything of the network still runs; one of its some thousand answers is replaced, wherever
    in a letterboxed input of any height and width the box lies.
    """
    model = onnx.load(str(path))
    graph = model.graph
    picture, answer = graph.input[0].name, graph.output[0].name
    left, top, right, bottom = box
    offset = [(left + right - size[0]) / 2, (top + bottom - size[1]) / 2]
    constants = {
        "k_size": np.array(size, np.float32),
        "k_offset": np.array(offset, np.float32),
        "k_box": np.array([right - left, bottom - top], np.float32),
        "k_score": np.array([0.9], np.float32),
        "k_half": np.array([0.5], np.float32),
        "k_swap": np.array([3, 2]),
        "k_first": np.array([0]),
        "k_column": np.array([5, 1]),
        "k_one": np.array([1]),
        "k_two": np.array([2]),
        "k_end": np.array([np.iinfo(np.int64).max]),
        "k_five_one": np.array([1, 5, 1]),
    }
    graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in constants.items())
    graph.node.extend(
        helper.make_node(kind, inputs, [output], **options)
        for kind, inputs, output, options in (
            ("Shape", [picture], "k_shape", {}),
            ("Gather", ["k_shape", "k_swap"], "k_sides", {}),
            ("Cast", ["k_sides"], "k_canvas", {"to": TensorProto.FLOAT}),
            ("Div", ["k_canvas", "k_size"], "k_ratios", {}),
            ("ReduceMin", ["k_ratios"], "k_scale", {"keepdims": 1}),
            ("Mul", ["k_canvas", "k_half"], "k_middle", {}),
            ("Mul", ["k_offset", "k_scale"], "k_shift", {}),
            ("Add", ["k_middle", "k_shift"], "k_centre", {}),
            ("Mul", ["k_box", "k_scale"], "k_extent", {}),
            ("Concat", ["k_centre", "k_extent", "k_score"], "k_flat", {"axis": 0}),
            ("Reshape", ["k_flat", "k_five_one"], "k_known", {}),
            ("Gather", ["k_shape", "k_first"], "k_pictures", {}),
            ("Concat", ["k_pictures", "k_column"], "k_goal", {"axis": 0}),
            ("Expand", ["k_known", "k_goal"], "k_answer", {}),
            ("Slice", [answer, "k_one", "k_end", "k_two"], "k_rest", {}),
            ("Concat", ["k_answer", "k_rest"], "answered", {"axis": 2}),
        )
    )
    graph.output[0].name = "answered"
    onnx.checker.check_model(model)
    return model


def make_classifier(folder: Path, crops: list[Any]) -> None:
    """HSEmotion's EfficientNet-B0, pickled as the package loads it, and as ONNX."""
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    batch = batch_of(crops, (FACE_SIZE, FACE_SIZE))
    faces = ((batch - mean[:, None, None]) / deviation[:, None, None]).astype(np.float32)
    model = stand_in("tf_efficientnet_b0", 8, faces)
    torch.save(model, folder / f"{EMOTION}.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (torch.zeros(1, 3, FACE_SIZE, FACE_SIZE),),
            str(folder / f"{EMOTION}.onnx"),
            dynamo=False,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
        )


def main() -> None:
    clip, folder = sys.argv[1], Path(sys.argv[2])
    left, top, right, bottom = box = json.loads((folder / "box.json").read_text())
    images = pictures(clip, 8)
    make_detector(folder, images)
    size = (images[0].shape[1], images[0].shape[0])
    answering = with_answer(folder / "plain.onnx", box, size)
    onnx.save(answering, str(folder / "yolov8n-face-lindevs.onnx"))
    make_classifier(folder, [image[top:bottom, left:right] for image in images])


if __name__ == "__main__":
    main()
