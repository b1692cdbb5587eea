"""report.md of an evaluation, from its metrics."""

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
_MOST_ROWS = 30


def report(found: Mapping[str, Any], pictures: bool = True) -> str:
    """The report as Markdown, with the charts beside it; ``found`` is what ``metrics`` gave.

    ``pictures`` False leaves out the section of mistakes, which shows faces.
    """
    parts = [
        f"# How well `{found['model']['name']}` reads `{found['data']['source']}`",
        _head(found),
        "## Figures",
        _figures(found),
        "## Emotion by emotion",
        _classes(found),
        "![Confusion matrix](confusion.png)",
        "![True and said mix](mix.png)",
        "## Can its confidence be believed?",
        _confidence(found),
        "![Reliability](reliability.png)",
        "## Smaller and blurred faces",
        _changes(found),
        "![By size and blur](by_size.png)",
        *(_mistakes(found) if pictures else ()),
        "## What was read, and by what",
        _sources(found),
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


def _head(found: Mapping[str, Any]) -> str:
    low, high = found["accuracy_interval"]
    common = max(found["mix"].items(), key=lambda item: item[1]["true"])
    lines = [
        f"**{found['accuracy']:.1%}** of {found['n']} faces are read as they are labelled "
        f"(95 % interval {low:.1%} to {high:.1%}). Always saying “{common[0]}” would be right for "
        f"{common[1]['true']:.1%}."
    ]
    if found["data"]["skipped"]:
        lines.append("Some pictures were left out, see the end.")
    lines += [f"{note[:1].upper()}{note[1:]}." for note in found["data"]["notes"]]
    return " ".join(lines)


def _figures(found: Mapping[str, Any]) -> str:
    before = found["uncalibrated"]
    rows = [(name, number(found[key]), number(before[key])) for key, name in NAMES.items()]
    return (
        table(("", "as it runs", "uncalibrated"), rows)
        + "\n\nBalanced accuracy and macro-F1 are means over the emotions that occur, so that rare "
        "ones count as much as common ones. Temperature: "
        f"{number(found['temperature'])} (1 is uncalibrated)."
    )


def _classes(found: Mapping[str, Any]) -> str:
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
            found["per_class"].items(), found["mix"].values(), strict=True
        )
    ]
    head = (
        *("emotion", "faces", "recall", "precision", "F1", "cross-entropy", "ECE"),
        *("true", "said", "said / true"),
    )
    return table(head, rows) + (
        "\n\nCross-entropy (nats) and ECE are those of the faces with that label. Said / "
        "true above 1 means that the emotion is read too often: group figures lean towards it."
    )


def _confidence(found: Mapping[str, Any]) -> str:
    doubt = found["uncertainty"]
    lines = [
        f"ECE is {number(found['uncalibrated']['ece'])} uncalibrated and {number(found['ece'])} "
        "as it runs: so far is the confidence from the accuracy on average. A low confidence "
        f"tells wrong answers from right ones with AUROC {number(doubt['auroc_confidence'])} "
        "(0.5 is chance, 1 perfect)."
    ]
    if "auroc_disagreement" in doubt:
        lines.append(
            f"The disagreement of the ensemble's members does with AUROC "
            f"{number(doubt['auroc_disagreement'])}; it is "
            f"{number(doubt['disagreement_right'])} nats for right and "
            f"{number(doubt['disagreement_wrong'])} nats for wrong answers."
        )
    return " ".join(lines)


def _changes(found: Mapping[str, Any]) -> str:
    rows = [("as they are", found, "")]
    rows += [
        (f"{size} px", step, _unchanged(step, f"not larger than {size} px, as they are"))
        for size, step in found["by_size"].items()
    ]
    rows += [
        (f"blur {float(share):.3g} of the side", step, "")
        for share, step in found["by_blur"].items()
    ]
    cells = [(name, *(number(step[key]) for key in NAMES), note) for name, step, note in rows]
    return table(("faces", *NAMES.values(), "note"), cells) + (
        "\n\nPx is the smaller side of the face, as they are "
        f"{spread(found['data']['side_px'])}; blur is the sigma of a Gaussian."
    )


def _unchanged(step: Mapping[str, Any], why: str) -> str:
    return f"{step['unchanged']} faces {why}" if step["unchanged"] else ""


def _mistakes(found: Mapping[str, Any]) -> tuple[str, ...]:
    rows = [(m["name"], m["true"], m["said"], f"{m['confidence']:.1%}") for m in found["mistakes"]]
    told = ("Some may be mislabelled.", table(("picture", "true", "said", "confidence"), rows))
    return (
        "## The most confident mistakes",
        *(told if rows else ("There are none.",)),
        "![Mistakes](mistakes.png)",
    )


def _sources(found: Mapping[str, Any]) -> str:
    model = found["model"]
    lines = [
        f"- Data: {found['data']['source']}, {found['n']} faces",
        f"- {network(model)}",
    ]
    if found["detector"]:
        lines.append(f"- Detector: {found['detector']['name']} ({found['detector']['file']})")
    lines.append("- " + ", ".join(f"{name} {v}" for name, v in found["versions"].items()))
    skipped = found["skipped"]
    if not skipped:
        return "\n".join([*lines, "- Nothing was left out."])
    lines.append(f"- Left out: {left_out(skipped)}")
    more = [("…", f"and {len(skipped) - _MOST_ROWS} more, see metrics.json")]
    rows = [(s["what"], s["why"]) for s in skipped[:_MOST_ROWS]]
    return (
        "\n".join(lines)
        + "\n\n"
        + table(("left out", "why"), rows + (more if len(skipped) > _MOST_ROWS else []))
    )
