"""report.md of an evaluation, from the content of its metrics.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from moodstream.realtime.networks.models import described

NAMES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro-F1",
    "cross_entropy": "Cross-entropy (nats)",
    "ece": "Calibration error (ECE)",
}
_MAX_ROWS = 30


def report(summary: Mapping[str, Any], pictures: bool = True) -> str:
    """The report as Markdown, with the charts beside it.

    Args:
        summary: The content of metrics.json.
        pictures: False leaves out the section of mistakes, which shows faces.
    """
    parts = [
        f"# How well `{summary['model']['name']}` classifies `{summary['data']['source']}`",
        _head(summary),
        "## Figures",
        _figures(summary),
        "## Emotion by emotion",
        _classes(summary),
        "![Confusion matrix](confusion.png)",
        "![True and predicted shares](mix.png)",
        "## Can its confidence be believed?",
        _confidence(summary),
        "![Reliability](reliability.png)",
        "## Smaller and blurred faces",
        _changes(summary),
        "![By size and blur](by_size.png)",
        *(_mistakes(summary) if pictures else ()),
        "## Data, network and versions",
        _sources(summary),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table: the first column to the left, figures to the right."""
    lines = [_row(head), _row([":--"] + ["--:"] * (len(head) - 1))]
    return "\n".join(lines + [_row(row) for row in rows])


def number(value: float | None, digits: int = 3) -> str:
    """A figure, or a dash where it is undefined."""
    return "–" if value is None else f"{value:.{digits}f}"


def spread(side: Mapping[str, float]) -> str:
    """Face sizes in words: ``48 px``, or ``20–80 px, median 42``."""
    if side["least"] == side["most"]:
        return f"{side['most']:.0f} px"
    return f"{side['least']:.0f}–{side['most']:.0f} px, median {side['median']:.0f}"


def network(model: Mapping[str, Any]) -> str:
    """What a network is, where it ran, and its checksum."""
    return (
        f"Network: {described(model)} ({model['file']}, {model['engine']} on {model['device']}, "
        f"SHA-256 {model['sha256']})"
    )


def left_out(skipped: Sequence[Mapping[str, str]], reasons: int = 8) -> str:
    """Why pictures were left out, the most common reasons first: ``2 × no face found``."""
    counts = Counter(one["why"] for one in skipped).most_common(reasons)
    return "; ".join(f"{n} × {why}" for why, n in counts)


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _head(summary: Mapping[str, Any]) -> str:
    low, high = summary["accuracy_interval"]
    common = max(summary["mix"].items(), key=lambda item: item[1]["true"])
    lines = [
        f"**{summary['accuracy']:.1%}** of {summary['n']} faces are classified as "
        f"labelled (95 % interval {low:.1%} to {high:.1%}). Always predicting “{common[0]}” would "
        f"be right for {common[1]['true']:.1%}."
    ]
    if summary["data"]["skipped"]:
        lines.append("Some pictures were left out, see the end.")
    lines += [f"{note[:1].upper()}{note[1:]}." for note in summary["data"]["notes"]]
    return " ".join(lines)


def _figures(summary: Mapping[str, Any]) -> str:
    before = summary["uncalibrated"]
    rows = [(name, number(summary[key]), number(before[key])) for key, name in NAMES.items()]
    return (
        table(("", "as it runs", "uncalibrated"), rows)
        + "\n\nBalanced accuracy and macro-F1 are means over the emotions that occur, so that rare "
        "ones count as much as common ones. Temperature: "
        f"{number(summary['temperature'])} (1 is uncalibrated)."
    )


def _classes(summary: Mapping[str, Any]) -> str:
    rows = [
        (
            name,
            part["support"],
            number(part["recall"]),
            number(part["precision"]),
            number(part["f1"]),
            number(part["cross_entropy"]),
            number(part["ece"]),
            f"{share['true']:.1%}",
            f"{share['said']:.1%}",
            number(share["ratio"], 2),
        )
        for (name, part), share in zip(
            summary["per_class"].items(), summary["mix"].values(), strict=True
        )
    ]
    head = (
        *("emotion", "faces", "recall", "precision", "F1", "cross-entropy", "ECE"),
        *("true", "predicted", "predicted / true"),
    )
    return table(head, rows) + (
        "\n\nCross-entropy (nats) and ECE are those of the faces with that label. Predicted "
        "/ true above 1 means that the emotion is predicted too often: group figures lean to it."
    )


def _confidence(summary: Mapping[str, Any]) -> str:
    uncertainty = summary["uncertainty"]
    lines = [
        f"ECE is {number(summary['uncalibrated']['ece'])} uncalibrated and "
        f"{number(summary['ece'])} as it runs: so far is the confidence from the accuracy on "
        "average. A low confidence separates wrong predictions from right ones with AUROC "
        f"{number(uncertainty['auroc_confidence'])} "
        "(0.5 is chance, 1 perfect)."
    ]
    if "auroc_disagreement" in uncertainty:
        lines.append(
            f"The disagreement of the ensemble's members does with AUROC "
            f"{number(uncertainty['auroc_disagreement'])}; it is "
            f"{number(uncertainty['disagreement_right'])} nats for right and "
            f"{number(uncertainty['disagreement_wrong'])} nats for wrong predictions."
        )
    return " ".join(lines)


def _changes(summary: Mapping[str, Any]) -> str:
    rows = [("as they are", summary, "")]
    rows += [
        (f"{size} px", step, _unchanged(step, f"not larger than {size} px, as they are"))
        for size, step in summary["by_size"].items()
    ]
    rows += [
        (f"blur {float(share):.3g} of the side", step, "")
        for share, step in summary["by_blur"].items()
    ]
    cells = [(name, *(number(step[key]) for key in NAMES), note) for name, step, note in rows]
    return table(("faces", *NAMES.values(), "note"), cells) + (
        "\n\nPx is the smaller side of the face, as they are "
        f"{spread(summary['data']['side_px'])}; blur is the sigma of a Gaussian."
    )


def _unchanged(step: Mapping[str, Any], why: str) -> str:
    return f"{step['unchanged']} faces {why}" if step["unchanged"] else ""


def _mistakes(summary: Mapping[str, Any]) -> tuple[str, ...]:
    rows = [
        (m["name"], m["true"], m["said"], f"{m['confidence']:.1%}") for m in summary["mistakes"]
    ]
    shown = (
        "Some may be mislabelled.",
        table(("picture", "true", "predicted", "confidence"), rows),
    )
    return (
        "## The most confident mistakes",
        *(shown if rows else ("There are none.",)),
        "![Mistakes](mistakes.png)",
    )


def _sources(summary: Mapping[str, Any]) -> str:
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
