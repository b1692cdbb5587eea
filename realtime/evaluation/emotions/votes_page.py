"""The sections of report.md that are about the votes of several raters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moodstream.realtime.evaluation.markdown import number, table

NAMES = {
    "agreement": "Agreement with the majority",
    "agreement_clear": "… where it is clear",
    "agreement_tied": "… a tie counts as agreed",
    "jsd": "JSD to the shares (nats)",
    "kl": "KL to the shares (nats)",
    "ece": "Calibration error of the shares (ECE)",
}


def head(summary: Mapping[str, Any]) -> str:
    """What is most important, in a sentence or two."""
    votes, (low, high) = summary["votes"], summary["accuracy_interval"]
    common, part = max(summary["mix"].items(), key=lambda item: item[1]["true"])
    clear = ""
    if votes["n_clear"]:
        clear = (
            f", and **{votes['agreement_clear']:.1%}** of the {votes['n_clear']} of which more "
            "than half of all raters agree"
        )
    return (
        f"**{votes['agreement']:.1%}** of {votes['n']} faces are classified as most of their "
        f"raters named them (95 % interval {low:.1%} to {high:.1%}){clear}. The predicted "
        f"shares are {votes['jsd']:.3f} nats (JSD) from those of the raters. Always predicting "
        f"“{common}” would agree for {part['true']:.1%}."
    )


def figures(summary: Mapping[str, Any]) -> str:
    """The figures with calibration and without."""
    after, before = summary["votes"], summary["votes"]["uncalibrated"]
    rows = [(name, number(after[key]), number(before[key])) for key, name in NAMES.items()]
    for key, name in (("balanced_accuracy", "Balanced agreement"), ("macro_f1", "Macro-F1")):
        rows.append((name, number(summary[key]), number(summary["uncalibrated"][key])))
    return table(("", "as it runs", "uncalibrated"), rows) + (
        f"\n\nOf {after['n_tied']} faces two or more emotions were named equally often: the first "
        "of them is the majority, in *a tie counts as agreed* any of them. It is clear where more "
        "than half of all raters named it. Balanced agreement and macro-F1 are means over the "
        "emotions of the majority, so that rare ones count as much as common ones. Temperature: "
        f"{number(summary['temperature'])} (1 is uncalibrated)."
    )


def people(summary: Mapping[str, Any]) -> str:
    """How near raters are to each other, and what the data's own labels say."""
    votes = summary["votes"]
    among, own = votes["people"], votes["own_labels"]
    parts = []
    if among["n"]:
        rows = [
            ("half of the raters", "the other half", "half_jsd", "half_agreement"),
            ("the network", "the same halves", "network_jsd", "network_agreement"),
            ("one rater", "most of the others", None, "one_agreement"),
        ]
        parts.append(
            table(
                ("", "against", "JSD (nats)", "agreement"),
                [(a, b, number(among.get(jsd)), number(among[agree])) for a, b, jsd, agree in rows],
            )
            + f"\n\nOf the {among['n']} faces of which {votes['min_raters']} or more raters named "
            "a mood; the raters are split at random. A half is a coarser truth than all of them: "
            "compare the network with the people in these rows."
        )
    else:
        parts.append(
            f"No face has {votes['min_raters']} raters who named a mood, so people cannot be "
            "compared with each other."
        )
    if own:
        parts.append(
            f"The data's own labels: {own['accuracy']:.1%} of {own['n']} faces are classified as "
            f"labelled (balanced {number(own['balanced_accuracy'])}, macro-F1 "
            f"{number(own['macro_f1'])}); most raters agree with the label for "
            f"{own['majority']:.1%}. `--truth labels` judges by them."
        )
    return "\n\n".join(parts)


def classes(summary: Mapping[str, Any]) -> str:
    """A row for each emotion."""
    shares = summary["votes"]["per_class"]
    rows = [
        (
            name,
            part["support"],
            *(number(part[key]) for key in ("recall", "precision", "f1")),
            f"{shares[name]['true']:.1%}",
            f"{shares[name]['predicted']:.1%}",
            number(shares[name]["ratio"], 2),
            number(shares[name]["ece"]),
        )
        for name, part in summary["per_class"].items()
    ]
    columns = (
        *("emotion", "faces", "recall", "precision", "F1", "raters' share"),
        *("predicted share", "predicted / raters'", "ECE of the share"),
    )
    return table(columns, rows) + (
        "\n\nFaces, recall, precision and F1 are those of the majority; shares are means over all "
        "faces. Predicted / raters' above 1 means that group figures lean to the emotion."
    )


def confidence(summary: Mapping[str, Any]) -> str:
    """Whether the predicted shares can be believed."""
    votes = summary["votes"]
    return (
        f"Of a mood that is predicted with a share of 30 % about 30 % of the raters should see it. "
        f"The mean gap is {number(votes['uncalibrated']['ece'])} uncalibrated and "
        f"{number(votes['ece'])} as it runs. A low highest share separates predictions that the "
        "majority does not agree with from the others with AUROC "
        f"{number(summary['uncertainty']['auroc_confidence'])} (0.5 is chance, 1 perfect)."
    )
