"""An evaluation on a terminal: a screen of text, from its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moodstream.realtime.evaluation.markdown import left_out, number, spread
from moodstream.realtime.networks.models import described


def lines(found: Mapping[str, Any]) -> list[str]:
    """What a person reads first; ``found`` is what ``report.metrics`` gave."""
    return [*_head(found), "", *_figures(found), "", *_classes(found), "", *_changes(found)]


def _head(found: Mapping[str, Any]) -> list[str]:
    model, data = found["model"], found["data"]
    low, high = found["accuracy_interval"]
    head = [
        f"Network     {described(model)} ({model['engine']} on {model['device']}, "
        f"temperature {number(found['temperature'], 2)})",
        f"Data        {data['source']}: n = {found['n']} faces, {spread(data['side_px'])}",
    ]
    head += [f"Note        {note}" for note in data["notes"]]
    if found["skipped"]:
        head.append(f"Left out    {len(found['skipped'])} ({left_out(found['skipped'], 3)})")
    head.append(f"Certainty   with this n, accuracy is {low:.3f} to {high:.3f} (95 % interval)")
    return head


def _figures(found: Mapping[str, Any]) -> list[str]:
    before, doubt = found["uncalibrated"], found["uncertainty"]
    told = [
        f"accuracy           {found['accuracy']:.3f}",
        f"balanced accuracy  {found['balanced_accuracy']:.3f}",
        f"macro-F1           {found['macro_f1']:.3f}",
        f"cross-entropy      {before['cross_entropy']:.3f} → {found['cross_entropy']:.3f}"
        "  (uncalibrated → as it runs)",
        f"ECE                {before['ece']:.3f} → {found['ece']:.3f}",
    ]
    if "auroc_disagreement" in doubt:
        told.append(
            f"disagreement       {number(doubt['disagreement_right'])} right, "
            f"{number(doubt['disagreement_wrong'])} wrong (nats); finds errors with AUROC "
            f"{number(doubt['auroc_disagreement'])}, confidence with "
            f"{number(doubt['auroc_confidence'])}"
        )
    return told


def _classes(found: Mapping[str, Any]) -> list[str]:
    head = f"{'emotion':10}{'faces':>7}{'recall':>9}{'precision':>11}{'said/true':>11}"
    return [head] + [
        f"{name:10}{part['support']:>7}{number(part['recall']):>9}"
        f"{number(part['precision']):>11}{number(found['mix'][name]['ratio'], 2):>11}"
        for name, part in found["per_class"].items()
    ]


def _changes(found: Mapping[str, Any]) -> list[str]:
    sizes = [("as is", found)]
    sizes += [(f"{size} px", step) for size, step in found["by_size"].items()]
    blurs = [(f"blur {float(share):.3g}", step) for share, step in found["by_blur"].items()]
    told = []
    for steps in (sizes, blurs):
        if steps:
            told.append("faces     " + "".join(f"{name:>10}" for name, _ in steps))
            cells = (
                "as is" if step.get("as_is") else number(step["accuracy"]) for _, step in steps
            )
            told.append("accuracy  " + "".join(f"{cell:>10}" for cell in cells))
    told += [
        f"Note        {step['unchanged']} of {found['n']} faces are not larger than {size} px "
        "and were read as they are"
        for size, step in found["by_size"].items()
        if 0 < step["unchanged"] < found["n"]
    ]
    return told
