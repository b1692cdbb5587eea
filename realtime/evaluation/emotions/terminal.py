"""An evaluation on a terminal: a screen of text, from its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moodstream.realtime.evaluation.markdown import left_out, number, spread
from moodstream.realtime.networks.models import described


def lines(summary: Mapping[str, Any]) -> list[str]:
    """The most important figures; ``summary`` is what ``report.metrics`` returned."""
    return [*_head(summary), "", *_figures(summary), "", *_classes(summary), "", *_changes(summary)]


def _head(summary: Mapping[str, Any]) -> list[str]:
    model, data = summary["model"], summary["data"]
    low, high = summary["accuracy_interval"]
    head = [
        f"Network     {described(model)} ({model['engine']} on {model['device']}, "
        f"temperature {number(summary['temperature'], 2)})",
        f"Data        {data['source']}: n = {summary['n']} faces, {spread(data['side_px'])}",
    ]
    head += [f"Note        {note}" for note in data["notes"]]
    if summary["skipped"]:
        head.append(f"Left out    {len(summary['skipped'])} ({left_out(summary['skipped'], 3)})")
    head.append(f"Certainty   with this n, accuracy is {low:.3f} to {high:.3f} (95 % interval)")
    return head


def _figures(summary: Mapping[str, Any]) -> list[str]:
    before, uncertainty = summary["uncalibrated"], summary["uncertainty"]
    printed = [
        f"accuracy           {summary['accuracy']:.3f}",
        f"balanced accuracy  {summary['balanced_accuracy']:.3f}",
        f"macro-F1           {summary['macro_f1']:.3f}",
        f"cross-entropy      {before['cross_entropy']:.3f} → {summary['cross_entropy']:.3f}"
        "  (uncalibrated → as it runs)",
        f"ECE                {before['ece']:.3f} → {summary['ece']:.3f}",
    ]
    if "auroc_disagreement" in uncertainty:
        printed.append(
            f"disagreement       {number(uncertainty['disagreement_right'])} right, "
            f"{number(uncertainty['disagreement_wrong'])} wrong (nats); finds errors with AUROC "
            f"{number(uncertainty['auroc_disagreement'])}, confidence with "
            f"{number(uncertainty['auroc_confidence'])}"
        )
    return printed


def _classes(summary: Mapping[str, Any]) -> list[str]:
    head = f"{'emotion':10}{'faces':>7}{'recall':>9}{'precision':>11}{'pred/true':>11}"
    return [head] + [
        f"{name:10}{part['support']:>7}{number(part['recall']):>9}"
        f"{number(part['precision']):>11}{number(summary['mix'][name]['ratio'], 2):>11}"
        for name, part in summary["per_class"].items()
    ]


def _changes(summary: Mapping[str, Any]) -> list[str]:
    sizes = [("as is", summary)]
    sizes += [(f"{size} px", step) for size, step in summary["by_size"].items()]
    blurs = [(f"blur {float(share):.3g}", step) for share, step in summary["by_blur"].items()]
    printed = []
    for steps in (sizes, blurs):
        if steps:
            printed.append("faces     " + "".join(f"{name:>10}" for name, _ in steps))
            cells = (
                "as is" if step.get("as_is") else number(step["accuracy"]) for _, step in steps
            )
            printed.append("accuracy  " + "".join(f"{cell:>10}" for cell in cells))
    printed += [
        f"Note        {step['unchanged']} of {summary['n']} faces are not larger than {size} px "
        "and were classified as they are"
        for size, step in summary["by_size"].items()
        if 0 < step["unchanged"] < summary["n"]
    ]
    return printed
