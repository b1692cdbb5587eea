"""The folders of results of `moodstream evaluate stability` and `evaluate entropy`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from moodstream.realtime import environment
from moodstream.realtime.analysis.group import diversity
from moodstream.realtime.analysis.group.diversity import DiversityRow, GroupDiversity
from moodstream.realtime.analysis.group.reference import ENTROPY, ENTROPY_ALL, STABILITY
from moodstream.realtime.analysis.group.stability import DRAWS, StabilityStep
from moodstream.realtime.evaluation.emotions.report import plain
from moodstream.realtime.evaluation.markdown import left_out, network, number, table
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import finished, write_json

STABILITY_OUTPUTS = (layout.METRICS, layout.METRICS_REPORT, "stability.png")
ENTROPY_OUTPUTS = (layout.METRICS, layout.METRICS_REPORT, "entropy.png", "by_group_size.png")
REFERENCE_NOTE = "reference: other photos and networks, so compare shapes and not values"
"""What the reference figures are of, see ``analysis.group.reference``."""


@dataclass(frozen=True)
class Source:
    """What the groups were made of.

    Attributes:
        data: The name of the data set.
        how: How the groups were made, in a few words.
        seed: Of the random numbers.
        model: The network as a dict, None where none ran.
        notes: What was chosen for the user.
        skipped: What was left out, as (what, why).
    """

    data: str
    how: str
    seed: int
    model: Mapping[str, Any] | None = None
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()

    def figures(self) -> dict[str, Any]:
        """For metrics.json."""
        skipped = [{"what": what, "why": why} for what, why in self.skipped]
        return {**asdict(self), "skipped": skipped, "versions": environment.versions()}


def stability_metrics(
    steps: Sequence[StabilityStep], groups: int, source: Source
) -> dict[str, Any]:
    """All figures of the stability curve for metrics.json; what is undefined is None."""
    curve = [
        {**asdict(step), "reference": STABILITY.get(step.faces, (None, None))[0]} for step in steps
    ]
    summary: dict[str, Any] = plain(
        {"groups": groups, "draws": DRAWS, "curve": curve, "source": source.figures()}
    )
    return summary


def entropy_metrics(groups: GroupDiversity, source: Source) -> dict[str, Any]:
    """All figures of the entropies for metrics.json; what is undefined is None."""
    sizes = diversity.by_size(groups)
    mean, sd, largest = ENTROPY_ALL
    summary: dict[str, Any] = plain(
        {
            "all": {
                **asdict(diversity.summarize(groups)),
                "reference": {"entropy": mean, "entropy_sd": sd, "most": largest},
            },
            "by_size": {_bin_label(b): _with_reference(b, row) for b, row in sizes.items()},
            "by_dominant": {n: asdict(row) for n, row in diversity.by_dominant(groups).items()},
            "source": source.figures(),
        }
    )
    return summary


def stability_lines(summary: Mapping[str, Any]) -> list[str]:
    """A screen of text: the curve beside the reference."""
    head = f"{'faces':>7}{'groups':>8}{'weighted':>10}{'unweighted':>12}{'reference':>11}"
    return [
        *_head(summary),
        "",
        f"JSD of some faces to the whole group, nats, mean over the groups ({DRAWS} draws each)",
        head,
        *(
            f"{s['faces']:>7}{s['groups']:>8}{s['weighted']:>10.4f}{s['unweighted']:>12.4f}"
            f"{number(s['reference'], 4):>11}"
            for s in summary["curve"]
        ),
        "",
        f"({REFERENCE_NOTE})",
    ]


def entropy_lines(summary: Mapping[str, Any]) -> list[str]:
    """A screen of text: entropy and peak by group size beside the reference."""
    whole = summary["all"]
    width = (8, 8, 17, 8, 20, 10, 8)
    head = ("faces", "groups", "entropy", "peak", "reference entropy", "its peak", "true")
    rows = [
        [size_bin, r["groups"], _spread(r), number(r["peak"]), _spread(r["reference"]),
         number(r["reference"]["peak"]), number(r["true_entropy"])]
        for size_bin, r in summary["by_size"].items()
    ]  # fmt: skip
    rows.append(
        ["all", whole["groups"], _spread(whole), number(whole["peak"]),
         _spread(whole["reference"]), "–", number(whole["true_entropy"])]
    )  # fmt: skip
    printed = [
        "".join(f"{cell!s:>{w}}" for cell, w in zip(r, width, strict=True)) for r in [head, *rows]
    ]
    largest = f"highest entropy {whole['most']:.3f}, reference {whole['reference']['most']:.3f}"
    note = "true: the entropy of the labels or of the votes" if _truth(summary) else ""
    return [
        *_head(summary),
        "",
        *printed,
        "",
        largest,
        *filter(None, [note]),
        f"({REFERENCE_NOTE})",
    ]


def write_stability(
    folder: Path, summary: Mapping[str, Any], steps: Sequence[StabilityStep]
) -> None:
    """Write every file of STABILITY_OUTPUTS into a folder that is there, metrics.json last."""
    from moodstream.realtime.evaluation.groups import size_charts

    with finished(folder / "stability.png") as part:
        size_charts.stability_chart(steps, part)
    _write(folder, summary, _stability_report(summary))


def write_entropy(folder: Path, summary: Mapping[str, Any], measured: GroupDiversity) -> None:
    """Write every file of ENTROPY_OUTPUTS into a folder that is there, metrics.json last."""
    from moodstream.realtime.evaluation.groups import size_charts

    with finished(folder / "entropy.png") as part:
        size_charts.entropy_chart(measured, part)
    with finished(folder / "by_group_size.png") as part:
        size_charts.group_size_chart(diversity.by_size(measured), part)
    _write(folder, summary, _entropy_report(summary))


def _write(folder: Path, summary: Mapping[str, Any], report: Iterator[str]) -> None:
    with finished(folder / layout.METRICS_REPORT) as part:
        part.write_text("\n\n".join(report) + "\n", encoding="utf-8")
    write_json(folder / layout.METRICS, summary)


def _stability_report(summary: Mapping[str, Any]) -> Iterator[str]:
    yield f"# How stable groups of `{summary['source']['data']}` are"
    yield (
        f"From each of {summary['groups']} groups that has more than k faces, k were drawn "
        f"{summary['draws']} times. JSD is the Jensen–Shannon divergence (nats, at most 0.693) of "
        "the drawn faces' distribution to that of the whole group; the error is that of the mean "
        "over the groups."
    )
    yield "![Stability](stability.png)"
    yield table(
        ("faces", "groups", "JSD, weighted", "JSD, unweighted", "reference"),
        (
            (
                s["faces"],
                s["groups"],
                f"{s['weighted']:.4f} ± {number(s['weighted_error'], 4)}",
                f"{s['unweighted']:.4f} ± {number(s['unweighted_error'], 4)}",
                number(s["reference"], 4),
            )
            for s in summary["curve"]
        ),
    )
    yield f"{REFERENCE_NOTE[:1].upper()}{REFERENCE_NOTE[1:]}."
    yield "## Data, network and versions"
    yield _sources(summary["source"])


def _entropy_report(summary: Mapping[str, Any]) -> Iterator[str]:
    whole = summary["all"]
    yield f"# How diverse groups of `{summary['source']['data']}` are"
    yield (
        f"{whole['groups']} groups; the entropy (nats, at most 1.946) is that of the weighted "
        "distribution, the peak its largest share, ± the standard deviation over the groups. "
        "Entropy is diversity, not weakness: a low one from one or two faces proves little."
    )
    yield "![By group size](by_group_size.png)"
    yield "![Entropy](entropy.png)"
    yield "## By group size"
    head = ["faces", "groups", "entropy", "peak", "reference: entropy", "peak"]
    rows = [
        [size_bin, r["groups"], _spread(r), number(r["peak"]), _spread(r["reference"]),
         number(r["reference"]["peak"])]
        for size_bin, r in summary["by_size"].items()
    ]  # fmt: skip
    rows.append(
        [
            "all",
            whole["groups"],
            _spread(whole),
            number(whole["peak"]),
            _spread(whole["reference"]),
            "–",
        ]
    )
    if _truth(summary):
        head.append("true entropy")
        parts = [*summary["by_size"].values(), whole]
        rows = [[*r, number(p["true_entropy"])] for r, p in zip(rows, parts, strict=True)]
    yield table(head, rows)
    yield (
        f"The highest entropy is {whole['most']:.3f}, the reference's "
        f"{whole['reference']['most']:.3f}. {REFERENCE_NOTE[:1].upper()}{REFERENCE_NOTE[1:]}."
    )
    yield "## By dominant emotion"
    yield table(
        ("dominant", "groups", "entropy", "peak"),
        (
            (n, r["groups"], _spread(r), number(r["peak"]))
            for n, r in summary["by_dominant"].items()
        ),
    )
    yield "## Data, network and versions"
    yield _sources(summary["source"])


def _head(summary: Mapping[str, Any]) -> list[str]:
    source = summary["source"]
    model = source["model"]
    printed = (
        [f"Network     {model['name']} (temperature {number(model['temperature'], 2)})"]
        if model
        else []
    )
    printed.append(f"Data        {source['data']}: {source['how']}")
    printed += [f"Note        {note}" for note in source["notes"]]
    if source["skipped"]:
        printed.append(f"Left out    {len(source['skipped'])} ({left_out(source['skipped'], 3)})")
    return printed


def _sources(source: Mapping[str, Any]) -> str:
    lines = [f"- Data: {source['data']}: {source['how']}, seed {source['seed']}"]
    lines += [f"- Note: {note}" for note in source["notes"]]
    if source["model"]:
        lines.append(f"- {network(source['model'])}")
    lines.append("- " + ", ".join(f"{name} {v}" for name, v in source["versions"].items()))
    if source["skipped"]:
        lines.append(f"- Left out: {len(source['skipped'])} ({left_out(source['skipped'])})")
    return "\n".join(lines)


def _bin_label(size_bin: tuple[int, int]) -> str:
    return f"{size_bin[0]}–{size_bin[1]}"


def _with_reference(size_bin: tuple[int, int], row: DiversityRow) -> dict[str, Any]:
    mean, sd, peak = ENTROPY[size_bin]
    return {**asdict(row), "reference": {"entropy": mean, "entropy_sd": sd, "peak": peak}}


def _spread(row: Mapping[str, Any]) -> str:
    return f"{row['entropy']:.3f} ± {number(row['entropy_sd'])}"


def _truth(summary: Mapping[str, Any]) -> bool:
    return summary["all"]["true_entropy"] is not None
