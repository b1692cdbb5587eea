"""The report: complete in one file, nothing from the network, honest with little or odd data."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from plotly.offline import get_plotlyjs

from moodstream.realtime.emotions import EMOTIONS, EXTRAS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs.recording.writer import (
    PEOPLE_COLUMNS,
    ROW_INTERVAL_S,
    TIMELINE_COLUMNS,
    _schema,
)
from moodstream.realtime.outputs.report.charts import group_chart
from moodstream.realtime.outputs.report.data import MAX_LANES, Timeline, read_lanes
from moodstream.realtime.outputs.report.page import write_report
from moodstream.realtime.outputs.report.stills import KeyStill
from moodstream.realtime.outputs.schemas import INTERVALS

SAD, HAPPY = EMOTIONS.index("sad"), EMOTIONS.index("happy")
HOSTILE = "<img src=x onerror=alert(1)>&\"'</script><script>alert(2)</script>.mp4"


def mostly(index: int, share: float = 0.7) -> np.ndarray:
    probs = np.full(7, (1 - share) / 6)
    probs[index] = share
    return probs


def write_table(path: Path, columns: tuple[str, ...], rows: dict[str, Any], group: int) -> None:
    pq.write_table(pa.table(rows, schema=_schema(columns)), path, row_group_size=group)


def make_timeline(
    folder: Path,
    n: int,
    people: int,
    blank: slice = slice(0, 0),
    affect: bool = False,
    older: bool = False,
) -> None:
    """Sad in the first half, happy in the second, unknown in ``blank``; valence from -0.5 to 0.7
    and arousal 0.2 with ``affect``. Intervals of ± 0.05; an ``older`` file has none.
    """
    probs = np.where(np.arange(n)[:, None] < n / 2, mostly(SAD), mostly(HAPPY))
    known = np.full(n, people > 0)
    known[blank] = False
    entropy = -(probs * np.log(probs)).sum(1)
    mask = ~known

    def column(values: Any) -> pa.Array:
        return pa.array(np.broadcast_to(values, n).astype(np.float32), mask=mask)

    rows: dict[str, Any] = {"t": np.arange(n) * ROW_INTERVAL_S}
    for k, name in enumerate(EMOTIONS):
        for prefix in "pwu":
            rows[f"{prefix}_{name}"] = column(probs[:, k])
        rows[f"lo_{name}"] = column(np.maximum(probs[:, k] - 0.05, 0))
        rows[f"hi_{name}"] = column(probs[:, k] + 0.05)
    rows |= {"entropy": column(entropy), "entropy_share": column(entropy / np.log(7))}
    rows |= {"people": np.where(known, people, 0).astype(np.int32)}
    rows |= {"effective_people": (np.where(known, people, 0) * 0.9).astype(np.float32)}
    names = np.array(EMOTIONS)[probs.argmax(1)]
    rows |= {"dominant": pa.array(names, mask=mask), "shift": column(0.0)}
    rows |= {name: pa.nulls(n) for name in EXTRAS}
    if affect:
        rows |= {"valence": column(np.linspace(-0.5, 0.7, n)), "arousal": column(0.2)}
    columns = tuple(n for n in TIMELINE_COLUMNS if not (older and n in INTERVALS))
    rows = {name: rows[name] for name in columns}
    write_table(folder / "timeline.parquet", columns, rows, 2000)


def make_people(folder: Path, tracks: list[tuple[int, int, int, int]]) -> None:
    """tracks: (id, first row, rows, mood)."""
    parts = []
    for track, first, n, mood in tracks:
        t = (first + np.arange(n)) * ROW_INTERVAL_S
        parts.append((np.full(n, track), t, np.tile(mostly(mood), (n, 1)), [EMOTIONS[mood]] * n))
    t = np.concatenate([p[1] for p in parts])
    order = np.argsort(t, kind="stable")
    probs = np.concatenate([p[2] for p in parts])[order].astype(np.float32)
    labels = np.concatenate([p[3] for p in parts])[order]
    rows: dict[str, Any] = {"track_id": np.concatenate([p[0] for p in parts])[order], "t": t[order]}
    rows |= {f"p_{name}": probs[:, k] for k, name in enumerate(EMOTIONS)}
    box = np.full(len(t), 10, np.float32)
    rows |= {"label": labels, "quality": box * 0.08, "x1": box, "y1": box, "x2": box, "y2": box}
    rows |= {name: pa.nulls(len(t)) for name in EXTRAS}
    rows = {name: rows[name] for name in PEOPLE_COLUMNS}
    write_table(folder / "people.parquet", PEOPLE_COLUMNS, rows, 700)


def make_json(folder: Path, seconds: float, name: str = "meeting.mp4", **more: Any) -> None:
    middle = seconds / 2
    events = [{"t": middle, "from": "sad", "to": "happy", "size": 0.31, "noticed": middle + 2}]
    events[0] |= {"before": 0.1, "after": 0.6, "status": "unconfirmed"}
    summary = {
        "source": {"name": name, "fps": "25"},
        "counts": {"seconds": seconds, "people": 4},
        "settings": {"group": {"window": 5.0}, "privacy": "off"},
        "models": {"detector": {"name": "centerface", "sha256": "09189deaaf86"}},
        "versions": {"python": "3.11.2"},
        "notes": [],
    } | more
    shifts = more.pop("events", events)
    (folder / "events.json").write_text(json.dumps(shifts))
    (folder / "summary.json").write_text(json.dumps(summary))


class Page(HTMLParser):
    """What a browser would see: texts, tags and attributes."""

    VOID = frozenset({"meta", "link", "img"})

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.scripts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif not self.open or self.open[-1] != "style":
            self.text += data


LOADS = re.compile(
    r"""https?://|\b(?:src|href)\s*=\s*(?!["']?data:)|url\(|@import|\bfetch\s*\(|XMLHttpRequest"""
)


