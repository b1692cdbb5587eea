"""The sections of report.md that are about labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moodstream.realtime.evaluation.markdown import number, table

NAMES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro-F1",
    "cross_entropy": "Cross-entropy (nats)",
    "ece": "Calibration error (ECE)",
}


def head(summary: Mapping[str, Any]) -> str:
    """What is most important, in a sentence or two."""
    low, high = summary["accuracy_interval"]
    common = max(summary["mix"].items(), key=lambda item: item[1]["true"])
    return (
        f"**{summary['accuracy']:.1%}** of {summary['n']} faces are classified as "
        f"labelled (95 % interval {low:.1%} to {high:.1%}). Always predicting “{common[0]}” would "
        f"be right for {common[1]['true']:.1%}."
    )


def figures(summary: Mapping[str, Any]) -> str:
    """The figures with calibration and without."""
    before = summary["uncalibrated"]
    rows = [(name, number(summary[key]), number(before[key])) for key, name in NAMES.items()]
    return (
        table(("", "as it runs", "uncalibrated"), rows)
        + "\n\nBalanced accuracy and macro-F1 are means over the emotions that occur, so that rare "
        "ones count as much as common ones. Temperature: "
        f"{number(summary['temperature'])} (1 is uncalibrated)."
    )


def classes(summary: Mapping[str, Any]) -> str:
    """A row for each emotion."""
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
    columns = (
        *("emotion", "faces", "recall", "precision", "F1", "cross-entropy", "ECE"),
        *("true", "predicted", "predicted / true"),
    )
    return table(columns, rows) + (
        "\n\nCross-entropy (nats) and ECE are those of the faces with that label. Predicted "
        "/ true above 1 means that the emotion is predicted too often: group figures lean to it."
    )


def confidence(summary: Mapping[str, Any]) -> str:
    """Whether its confidence can be believed."""
    uncertainty = summary["uncertainty"]
    return (
        f"ECE is {number(summary['uncalibrated']['ece'])} uncalibrated and "
        f"{number(summary['ece'])} as it runs: so far is the confidence from the accuracy on "
        "average. A low confidence separates wrong predictions from right ones with AUROC "
        f"{number(uncertainty['auroc_confidence'])} "
        "(0.5 is chance, 1 perfect)."
    )
