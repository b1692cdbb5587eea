"""The folders of results of `moodstream evaluate stability` and `evaluate entropy`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from moodstream.realtime import environment
from moodstream.realtime.analysis.group import diversity
from moodstream.realtime.analysis.group.diversity import Measured, Row
from moodstream.realtime.analysis.group.reference import ENTROPY, ENTROPY_ALL, STABILITY
from moodstream.realtime.analysis.group.stability import DRAWS, Step
from moodstream.realtime.evaluation.emotions.report import plain
from moodstream.realtime.evaluation.markdown import left_out, network, number, table
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import finished, write_json

STABILITY_OUTPUTS = (layout.METRICS, layout.METRICS_REPORT, "stability.png")
ENTROPY_OUTPUTS = (layout.METRICS, layout.METRICS_REPORT, "entropy.png", "by_group_size.png")
REFERENCE = "reference: the notebook's own photos and networks, so compare the shape"


@dataclass(frozen=True)
class Source:
    """What the groups were made of: the data, how, the network as a dict or None, the rest."""

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


def stability_metrics(steps: Sequence[Step], groups: int, source: Source) -> dict[str, Any]:
    """All figures of the stability curve for metrics.json; what is undefined is None."""
    curve = [
        {**asdict(step), "reference": STABILITY.get(step.faces, (None, None))[0]} for step in steps
    ]
    found: dict[str, Any] = plain(
        {"groups": groups, "draws": DRAWS, "curve": curve, "source": source.figures()}
    )
    return found


def entropy_metrics(found: Measured, source: Source) -> dict[str, Any]:
    """All figures of the entropies for metrics.json; what is undefined is None."""
    sizes = diversity.by_size(found)
    mean, sd, most = ENTROPY_ALL
    done: dict[str, Any] = plain(
        {
            "all": {
                **asdict(diversity.row(found)),
                "reference": {"entropy": mean, "entropy_sd": sd, "most": most},
            },
            "by_size": {_band(b): _with_reference(b, row) for b, row in sizes.items()},
            "by_dominant": {n: asdict(row) for n, row in diversity.by_dominant(found).items()},
            "source": source.figures(),
        }
    )
    return done


def stability_lines(found: Mapping[str, Any]) -> list[str]:
    """A screen of text: the curve beside the reference."""
    head = f"{'faces':>7}{'groups':>8}{'weighted':>10}{'unweighted':>12}{'reference':>11}"
    return [
        *_head(found),
        "",
        f"JSD of some faces to the whole group, nats, mean over the groups ({DRAWS} draws each)",
        head,
        *(
            f"{s['faces']:>7}{s['groups']:>8}{s['weighted']:>10.4f}{s['unweighted']:>12.4f}"
            f"{number(s['reference'], 4):>11}"
            for s in found["curve"]
        ),
        "",
        f"({REFERENCE})",
    ]


def entropy_lines(found: Mapping[str, Any]) -> list[str]:
    """A screen of text: entropy and peak by group size beside the reference."""
    whole = found["all"]
    width = (8, 8, 17, 8, 20, 10, 8)
    head = ("faces", "groups", "entropy", "peak", "reference entropy", "its peak", "true")
    rows = [
        [band, r["groups"], _spread(r), number(r["peak"]), _spread(r["reference"]),
         number(r["reference"]["peak"]), number(r["true_entropy"])]
        for band, r in found["by_size"].items()
    ]  # fmt: skip
    rows.append(
        ["all", whole["groups"], _spread(whole), number(whole["peak"]),
         _spread(whole["reference"]), "–", number(whole["true_entropy"])]
    )  # fmt: skip
    told = [
        "".join(f"{cell!s:>{w}}" for cell, w in zip(r, width, strict=True)) for r in [head, *rows]
    ]
    most = f"highest entropy {whole['most']:.3f}, reference {whole['reference']['most']:.3f}"
    note = "true: the entropy of the labels, where they are known" if _truth(found) else ""
    return [*_head(found), "", *told, "", most, *filter(None, [note]), f"({REFERENCE})"]


def write_stability(folder: Path, found: Mapping[str, Any], steps: Sequence[Step]) -> None:
    """Write every file of STABILITY_OUTPUTS into a folder that is there, metrics.json last."""
    from moodstream.realtime.evaluation.groups import size_charts

    with finished(folder / "stability.png") as part:
        size_charts.stability_chart(steps, part)
    _write(folder, found, _stability_report(found))


def write_entropy(folder: Path, found: Mapping[str, Any], measured: Measured) -> None:
    """Write every file of ENTROPY_OUTPUTS into a folder that is there, metrics.json last."""
    from moodstream.realtime.evaluation.groups import size_charts

    with finished(folder / "entropy.png") as part:
        size_charts.entropy_chart(measured, part)
    with finished(folder / "by_group_size.png") as part:
        size_charts.group_size_chart(diversity.by_size(measured), part)
    _write(folder, found, _entropy_report(found))


def _write(folder: Path, found: Mapping[str, Any], report: Iterator[str]) -> None:
    with finished(folder / layout.METRICS_REPORT) as part:
        part.write_text("\n\n".join(report) + "\n", encoding="utf-8")
    write_json(folder / layout.METRICS, found)


def _stability_report(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"# How stable groups of `{found['source']['data']}` are"
    yield (
        f"From each of {found['groups']} groups that has more than k faces, k were drawn "
        f"{found['draws']} times. JSD is the Jensen–Shannon divergence (nats, at most 0.693) of "
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
            for s in found["curve"]
        ),
    )
    yield f"{REFERENCE[:1].upper()}{REFERENCE[1:]}."
    yield "## What was read, and by what"
    yield _sources(found["source"])


def _entropy_report(found: Mapping[str, Any]) -> Iterator[str]:
    whole = found["all"]
    yield f"# How mixed groups of `{found['source']['data']}` look"
    yield (
        f"{whole['groups']} groups; the entropy (nats, at most 1.946) is that of the weighted "
        "distribution, the peak its largest share, ± the standard deviation over the groups. "
        "Entropy is diversity, not weakness: a low one from one or two faces says little."
    )
    yield "![By group size](by_group_size.png)"
    yield "![Entropy](entropy.png)"
    yield "## By group size"
    head = ["faces", "groups", "entropy", "peak", "reference: entropy", "peak"]
    rows = [
        [band, r["groups"], _spread(r), number(r["peak"]), _spread(r["reference"]),
         number(r["reference"]["peak"])]
        for band, r in found["by_size"].items()
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
    if _truth(found):
        head.append("entropy of the labels")
        parts = [*found["by_size"].values(), whole]
        rows = [[*r, number(p["true_entropy"])] for r, p in zip(rows, parts, strict=True)]
    yield table(head, rows)
    yield (
        f"The highest entropy is {whole['most']:.3f}, the reference's "
        f"{whole['reference']['most']:.3f}. {REFERENCE[:1].upper()}{REFERENCE[1:]}."
    )
    yield "## By dominant emotion"
    yield table(
        ("dominant", "groups", "entropy", "peak"),
        ((n, r["groups"], _spread(r), number(r["peak"])) for n, r in found["by_dominant"].items()),
    )
    yield "## What was read, and by what"
    yield _sources(found["source"])


def _head(found: Mapping[str, Any]) -> list[str]:
    source = found["source"]
    model = source["model"]
    told = (
        [f"Network     {model['name']} (temperature {number(model['temperature'], 2)})"]
        if model
        else []
    )
    told.append(f"Data        {source['data']}: {source['how']}")
    told += [f"Note        {note}" for note in source["notes"]]
    if source["skipped"]:
        told.append(f"Left out    {len(source['skipped'])} ({left_out(source['skipped'], 3)})")
    return told


def _sources(source: Mapping[str, Any]) -> str:
    lines = [f"- Data: {source['data']}: {source['how']}, seed {source['seed']}"]
    lines += [f"- Note: {note}" for note in source["notes"]]
    if source["model"]:
        lines.append(f"- {network(source['model'])}")
    lines.append("- " + ", ".join(f"{name} {v}" for name, v in source["versions"].items()))
    if source["skipped"]:
        lines.append(f"- Left out: {len(source['skipped'])} ({left_out(source['skipped'])})")
    return "\n".join(lines)


def _band(band: tuple[int, int]) -> str:
    return f"{band[0]}–{band[1]}"


def _with_reference(band: tuple[int, int], row: Row) -> dict[str, Any]:
    mean, sd, peak = ENTROPY[band]
    return {**asdict(row), "reference": {"entropy": mean, "entropy_sd": sd, "peak": peak}}


def _spread(row: Mapping[str, Any]) -> str:
    return f"{row['entropy']:.3f} ± {number(row['entropy_sd'])}"


def _truth(found: Mapping[str, Any]) -> bool:
    return found["all"]["true_entropy"] is not None
