"""The HTML report of a set of photos: one file that shows everything without any network."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from moodstream.overlays.palette import hex_of
from moodstream.realtime.analysis.people.quality import QUALITY_BINS
from moodstream.realtime.arrays import Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import UnreadableImageError
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.jpeg import encode_jpeg
from moodstream.realtime.outputs.report.formatting import counted, percent
from moodstream.realtime.outputs.report.template import details, template
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.photos import plots
from moodstream.realtime.runs.photos.columns import DISTRIBUTIONS, peak_interval
from moodstream.realtime.runs.photos.contributors import (
    Contributors,
    QualityBin,
    limits_in_words,
    measures,
)
from moodstream.realtime.runs.photos.names import picture_name
from moodstream.realtime.runs.photos.results import Results
from moodstream.realtime.runs.photos.schemas import PhotosSummary
from moodstream.realtime.runs.photos.settings import PhotoRunSettings
from moodstream.realtime.sources.images import read_picture

_PAGE = Path(__file__).parent / "photos.html"
_MAX_TABLE_ROWS = 500
_EXAMPLES = 2  # of each of low, medium and high entropy
_EXAMPLE_SIDE_PX = 720


def write_report(
    results: Results,
    settings: PhotoRunSettings,
    folder: Path,
    summary: PhotosSummary,
    pictures: Mapping[int, Image],
    out: Path,
) -> None:
    """Write the report of a run.

    Args:
        results: Its figures.
        settings: What it depended on.
        folder: Where its annotated photos are.
        summary: What is written as summary.json.
        pictures: The faces that may be shown, by row of faces.parquet.
        out: The file to write.
    """
    from plotly.offline import get_plotlyjs

    view = _view(results, settings, summary, pictures)
    view["examples"] = _examples(results, folder) if settings.annotates else []
    view["library"] = get_plotlyjs()
    out.write_text(template(_PAGE).render(view), encoding="utf-8")


def _view(
    results: Results,
    settings: PhotoRunSettings,
    summary: PhotosSummary,
    pictures: Mapping[int, Image],
) -> dict[str, Any]:
    """What the template needs of the figures."""
    return {
        "source": summary["source"],
        "summary": summary,
        "facts": _facts(summary),
        "privacy": settings.privacy.value,
        "charts": _charts(results),
        "bins": [_bin(results, kind, pictures) for kind in results.quality_bins],
        "bin_limits": limits_in_words(),
        "targets": [_target(results, each, pictures) for each in results.targets],
        "peak_interval": peak_interval,
        "photos": results.photos.slice(0, _MAX_TABLE_ROWS).to_pylist(),
        "moods": list(EMOTIONS),
        "colour": {name: hex_of(name) for name in EMOTIONS},
        "symbols": list(plots.SYMBOLS.values()),
        "kinds": plots.KINDS,
        "bin_colours": plots.BIN_COLOURS,
        "max_rows": _MAX_TABLE_ROWS,
        "failures": results.failures[:_MAX_TABLE_ROWS],
        "details": details(summary, "quality"),
    }


def _facts(summary: PhotosSummary) -> list[tuple[str, str, str, str | None]]:
    """The head of the page: (title, figure, remark, mood that colours it)."""
    counts, shares, entropy = summary["counts"], summary["mix"]["probs"], summary["entropy"]
    failed = f", {counts['failed']} not readable" if counts["failed"] else ""
    facts: list[tuple[str, str, str, str | None]] = [
        ("Photos", f"{counts['photos']}", f"{counts['without_faces']} without faces{failed}", None),
        ("Faces", f"{counts['faces']}", f"{counts['faces_used']} of them count", None),
    ]
    if shares is not None:
        mood = max(shares, key=shares.__getitem__)
        share = f"{shares[mood]:.0%} of a photo on average"
        facts.append(("Mood shown most", mood, share, mood))
    if entropy is not None:
        remark = f"± {entropy['sd']:.2f} nats, at most {entropy['max']:.2f}"
        facts.append(("Mean entropy", f"{entropy['mean']:.2f} nats", remark, None))
    return facts


def _charts(results: Results) -> dict[str, Any]:
    """By their ids all charts for which there are figures."""
    entropy, peak = results.column("entropy"), results.column("peak")
    known = np.flatnonzero(np.isfinite(entropy))
    charts: dict[str, Any] = {}
    if results.faces is not None and len(results.faces):
        quality, bins = results.faces["quality"].to_numpy(), results.faces["bin"].to_pylist()
        charts["quality"] = plots.quality_histogram(quality, bins, QUALITY_BINS)
    distributions = [results.distribution(kind) for kind in DISTRIBUTIONS]
    known_distributions = [each for each in distributions if each is not None]
    if len(known_distributions) < len(distributions):
        return charts
    names = [results.photos["photo"][int(i)].as_py() for i in known]
    dominant = [results.photos["dominant"][int(i)].as_py() for i in known]
    entropy, peak, used = entropy[known], peak[known], results.column("faces_used")[known]
    charts |= {
        "mix": plots.distribution_chart(known_distributions),
        "histogram": plots.entropy_histogram(entropy),
        "scatter": plots.entropy_and_peak(entropy, peak, dominant, names),
        "dominant": plots.entropy_by_dominant(entropy, dominant, names),
        "size-entropy": plots.by_group_size(used, entropy, names, results.size_bins, peak=False),
        "size-peak": plots.by_group_size(used, peak, names, results.size_bins, peak=True),
    }
    if results.stability:
        charts["stability"] = plots.stability_chart(results.stability)
    for each in results.targets:
        charts[f"adds-{each.emotion}"] = plots.contribution_histogram(each)
    return charts


def _examples(results: Results, folder: Path) -> list[tuple[str, list[dict[str, str]]]]:
    """Annotated photos of low, medium and high entropy, none twice, real groups first."""
    entropy, used = results.column("entropy"), results.column("faces_used")
    rows = np.flatnonzero(np.isfinite(entropy) & (used >= Privacy.GROUP.min_group))
    if len(rows) < 3:
        rows = np.flatnonzero(np.isfinite(entropy))
    order = rows[np.argsort(entropy[rows], kind="stable")]
    each = min(_EXAMPLES, -(-len(order) // 3))
    middle = max(0, (len(order) - each) // 2)
    shares = {"Low": order[:each], "Medium": order[middle:][:each], "High": order[::-1][:each]}
    peaks = results.column("peak")
    taken: set[int] = set()
    examples = []
    for title, chosen in shares.items():
        shown = []
        for row in [int(i) for i in chosen if i not in taken]:
            taken.add(row)
            name = results.photos["photo"][row].as_py()
            try:
                picture = read_picture(
                    folder / layout.ANNOTATED / picture_name(name), _EXAMPLE_SIDE_PX
                )
            except UnreadableImageError:  # deleted in the meantime: the figures stand without it
                continue
            mood, peak = results.photos["dominant"][row].as_py(), peaks[row]
            faces = counted(round(used[row]), "face")
            share = percent(peak, peak_interval(results.photos.slice(row, 1).to_pylist()[0]))
            caption = f"{name}: {entropy[row]:.2f} nats, {mood} {share}, {faces}"
            shown.append({"jpeg": _jpeg(picture), "caption": caption})
        if shown:
            examples.append((title, shown))
    return examples


def _bin(results: Results, kind: QualityBin, pictures: Mapping[int, Image]) -> dict[str, Any]:
    faces = []
    for row in kind.rows:
        quality, side, blur = measures(results.faces, row)
        if row in pictures:
            words = [f"{quality:.2f}, {side:.0f} px", f"blur {blur:.0f}"]
            faces.append({"jpeg": _jpeg(pictures[row]), "lines": words})
    return {"name": kind.name, "count": kind.count, "share": kind.share, "faces": faces}


def _target(results: Results, each: Contributors, pictures: Mapping[int, Image]) -> dict[str, Any]:
    sides = {}
    for name, top in each.top.items():
        sides[name] = [
            {"jpeg": _jpeg(pictures[row]), "lines": _adds(results, each.emotion, row, share)}
            for row, share in top
            if row in pictures
        ]
    shares = {"weighted": each.weighted.sum(), "unweighted": each.unweighted.sum()}
    return {"emotion": each.emotion, "sides": sides, "shares": shares, "faces": len(each.rows)}


def _adds(results: Results, emotion: str, row: int, share: float) -> list[str]:
    assert results.faces is not None  # there are no contributors without faces
    p, quality = results.faces[f"p_{emotion}"][row].as_py(), measures(results.faces, row)[0]
    return [f"adds {100 * share:.2g} %", f"p {p:.2f}, q {quality:.2f}"]


def _jpeg(picture: Image) -> str:
    return base64.b64encode(encode_jpeg(picture, "report")).decode()
