"""An evaluation on a terminal: a screen of text, from its metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from moodstream.realtime.evaluation.emotions import attributes_page
from moodstream.realtime.evaluation.markdown import left_out, number, spread
from moodstream.realtime.networks.models import described


def lines(summary: Mapping[str, Any]) -> list[str]:
    """The most important figures; ``summary`` is what ``report.metrics`` returned."""
    voted = summary["votes"] is not None
    printed = [
        *source_lines(summary),
        _certainty(summary),
        "",
        *(_vote_figures(summary) if voted else _figures(summary)),
        "",
        *(_vote_classes(summary) if voted else _classes(summary)),
        "",
        *_changes(summary),
    ]
    for attribute in summary["by"]:
        printed += ["", *attributes_page.lines(attribute)]
    return printed


def source_lines(summary: Mapping[str, Any]) -> list[str]:
    """The network and the data."""
    model, data = summary["model"], summary["data"]
    head = [
        f"Network     {described(model)} ({model['engine']} on {model['device']}, "
        f"temperature {number(summary['temperature'], 2)})",
        f"Data        {data['source']}: n = {summary['n']} faces, {spread(data['side_px'])}",
    ]
    head += [f"Note        {note}" for note in data["notes"]]
    if summary["skipped"]:
        head.append(f"Left out    {len(summary['skipped'])} ({left_out(summary['skipped'], 3)})")
    return head


def _certainty(summary: Mapping[str, Any]) -> str:
    low, high = summary["accuracy_interval"]
    what = "accuracy" if summary["votes"] is None else "agreement"
    return f"Certainty   with this n, {what} is {low:.3f} to {high:.3f} (95 % interval)"


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
    return printed + _disagreement(uncertainty)


def _disagreement(uncertainty: Mapping[str, Any]) -> list[str]:
    if "auroc_disagreement" not in uncertainty:
        return []
    return [
        f"disagreement       {number(uncertainty['disagreement_right'])} right, "
        f"{number(uncertainty['disagreement_wrong'])} wrong (nats); finds errors with AUROC "
        f"{number(uncertainty['auroc_disagreement'])}, confidence with "
        f"{number(uncertainty['auroc_confidence'])}"
    ]


def _vote_figures(summary: Mapping[str, Any]) -> list[str]:
    votes, own = summary["votes"], summary["votes"]["own_labels"]
    before, among = votes["uncalibrated"], votes["people"]
    printed = [
        f"agreement          {votes['agreement']:.3f}  with the majority of the raters",
        f"  where clear      {number(votes['agreement_clear'])}  ({votes['n_clear']} faces: more "
        "than half of all raters agree)",
        f"  with ties        {votes['agreement_tied']:.3f}  ({votes['n_tied']} faces where moods "
        "tie: any of them counts)",
        f"balanced           {summary['balanced_accuracy']:.3f}",
        f"macro-F1           {summary['macro_f1']:.3f}",
        f"JSD to the shares  {before['jsd']:.4f} → {votes['jsd']:.4f}  nats a face (uncalibrated → "
        "as it runs)",
        f"KL to the shares   {before['kl']:.4f} → {votes['kl']:.4f}",
        f"ECE of the shares  {before['ece']:.4f} → {votes['ece']:.4f}  mean of the moods",
    ]
    if among["n"]:
        printed += [
            f"people             half of the raters of {among['n']} faces against the other half: "
            f"JSD {among['half_jsd']:.4f}, agreement {among['half_agreement']:.3f}",
            f"                   the network against the same halves: JSD "
            f"{among['network_jsd']:.4f}, agreement {among['network_agreement']:.3f}",
            f"                   one rater against the others: agreement "
            f"{among['one_agreement']:.3f}",
        ]
    if own:
        printed.append(
            f"own labels         accuracy {own['accuracy']:.3f} ({own['n']} faces); the raters' "
            f"majority {own['majority']:.3f}"
        )
    return printed + _disagreement(summary["uncertainty"])


def _vote_classes(summary: Mapping[str, Any]) -> list[str]:
    head = (
        f"{'emotion':10}{'faces':>7}{'recall':>9}{'precision':>11}{'raters':>9}{'predicted':>11}"
        f"{'ratio':>8}{'ECE':>8}"
    )
    shares = summary["votes"]["per_class"]
    return [head] + [
        f"{name:10}{part['support']:>7}{number(part['recall']):>9}"
        f"{number(part['precision']):>11}{number(shares[name]['true']):>9}"
        f"{number(shares[name]['predicted']):>11}{number(shares[name]['ratio'], 2):>8}"
        f"{number(shares[name]['ece']):>8}"
        for name, part in summary["per_class"].items()
    ]


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
    rows: dict[str, Callable[[Mapping[str, Any]], float]] = {"accuracy": lambda s: s["accuracy"]}
    if summary["votes"] is not None:
        rows = {"agreement": lambda s: s["votes"]["agreement"], "JSD": lambda s: s["votes"]["jsd"]}
    printed = []
    for steps in (sizes, blurs):
        if steps:
            printed.append("faces     " + "".join(f"{name:>10}" for name, _ in steps))
            for row, figure in rows.items():
                cells = (
                    "as is" if step.get("as_is") else number(figure(step)) for _, step in steps
                )
                printed.append(f"{row:10}" + "".join(f"{cell:>10}" for cell in cells))
    printed += [
        f"Note        {step['unchanged']} of {summary['n']} faces are not larger than {size} px "
        "and were classified as they are"
        for size, step in summary["by_size"].items()
        if 0 < step["unchanged"] < summary["n"]
    ]
    return printed
