"""The folder of results of `moodstream evaluate groups`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from moodstream.realtime import environment
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.datasets.faces import LabelledFaces
from moodstream.realtime.evaluation.groups import coverage_report, drawing
from moodstream.realtime.evaluation.groups.coverage import CoverageStudy
from moodstream.realtime.evaluation.groups.study import (
    BASELINE,
    COMPARED,
    DEFAULT,
    SIZE_BINS,
    STRATEGIES,
    GroupStudySettings,
    Result,
    pooled,
)
from moodstream.realtime.evaluation.markdown import left_out, network, table
from moodstream.realtime.networks.models import ModelInfo
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import finished, write_json

OUTPUTS = (layout.GROUPS, layout.METRICS_REPORT, "by_strategy.png", "by_group_size.png")
CAVEAT = (
    "The faces of these groups are drawn independently. In a real room errors share light and "
    "camera, so what a strategy gains there may be smaller."
)


def metrics(
    results: Sequence[Result],
    faces: LabelledFaces,
    info: ModelInfo,
    settings: GroupStudySettings,
    covered: CoverageStudy | None = None,
) -> dict[str, Any]:
    """All figures for groups.json; ``covered``: how often intervals hold, where it is known."""
    too_few = [EMOTIONS[k] for k in np.flatnonzero(~drawing.drawable(faces.labels))]
    return {
        "results": [_result(result) for result in results],
        "pooled": [_result(result) for result in pooled(results)],
        "intervals": None if covered is None else coverage_report.figures(covered),
        "caveat": CAVEAT,
        "settings": asdict(settings),
        "model": asdict(info),
        "data": {
            "source": faces.source,
            "notes": faces.notes,
            "n": len(faces),
            "skipped": len(faces.skipped),
            "too_few_faces": too_few,
        },
        "skipped": [{"what": what, "why": why} for what, why in faces.skipped],
        "versions": environment.versions(),
    }


def _result(result: Result) -> dict[str, Any]:
    return {
        "label": result.label,
        "mix": result.distribution,
        **asdict(result.condition),
        "groups": len(result.sizes),
        "strategies": {name: _strategy(result, name) for name in STRATEGIES},
        f"{DEFAULT}_against": {name: _comparison(result, name) for name in COMPARED},
    }


def _comparison(result: Result, other: str) -> dict[str, float]:
    difference, error = result.difference(other)
    return {"jsd_difference": round(difference, 6) + 0.0, "jsd_difference_error": round(error, 6)}


def _strategy(result: Result, name: str) -> dict[str, Any]:
    divergences = result.jsd[name]
    size_bins = {
        f"{low}-{high}": round(float(divergences[inside].mean()), 5)
        for low, high in SIZE_BINS
        if (inside := (result.sizes >= low) & (result.sizes <= high)).any()
    }
    return {
        "jsd": round(float(divergences.mean()), 5),
        "jsd_change": round(result.change(name), 4),
        "jsd_change_error": round(result.change_error(name), 4),
        "total_variation": round(float(result.variation[name].mean()), 5),
        "jsd_by_people": size_bins,
    }


def lines(summary: Mapping[str, Any]) -> list[str]:
    """A screen of text: JSD of every strategy, by kind of group."""
    model, data = summary["model"], summary["data"]
    printed = [
        f"Network     {model['name']} (temperature {model['temperature'] or 1:.2f}, "
        f"SHA-256 {_short(model['sha256'])})",
        f"Data        {data['source']}: {data['n']} faces, seed {summary['settings']['seed']}",
        *(f"Note        {note}" for note in data["notes"]),
    ]
    if data["too_few_faces"]:
        printed.append(f"Left out    {_too_few(data)}")
    if summary["skipped"]:
        printed.append(f"Left out    {len(summary['skipped'])} ({left_out(summary['skipped'], 3)})")
    for result in (*summary["results"], *summary["pooled"]):
        printed += ["", _title(result), f"  {'':40}{'JSD':>7}{'change':>9}{'TV':>8}"]
        printed += [
            f"  {name:40}{s['jsd']:7.4f}{s['jsd_change']:+9.1%}{s['total_variation']:8.3f}"
            for name, s in result["strategies"].items()
        ]
        printed += [
            f"  {DEFAULT} - {name}: JSD {_difference(one)}"
            for name, one in result[f"{DEFAULT}_against"].items()
        ]
    if summary["intervals"]:
        printed += ["", *coverage_report.lines(summary["intervals"])]
    return [*printed, "", f"Note        {CAVEAT}"]


def _title(result: Mapping[str, Any]) -> str:
    return f"{result['groups']} groups, {result['label']}"


def _too_few(data: Mapping[str, Any]) -> str:
    return f"{', '.join(data['too_few_faces'])}: fewer than {drawing.MIN_CLASS_FACES} faces"


def _short(sha256: str) -> str:
    """The first digits of each network's checksum."""
    return " ".join(one[:12] for one in sha256.split())