def read_page(folder: Path, pictures: tuple[KeyStill, ...] = ()) -> tuple[Page, dict, str]:
    out = folder / "report.html"
    write_report(folder, out, pictures)
    whole = out.read_text(encoding="utf-8")
    own = whole.replace(get_plotlyjs(), "")
    page = Page(own)
    found = [s for s in page.scripts if s.startswith("{")]
    # words and data may hold anything; markup, code and style must not load
    code = "".join(s for s in page.scripts if s not in found)
    words = ("alt", "title", "aria-label", "content")
    markup = "".join(f' {k}="{v}"' for _, a in page.tags for k, v in a.items() if k not in words)
    assert not LOADS.search(code + markup + own[own.index("<style>") : own.index("</style>")])
    assert not {t for t, _ in page.tags} & {"iframe", "object", "embed", "base", "form", "svg"}
    policy = next(a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data: blob:;")
    return page, json.loads(found[0]) if found else {}, own


def test_a_normal_run(tmp_path):
    make_timeline(tmp_path, 300, 4)
    make_people(tmp_path, [(1, 0, 300, SAD), (2, 50, 200, HAPPY), (9, 20, 3, SAD), (8, 30, 2, SAD)])
    make_json(tmp_path, 60.0, notes=["stopped at 12.3 s: file truncated"])
    picture = KeyStill(30.5, "0:30 sad → happy", b"\xff\xd8jpeg")
    page, charts, own = read_page(tmp_path, (picture,))
    for text in ("sad → happy", "at 0:30", "0.310", "stopped at 12.3 s", "person 2", "Article 5"):
        assert text in page.text
    assert "other short tracks (2)" in page.text
    assert "No faces were found" not in page.text
    assert "alence" not in page.text
    assert "Disagreement" not in page.text
    images = [a for t, a in page.tags if t == "img"]
    assert [a["alt"] for a in images] == ["The picture at 0:30 sad → happy"]
    assert set(charts) == {"group", "intervals", "context", "lanes"}
    assert len(own) < 300_000
    drawn = {a["id"] for t, a in page.tags if a.get("class") == "chart"}
    assert drawn == set(charts)


def test_the_areas_add_up_and_gaps_stay_empty(tmp_path):
    make_timeline(tmp_path, 300, 4, blank=slice(100, 120))
    line = Timeline.read(tmp_path / "timeline.parquet")
    areas = [d for d in group_chart(line, [], (0, 60))["data"] if d.get("stackgroup")]
    total = np.array([d["y"] for d in areas]).sum(0)
    seconds = (np.array(areas[0]["x"]) - 86_400_000) / 1000
    assert total[(seconds > 1) & (seconds < 19.8)] == pytest.approx(1, abs=1e-3)
    assert not ((seconds > 20.0) & (seconds < 23.8)).any()
    # vertical edges: 0 at the very time of the last known value
    at_edge = total[np.isclose(seconds, 19.9)]
    assert sorted(at_edge) == pytest.approx([0, 1], abs=1e-3)


def test_valence_and_arousal_are_drawn_where_they_were_read(tmp_path):
    make_timeline(tmp_path, 300, 4, blank=slice(100, 120), affect=True)
    make_json(tmp_path, 60.0, mood={"disagreement": 0.0431})
    page, charts, _ = read_page(tmp_path)
    assert "Valence and arousal" in page.text
    assert "0.043 nats" in page.text
    assert set(charts) == {"group", "intervals", "context", "affect"}
    assert {a["id"] for t, a in page.tags if a.get("class") == "chart"} == set(charts)
    valence, arousal = charts["affect"]["data"]
    low, high = charts["affect"]["layout"]["yaxis"]["range"]
    assert low <= -1
    assert high >= 1
    assert valence["y"][::299] == pytest.approx([-0.5, 0.7], abs=1e-3)
    assert valence["y"][100:120] == arousal["y"][100:120] == [None] * 20
    assert {y for y in arousal["y"] if y is not None} == {0.2}
    assert valence["connectgaps"] is False


def test_nobody(tmp_path):
    make_timeline(tmp_path, 50, 0)
    make_json(tmp_path, 10.0, events=[], notes=["no faces were found"])
    page, charts, _ = read_page(tmp_path)
    assert "No faces were found" in page.text
    assert "no faces were found" not in page.text  # said once
    assert not any(a.get("class") == "chart" for _, a in page.tags)
    assert charts == {}


def test_not_one_row(tmp_path):
    make_timeline(tmp_path, 0, 0)
    make_json(tmp_path, 0.0, events=[])
    page, _, _ = read_page(tmp_path)
    assert "No faces were found" in page.text


def test_one_row(tmp_path):
    make_timeline(tmp_path, 1, 1)
    make_people(tmp_path, [(1, 0, 1, SAD)])
    make_json(tmp_path, 0.04, events=[])
    page, charts, _ = read_page(tmp_path)
    assert "there were never three people in view" in page.text
    assert max(charts["group"]["data"][0]["x"]) > min(charts["group"]["data"][0]["x"])


def test_without_single_people(tmp_path):
    make_timeline(tmp_path, 300, 4)
    make_json(tmp_path, 60.0)
    page, charts, _ = read_page(tmp_path)
    assert "lanes" not in charts
    assert "Each person" not in page.text
    assert "sad → happy" in page.text


def test_faces_but_no_group_figures(tmp_path):
    make_timeline(tmp_path, 50, 0)
    make_people(tmp_path, [(1, 0, 20, SAD)])
    make_json(tmp_path, 10.0, events=[])
    page, charts, _ = read_page(tmp_path)
    assert "No group figures" in page.text
    assert set(charts) == {"context", "lanes"}


def test_hostile_names_stay_text(tmp_path):
    make_timeline(tmp_path, 300, 4)
    make_people(tmp_path, [(1, 0, 300, SAD)])
    event = {"t": 30.0, "from": "sad", "to": HOSTILE, "size": 0.3}
    event |= {"before": 0.1, "after": 0.6, "status": "confirmed"}
    notes = [HOSTILE]
    make_json(tmp_path, 60.0, HOSTILE, notes=notes, events=[event], models={HOSTILE: HOSTILE})
    page, charts, own = read_page(tmp_path, (KeyStill(1.0, HOSTILE, b"x"),))
    assert page.text.count(HOSTILE) >= 5
    images = [a for t, a in page.tags if t == "img"]
    assert len(images) == 1
    assert (images[0]["src"] or "").startswith("data:image/jpeg;base64,")
    assert all(not key.startswith("on") for _, attrs in page.tags for key in attrs)
    assert "alert(2)" not in "".join(s for s in page.scripts if not s.startswith("{"))
    assert "<script>alert" not in own
    # plotly reads a little HTML of its own in labels: links and the like must not come to life
    labels = [w for d in charts["group"]["data"] for w in d.get("text", [])]
    assert labels
    assert not any("<" in w for w in labels)


def test_an_hour_stays_a_small_page(tmp_path):
    make_timeline(tmp_path, 18_000, 30)
    rng = np.random.default_rng(1)
    tracks = [(i, 3 * i, 17_000, int(rng.integers(7))) for i in range(MAX_LANES + 7)]
    make_people(tmp_path, tracks)
    make_json(tmp_path, 3600.0)
    page, charts, own = read_page(tmp_path)
    assert len(own) < 2_500_000
    assert (tmp_path / "report.html").stat().st_size < len(get_plotlyjs()) + 2_500_000
    for chart in (charts["group"], charts["context"]):
        assert all(len(d["x"]) <= 2010 for d in chart["data"])
    assert len(charts["lanes"]["data"][0]["z"]) == MAX_LANES
    assert "7 more people of a second or more" in page.text
    assert "1:00:00" in page.text


def test_lanes(tmp_path):
    make_people(
        tmp_path, [(5, 100, 100, HAPPY), (3, 10, 190, SAD), (7, 0, 4, SAD), (6, 20, 5, SAD)]
    )
    found = read_lanes(tmp_path / "people.parquet", 0.0, 40.0)
    assert [lane.name for lane in found.lanes] == [
        "person 3",
        "person 6",
        "person 5",
        "other short tracks (1)",
    ]
    assert [lane.mostly for lane in found.lanes] == ["sad", "sad", "happy", "sad"]
    assert [lane.seconds for lane in found.lanes] == pytest.approx([38.0, 1.0, 20.0, 0.8])
    filled = ~np.isnan(found.lanes[2].probs[:, 0])
    middles = (found.edges[:-1] + found.edges[1:]) / 2
    assert filled[(middles > 20) & (middles < 39.7)].all()
    assert not filled[middles < 19.7].any()
    assert found.lanes[0].quality[filled] == pytest.approx(0.8, abs=1e-4)


def test_thinning_keeps_the_means(tmp_path):
    make_timeline(tmp_path, 5001, 4, blank=slice(1000, 2000))
    line = Timeline.read(tmp_path / "timeline.parquet")
    thin = line.thinned(500)
    assert len(thin) <= 500
    assert np.isnan(thin.probs[110:180]).all()
    whole, less = line.mean(), thin.mean()
    assert whole is not None
    assert less == pytest.approx(whole, abs=0.01)


def test_the_library_can_lie_beside(tmp_path):
    make_timeline(tmp_path, 300, 4)
    make_json(tmp_path, 60.0)
    write_report(tmp_path, tmp_path / "report.html", [], embed_js=False)
    assert (tmp_path / "report.html").stat().st_size < 300_000
    assert (tmp_path / "plotly.min.js").read_text(encoding="utf-8") == get_plotlyjs()


@pytest.mark.parametrize("name", ["summary.json", "events.json", "timeline.parquet"])
def test_a_folder_without_results_is_one_line(name, tmp_path):
    make_timeline(tmp_path, 10, 1)
    make_json(tmp_path, 2.0)
    (tmp_path / name).unlink()
    with pytest.raises(MoodstreamError, match=name.replace(".", r"\.")) as caught:
        write_report(tmp_path, tmp_path / "report.html", [])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "report.html").exists()


