"""report.md of `moodstream evaluate emotions`, from the content of its metrics.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moodstream.realtime.evaluation.emotions import attributes_page, labels_page, votes_page
from moodstream.realtime.evaluation.markdown import left_out, network, number, spread, table

_MAX_ROWS = 30


def report(summary: Mapping[str, Any], pictures: bool = True) -> str:
    """The report as Markdown, with the charts beside it.

    Args:
        summary: The content of metrics.json.
        pictures: False leaves out the section of mistakes, which shows faces.
    """
    voted = summary["votes"] is not None
    own = votes_page if voted else labels_page
    parts = [
        f"# How well `{summary['model']['name']}` classifies `{summary['data']['source']}`",
        _head(summary, own.head(summary)),
        "## Figures",
        own.figures(summary),
        *(("## People against people", votes_page.people(summary)) if voted else ()),
        "## Emotion by emotion",
        own.classes(summary),
        "![Confusion matrix](confusion.png)",
        "![True and predicted shares](mix.png)",
        f"## Can its {'shares' if voted else 'confidence'} be believed?",
        own.confidence(summary) + _disagreement(summary),
        "![Reliability](reliability.png)",
        "## Smaller and blurred faces",
        _changes(summary, own.NAMES),
        "![By size and blur](by_size.png)",
        *attributes_page.sections(summary["by"]),
        *(_mistakes(summary) if pictures else ()),
        "## Data, network and versions",
        sources(summary),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(summary: Mapping[str, Any], most_important: str) -> str:
    lines = [most_important]
    if summary["data"]["skipped"]:
        lines.append("Some pictures were left out, see the end.")
    lines += [f"{note[:1].upper()}{note[1:]}." for note in summary["data"]["notes"]]
    return " ".join(lines)


def _disagreement(summary: Mapping[str, Any]) -> str:
    """What the members of an ensemble say about it, with a space before it."""
    uncertainty = summary["uncertainty"]
    if "auroc_disagreement" not in uncertainty:
        return ""
    return (
        f" The disagreement of the ensemble's members does with AUROC "
        f"{number(uncertainty['auroc_disagreement'])}; it is "
        f"{number(uncertainty['disagreement_right'])} nats for right and "
        f"{number(uncertainty['disagreement_wrong'])} nats for wrong predictions."
    )


def _changes(summary: Mapping[str, Any], names: Mapping[str, str]) -> str:
    rows = [("as they are", summary, "")]
    rows += [
        (f"{size} px", step, _unchanged(step, f"not larger than {size} px, as they are"))
        for size, step in summary["by_size"].items()
    ]
    rows += [
        (f"blur {float(share):.3g} of the side", step, "")
        for share, step in summary["by_blur"].items()
    ]
    cells = [
        (name, *(number((step["votes"] or step)[key]) for key in names), note)
        for name, step, note in rows
    ]
    return table(("faces", *names.values(), "note"), cells) + (
        "\n\nPx is the smaller side of the face, as they are "
        f"{spread(summary['data']['side_px'])}; blur is the sigma of a Gaussian."
    )


def _unchanged(step: Mapping[str, Any], why: str) -> str:
    return f"{step['unchanged']} faces {why}" if step["unchanged"] else ""


def _mistakes(summary: Mapping[str, Any]) -> tuple[str, ...]:
    voted = summary["votes"] is not None
    rows = [
        (
            *(m["name"], m["true"], m["said"], f"{m['confidence']:.1%}"),
            *((f"{m['raters_true']:.0%}", f"{m['raters_said']:.0%}") if voted else ()),
        )
        for m in summary["mistakes"]
    ]
    columns = ["picture", "true", "predicted", "confidence"]
    if voted:
        columns += ["raters for the true one", "for the predicted one"]
    shown = (
        "True is what most raters named; ties are left out."
        if voted
        else "Some may be mislabelled.",
        table(columns, rows),
    )
    return (
        "## The most confident mistakes",
        *(shown if rows else ("There are none.",)),
        "![Mistakes](mistakes.png)",
    )


def sources(summary: Mapping[str, Any]) -> str:
    """The data, the network, and what was left out."""
    model = summary["model"]
    lines = [
        f"- Data: {summary['data']['source']}, {summary['n']} faces",
        f"- {network(model)}",
    ]
    if summary["detector"]:
        lines.append(f"- Detector: {summary['detector']['name']} ({summary['detector']['file']})")
    lines.append("- " + ", ".join(f"{name} {v}" for name, v in summary["versions"].items()))
    skipped = summary["skipped"]
    if not skipped:
        return "\n".join([*lines, "- Nothing was left out."])
    lines.append(f"- Left out: {left_out(skipped)}")
    more = [("…", f"and {len(skipped) - _MAX_ROWS} more, see metrics.json")]
    rows = [(s["what"], s["why"]) for s in skipped[:_MAX_ROWS]]
    return (
        "\n".join(lines)
        + "\n\n"
        + table(("left out", "why"), rows + (more if len(skipped) > _MAX_ROWS else []))
    )