def _difference(one: Mapping[str, float]) -> str:
    return f"{one['jsd_difference']:+.5f} ± {one['jsd_difference_error']:.5f}"


def write(folder: Path, summary: Mapping[str, Any], results: Sequence[Result]) -> None:
    """Write every file of OUTPUTS into a folder that is there, groups.json last."""
    from moodstream.realtime.evaluation.groups import charts

    with finished(folder / "by_strategy.png") as part:
        charts.strategy_chart(results, part)
    with finished(folder / "by_group_size.png") as part:
        charts.group_size_chart(results, part)
    with finished(folder / layout.METRICS_REPORT) as part:
        part.write_text("\n\n".join(_report(summary)) + "\n", encoding="utf-8")
    write_json(folder / layout.GROUPS, summary)


def _report(summary: Mapping[str, Any]) -> Iterator[str]:
    data, settings = summary["data"], summary["settings"]
    yield f"# How well `{summary['model']['name']}` sums up groups made of `{data['source']}`"
    yield (
        f"Groups of {settings['smallest']} to {settings['largest']} people were "
        f"drawn from {data['n']} labelled faces. JSD is the Jensen–Shannon divergence (nats) from "
        "the true distribution of a group to that of a strategy, TV the total variation; change is "
        f"against *{BASELINE}*, with the standard error of a bootstrap over the groups."
    )
    yield CAVEAT
    yield "![By strategy](by_strategy.png)"
    yield "![By group size](by_group_size.png)"
    for result in (*summary["pooled"], *summary["results"]):
        yield f"## {_title(result)}"
        yield _strategies(result)
        yield _comparisons(result)
    if summary["intervals"]:
        yield from coverage_report.sections(summary["intervals"])
    yield "## Data, network and versions"
    yield _sources(summary)


def _strategies(result: Mapping[str, Any]) -> str:
    size_bins = [f"JSD, {low}–{high} people" for low, high in SIZE_BINS]
    rows = (
        [
            name,
            f"{s['jsd']:.4f}",
            f"{s['jsd_change']:+.1%} ± {s['jsd_change_error']:.1%}",
            f"{s['total_variation']:.3f}",
            *(f"{v:.4f}" for v in s["jsd_by_people"].values()),
        ]
        for name, s in result["strategies"].items()
    )
    known = len(next(iter(result["strategies"].values()))["jsd_by_people"])
    return table(["strategy", "JSD", "change", "TV", *size_bins[:known]], rows)


def _comparisons(result: Mapping[str, Any]) -> str:
    against = result[f"{DEFAULT}_against"]
    each = "; ".join(f"against *{name}* {_difference(one)}" for name, one in against.items())
    return (
        f"JSD of *{DEFAULT}* in the same groups, below 0 where it is nearer to the truth: {each}."
    )


def _sources(summary: Mapping[str, Any]) -> str:
    data, settings = summary["data"], summary["settings"]
    lines = [
        f"- Data: {data['source']}, {data['n']} faces",
        *(f"- Note: {note}" for note in data["notes"]),
        f"- {network(summary['model'])}",
        f"- Temperature: {summary['model']['temperature'] or 1:.3f} (1 is uncalibrated)",
        f"- Draws: {settings['draws']} groups of each kind, seed {settings['seed']}",
        "- " + ", ".join(f"{name} {v}" for name, v in summary["versions"].items()),
    ]
    if data["too_few_faces"]:
        lines.append(f"- Emotions left out: {_too_few(data)}")
    skipped = summary["skipped"]
    printed = f"{len(skipped)} ({left_out(skipped)})" if skipped else "none"
    return "\n".join([*lines, f"- Left out: {printed}"])