def test_a_group_too_small_to_show_has_no_empty_chart(tmp_path: Path) -> None:
    make_timeline(tmp_path, 50, 2, blank=slice(0, 50))
    make_people(tmp_path, [(1, 0, 20, SAD)])
    counts = {"seconds": 10.0, "people": 2, "people_at_once": 2}
    make_json(tmp_path, 10.0, events=[], counts=counts, settings={"privacy": "group"})
    page, charts, _ = read_page(tmp_path)
    assert "There is no diversity to draw: fewer than 3 people at any time." in page.text
    assert "Diversity and people" not in page.text
    assert {curve["name"] for curve in charts["context"]["data"]} == {"people", "effective people"}
    assert "yaxis" not in charts["context"]["layout"]


def test_someone_in_view_for_less_than_a_second_is_somebody(tmp_path: Path) -> None:
    make_timeline(tmp_path, 5, 1)
    make_people(tmp_path, [(1, 0, 4, SAD)])
    make_json(tmp_path, 1.0, events=[], counts={"seconds": 1.0, "people": 0})
    page, _, _ = read_page(tmp_path)
    assert "nobody for a second or more, at most 1 at once" in page.text
    assert "o faces were found" not in page.text


@pytest.mark.parametrize(
    ("rows", "said"),
    [(1, "As a whole, as there"), (2, "In parts, as there"), (50, "In thirds, as there")],
)
def test_how_parts_are_told_is_said(rows: int, said: str, tmp_path: Path) -> None:
    make_timeline(tmp_path, rows, 1)
    seconds = (rows - 1) * ROW_INTERVAL_S + 0.04
    make_json(tmp_path, seconds, events=[], counts={"seconds": seconds, "people": 1})
    page, _, _ = read_page(tmp_path)
    assert said in page.text
    assert "In parts longer than 5.0 s the first 5.0 s are left out" in page.text
    assert "nobody classified" not in page.text
