"""The folder of results of `moodstream evaluate emotions`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from moodstream.realtime import environment
from moodstream.realtime.arrays import Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.datasets.faces import LabelledFaces
from moodstream.realtime.evaluation.emotions.attributes import ByAttribute
from moodstream.realtime.evaluation.emotions.calibrate import (
    Reliability,
    reliability,
    share_reliability,
)
from moodstream.realtime.evaluation.emotions.evaluate import Changed, Evaluation
from moodstream.realtime.evaluation.emotions.metrics import (
    ClassificationScores,
    class_shares,
    figures,
    interval,
    per_class,
)
from moodstream.realtime.evaluation.emotions.page import report
from moodstream.realtime.evaluation.emotions.vote_report import mean_shares, vote_metrics
from moodstream.realtime.evaluation.markdown import spread
from moodstream.realtime.networks.models import ModelInfo
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import finished, write_json

OUTPUTS = (
    layout.METRICS,
    layout.METRICS_REPORT,
    "confusion.png",
    "reliability.png",
    "mix.png",
    "by_size.png",
    "mistakes.png",
)
ATTRIBUTES_CHART = "by_attribute.png"
"""Besides OUTPUTS, where attributes were asked for."""

MAX_MISTAKES = 24
"""The most confident mistakes, which are listed and shown."""


def metrics(
    done: Evaluation,
    faces: LabelledFaces,
    info: Mapping[str, ModelInfo],
    attributes: Sequence[ByAttribute] = (),
) -> dict[str, Any]:
    """The content of metrics.json; what is undefined is None.

    Args:
        done: The evaluation.
        faces: Its faces.
        info: The classifier as ``emotion`` and, if one ran, the ``detector``.
        attributes: The figures by attributes of the people.
    """
    whole = done.figures
    summary = {
        **asdict(whole),
        "accuracy_interval": interval(whole.accuracy, whole.n),
        "votes": vote_metrics(done, faces),
        "uncalibrated": asdict(figures(done.uncalibrated, done.labels)),
        "per_class": _per_class(done),
        "mix": _class_shares(done),
        "confusion": {"classes": list(EMOTIONS), "counts": done.confusion.tolist()},
        "by_size": {str(size): _changed(step) for size, step in done.by_size.items()},
        "by_blur": {f"{share:g}": _changed(step) for share, step in done.by_blur.items()},
        "reliability": {
            "before": _bins(reliability(done.uncalibrated, done.labels)),
            "after": _bins(reliability(done.probs, done.labels)),
        },
        "uncertainty": done.uncertainty(),
        "by": attribute_figures(attributes),
        "mistakes": _mistakes(done, faces),
        **origin(faces, info),
    }
    return {key: plain(value) for key, value in summary.items()}


def origin(faces: LabelledFaces, info: Mapping[str, ModelInfo]) -> dict[str, Any]:
    """The networks and the data that figures are of, for metrics.json."""
    return {
        "temperature": info["emotion"].temperature,
        "model": asdict(info["emotion"]),
        "detector": asdict(info["detector"]) if "detector" in info else None,
        "data": _data(faces),
        "skipped": [{"what": what, "why": why} for what, why in faces.skipped],
        "versions": environment.versions(),
    }


def attribute_figures(attributes: Sequence[ByAttribute]) -> list[dict[str, Any]]:
    """The figures by attributes of the people for metrics.json."""
    return [
        {
            **asdict(one),
            "differences": [
                {**asdict(gap), "beyond_chance": gap.beyond_chance} for gap in one.differences
            ],
        }
        for one in attributes
    ]


def write(
    folder: Path,
    summary: Mapping[str, Any],
    done: Evaluation,
    faces: LabelledFaces,
    pictures: bool = True,
) -> None:
    """Write every file of OUTPUTS; metrics.json comes last: where it is, the rest is complete.

    Args:
        folder: One that exists.
        summary: What ``metrics`` returned.
        done: The evaluation.
        faces: Its faces.
        pictures: False leaves out the contact sheet of faces, also that of an earlier run.
    """
    from moodstream.realtime.evaluation.emotions import attribute_charts, charts

    with finished(folder / "confusion.png") as part:
        charts.confusion_chart(done.confusion, part)
    with finished(folder / "reliability.png") as part:
        _draw_reliability(done, part)
    with finished(folder / "mix.png") as part:
        if done.votes is None:
            charts.class_shares_chart(class_shares(done.confusion), part)
        else:
            charts.class_shares_chart(mean_shares(done.probs, done.votes), part, "mean share")
    with finished(folder / "by_size.png") as part:
        _draw_sizes(summary, part)
    if summary["by"]:
        with finished(folder / ATTRIBUTES_CHART) as part:
            attribute_charts.attributes_chart(summary["by"], part)
    else:
        (folder / ATTRIBUTES_CHART).unlink(missing_ok=True)
    if pictures:
        with finished(folder / "mistakes.png") as part:
            charts.mistakes_chart(_worst(done, faces), part, voted=done.votes is not None)
    else:
        (folder / "mistakes.png").unlink(missing_ok=True)
    with finished(folder / layout.METRICS_REPORT) as part:
        part.write_text(report(summary, pictures), encoding="utf-8")
    write_json(folder / layout.METRICS, summary)


def _draw_reliability(done: Evaluation, path: Path) -> None:
    from moodstream.realtime.evaluation.emotions import charts, vote_charts

    before, after = done.uncalibrated, done.probs
    if done.votes is None:
        labels = done.labels
        charts.reliability_chart(reliability(before, labels), reliability(after, labels), path)
    else:
        shares = done.votes.shares
        vote_charts.share_reliability_chart(
            share_reliability(before, shares), share_reliability(after, shares), path
        )


def _draw_sizes(summary: Mapping[str, Any], path: Path) -> None:
    from moodstream.realtime.evaluation.emotions import charts

    def shown(step: Mapping[str, Any]) -> dict[str, float]:
        if step["votes"] is None:
            return {
                "accuracy": step["accuracy"],
                "balanced accuracy": step["balanced_accuracy"],
            }
        return {
            "agreement with the majority": step["votes"]["agreement"],
            "JSD to the shares (nats)": step["votes"]["jsd"],
        }

    sizes = [(f"as is\n({spread(summary['data']['side_px'])})", shown(summary))]
    sizes += [(f"{s} px", shown(p)) for s, p in summary["by_size"].items() if not p["as_is"]]
    blurs = [(f"{float(s):.3g}", shown(p)) for s, p in summary["by_blur"].items()]
    charts.size_chart(sizes, [("none", shown(summary)), *blurs] if blurs else [], path)


def _by_class(columns: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: {key: column[place].item() for key, column in columns.items()}
        for place, name in enumerate(EMOTIONS)
    }


def _class_shares(done: Evaluation) -> dict[str, dict[str, Any]]:
    shares = class_shares(done.confusion)
    return _by_class({"true": shares.true, "said": shares.predicted, "ratio": shares.ratio})


def _per_class(done: Evaluation) -> dict[str, dict[str, Any]]:
    """Precision, recall, F1 and support of each class, and the figures of its faces alone."""
    scores = _by_class(asdict(per_class(done.confusion)))
    for place, part in enumerate(scores.values()):
        rows = done.labels == place
        if rows.any():
            part |= asdict(figures(done.probs[rows], done.labels[rows]))
        else:
            part |= {**dict.fromkeys(field.name for field in fields(ClassificationScores)), "n": 0}
    return scores


def _changed(step: Changed) -> dict[str, Any]:
    return {
        **asdict(step.figures),
        "unchanged": step.unchanged,
        "as_is": step.as_is,
        "votes": None if step.votes is None else asdict(step.votes),
    }


def _bins(part: Reliability) -> dict[str, Any]:
    return {"ece": part.ece, **{name: column.tolist() for name, column in asdict(part).items()}}


def _mistakes(done: Evaluation, faces: LabelledFaces) -> list[dict[str, Any]]:
    return [
        {
            "name": faces.names[i],
            "true": EMOTIONS[done.labels[i]],
            "said": EMOTIONS[done.predicted[i]],
            "confidence": float(done.probs[i].max()),
            **_raters(done, i),
        }
        for i in done.mistakes()[:MAX_MISTAKES].tolist()
    ]


def _raters(done: Evaluation, i: int) -> dict[str, float]:
    """The shares of the raters of face i who named the true and the predicted emotion."""
    if done.votes is None:
        return {}
    shares = done.votes.shares[i]
    return {
        "raters_true": float(shares[done.labels[i]]),
        "raters_said": float(shares[done.predicted[i]]),
    }


def _worst(done: Evaluation, faces: LabelledFaces) -> list[tuple[Image, str, str, float]]:
    """The most confident mistakes: picture, true and predicted emotion, its probability.

    Emotions with the share of the raters who named them, where there are votes.
    """
    worst = []
    for i, mistake in zip(done.mistakes().tolist(), _mistakes(done, faces), strict=False):
        true, said = mistake["true"], mistake["said"]
        if done.votes is not None:
            true = f"{true} {mistake['raters_true']:.0%}"
            said = f"{said} {mistake['raters_said']:.0%}"
        worst.append((_face(faces, i), true, said, mistake["confidence"]))
    return worst


def _data(faces: LabelledFaces) -> dict[str, Any]:
    sides = faces.sides()
    return {
        "source": faces.source,
        "notes": faces.notes,
        "skipped": len(faces.skipped),
        "side_px": {
            "least": float(sides.min()),
            "median": float(np.median(sides)),
            "most": float(sides.max()),
        },
    }


def _face(faces: LabelledFaces, i: int) -> Image:
    height, width = faces.images[i].shape[:2]
    x1, y1, x2, y2 = np.rint(faces.box(i)).astype(int).tolist()
    left, top = min(max(x1, 0), width - 1), min(max(y1, 0), height - 1)
    return faces.images[i][top : max(y2, top + 1), left : max(x2, left + 1)]


def plain(value: Any) -> Any:
    """A value for JSON: None for NaN, six digits for other fractions."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
