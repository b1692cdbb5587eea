"""The HTML report of a set of photos: one file that shows everything without any network."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moodstream.overlays.palette import hex_of
from moodstream.realtime.arrays import Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import UnreadableError
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.jpeg import encode_jpeg
from moodstream.realtime.outputs.report.template import details, template
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.photos import plots
from moodstream.realtime.runs.photos.contributors import said
from moodstream.realtime.runs.photos.faces import BINS
from moodstream.realtime.sources.images import read_picture

if TYPE_CHECKING:
    from moodstream.realtime.runs.photos.results import Results
    from moodstream.realtime.runs.photos.run import PhotoRun

_PAGE = Path(__file__).parent / "photos.html"
_MOST_ROWS = 500  # of a table
_EXAMPLES = 2  # of each of low, medium and high entropy
_EXAMPLE_SIDE = 720


def write_report(
    run: PhotoRun,
    found: Results,
    summary: Mapping[str, Any],
    pictures: Mapping[int, Image],
    out: Path,
) -> None:
    """Write the report; ``pictures`` are the faces that may be shown, by row of faces.parquet."""
    from plotly.offline import get_plotlyjs

    view = _view(run, found, summary, pictures)
    view["library"] = get_plotlyjs()
    out.write_text(template(_PAGE).render(view), encoding="utf-8")


def _view(
    run: PhotoRun,
    found: Results,
    summary: Mapping[str, Any],
    pictures: Mapping[int, Image],
) -> dict[str, Any]:
    """All that the template needs, but for what is the same on every page."""
    return {
        "source": summary["source"],
        "summary": summary,
        "facts": _facts(summary),
        "privacy": run.settings.privacy,
        "charts": _charts(found),
        "examples": _examples(run, found),
        "bins": [_bin(found, kind, pictures) for kind in found.bins],
        "targets": [_target(found, each, pictures) for each in found.targets],
        "photos": found.photos.slice(0, _MOST_ROWS).to_pylist(),
        "moods": list(EMOTIONS),
        "colour": {name: hex_of(name) for name in EMOTIONS},
        "symbols": list(plots.SYMBOLS.values()),
        "kinds": plots.KINDS,
        "bin_colours": plots.BIN_COLOURS,
        "most_rows": _MOST_ROWS,
        "failures": found.failures[:_MOST_ROWS],
        "details": details(summary, "quality"),
    }


def _facts(summary: Mapping[str, Any]) -> list[tuple[str, str, str, str | None]]:
    """The head of the page: (what, figure, remark, mood that colours it)."""
    counts, mix, entropy = summary["counts"], summary["mix"]["weighted"], summary["entropy"]
    failed = f", {counts['failed']} not readable" if counts["failed"] else ""
    found: list[tuple[str, str, str, str | None]] = [
        ("Photos", f"{counts['photos']}", f"{counts['without_faces']} without faces{failed}", None),
        ("Faces", f"{counts['faces']}", f"{counts['faces_used']} of them count", None),
    ]
    if mix is not None:
        mood = max(mix, key=mix.__getitem__)
        share = f"{mix[mood]:.0%} of a photo on average"
        found.append(("Mood shown most", mood, share, mood))
    if entropy is not None:
        remark = f"± {entropy['sd']:.2f} nats, at most {entropy['max']:.2f}"
        found.append(("Mean entropy", f"{entropy['mean']:.2f} nats", remark, None))
    return found


def _charts(found: Results) -> dict[str, Any]:
    """All charts that these results have."""
    entropy, peak = found.column("entropy"), found.column("peak")
    known = np.flatnonzero(np.isfinite(entropy))
    charts: dict[str, Any] = {}
    if found.faces is not None and len(found.faces):
        quality = found.faces["quality"].to_numpy()
        charts["quality"] = plots.quality_histogram(quality, found.faces["bin"].to_pylist(), BINS)
    mixes = {kind: mix for kind, _ in plots.KINDS if (mix := found.mix(kind)) is not None}
    if not mixes:
        return charts
    names = [found.photos["photo"][int(i)].as_py() for i in known]
    dominant = [found.photos["dominant"][int(i)].as_py() for i in known]
    entropy, peak, used = entropy[known], peak[known], found.column("faces_used")[known]
    charts |= {
        "mix": plots.mix_chart(mixes),
        "histogram": plots.entropy_histogram(entropy),
        "scatter": plots.entropy_and_peak(entropy, peak, dominant, names),
        "dominant": plots.entropy_by_dominant(entropy, dominant, names),
        "size-entropy": plots.by_group_size(used, entropy, names, found.size_bins, peak=False),
        "size-peak": plots.by_group_size(used, peak, names, found.size_bins, peak=True),
    }
    if found.stability:
        charts["stability"] = plots.stability_chart(found.stability)
    for each in found.targets:
        charts[f"adds-{each.emotion}"] = plots.contribution_histogram(each)
    return charts


def _examples(run: PhotoRun, found: Results) -> list[tuple[str, list[dict[str, str]]]]:
    """Annotated photos of low, medium and high entropy, none twice, real groups first."""
    from moodstream.realtime.runs.photos.names import picture_name

    if not run.settings.pictures or not run.settings.privacy.keeps_individuals:
        return []
    entropy, used = found.column("entropy"), found.column("faces_used")
    rows = np.flatnonzero(np.isfinite(entropy) & (used >= Privacy.GROUP.min_group))
    if len(rows) < 3:
        rows = np.flatnonzero(np.isfinite(entropy))
    order = rows[np.argsort(entropy[rows], kind="stable")]
    each = min(_EXAMPLES, -(-len(order) // 3))
    middle = max(0, (len(order) - each) // 2)
    shares = {"Low": order[:each], "Medium": order[middle:][:each], "High": order[::-1][:each]}
    taken: set[int] = set()
    examples = []
    for title, chosen in shares.items():
        shown = []
        for row in [int(i) for i in chosen if i not in taken]:
            taken.add(row)
            name = found.photos["photo"][row].as_py()
            try:
                picture = read_picture(
                    run.folder / layout.ANNOTATED / picture_name(name), _EXAMPLE_SIDE
                )
            except UnreadableError:  # taken away in the meantime: the figures stand without it
                continue
            mood, peak = found.photos["dominant"][row].as_py(), found.column("peak")[row]
            caption = f"{name}: {entropy[row]:.2f} nats, {mood} {peak:.0%}, {used[row]:.0f} faces"
            shown.append({"jpeg": _jpeg(picture), "caption": caption})
        if shown:
            examples.append((title, shown))
    return examples


def _bin(found: Results, kind: Any, pictures: Mapping[int, Image]) -> dict[str, Any]:
    faces = []
    for row in kind.rows:
        _, _, quality, side, blur = said(found.faces, row)
        if row in pictures:
            words = [f"{quality:.2f}, {side:.0f} px", f"blur {blur:.0f}"]
            faces.append({"jpeg": _jpeg(pictures[row]), "lines": words})
    return {"name": kind.name, "count": kind.count, "share": kind.share, "faces": faces}


def _target(found: Results, each: Any, pictures: Mapping[int, Image]) -> dict[str, Any]:
    sides = {}
    for name, top in each.top.items():
        sides[name] = [
            {"jpeg": _jpeg(pictures[row]), "lines": _adds(found, each.emotion, row, share)}
            for row, share in top
            if row in pictures
        ]
    shares = {"weighted": each.weighted.sum(), "unweighted": each.unweighted.sum()}
    return {"emotion": each.emotion, "sides": sides, "shares": shares, "faces": len(each.rows)}


def _adds(found: Results, emotion: str, row: int, share: float) -> list[str]:
    assert found.faces is not None
    p, quality = found.faces[f"p_{emotion}"][row].as_py(), said(found.faces, row)[2]
    return [f"adds {100 * share:.2g} %", f"p {p:.2f}, q {quality:.2f}"]


def _jpeg(picture: Image) -> str:
    return base64.b64encode(encode_jpeg(picture, "report")).decode()
