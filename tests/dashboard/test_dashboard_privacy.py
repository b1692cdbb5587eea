"""The dashboard without a browser: what is kept of whom."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from support.asking import ANN, BOB, Asker
from support.browser import dashboard, jpeg
from support.fakes import MOSTLY_SAD, Says, ThreeFaces, models
from support.media import moving_blob, write_video
from support.waiting import wait_for

from moodstream.realtime.dashboard.sessions import Registry
from moodstream.realtime.dashboard.video_job import Upload
from moodstream.realtime.privacy import Privacy

# --- what belongs to whom ---


def test_users_cannot_fetch_each_others_results(site: tuple[str, Registry], tmp_path: Path) -> None:
    url, registry = site
    ann, bob = registry.open("ann", ANN), registry.open("bob", BOB)
    clip = write_video(tmp_path / "clip.mp4", moving_blob(30))
    own = f"/moodstream/s/{ann.token}/"
    name = {"X_File_Name": "..%2F..%2Fann%27s.mp4"}
    assert Asker(url, ANN)(own + "video", clip.read_bytes(), **name)[0] == 200
    assert ann.upload is not None
    assert ann.upload.name == "ann's.mp4"
    registry.start_video(ann, ann.upload)
    assert Asker(url, ANN)(own + "photo", jpeg(), X_File_Name="p.jpg")[0] == 204
    wait_for(lambda: ann.video is not None and ann.video.stage == "done")
    there = ["state", "video", "photo.jpg", "files/overlay.mp4", "files/people.parquet"]
    for path in there:
        assert Asker(url, ANN)(own + path)[0] == 200
        for cookie in (BOB, None, "", ANN[:-1]):
            assert Asker(url, cookie)(own + path)[0] == 404, (cookie, path)
        assert Asker(url, BOB)(f"/moodstream/s/{bob.token}/{path}")[0] == (
            200 if path == "state" else 404
        )
    for trick in ("files/..%2fupload", "files/%2e%2e", "files//etc/passwd", "files/overlay.mp4%00"):
        assert Asker(url, ANN)(own + trick)[0] in (403, 404)
    assert Asker(url, BOB)(own + "photo", jpeg(), X_File_Name="p.jpg")[0] == 404
    part = Asker(url, ANN)(own + "files/overlay.mp4", Range="bytes=0-99")
    assert part[0] == 206
    assert len(part[1]) == 100


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("video", 1_000_001, 413),
        ("photo", 40_000_001, 413),
        ("frame", 2_000_001, 413),
        ("video", 0, 400),
    ],
)
def test_uploads_have_a_limit(
    site: tuple[str, Registry], path: str, size: int, status: int
) -> None:
    session = site[1].open(f"limit {path} {size}", ANN)
    # so much is refused before it is sent
    found = Asker(site[0], ANN)(
        f"/moodstream/s/{session.token}/{path}", b"", Content_Length=str(size)
    )
    assert found[0] == status
    assert b"problem" in found[1]
    assert not session.folder.exists() or not list(session.folder.rglob("*.*"))


def test_group_only_keeps_nothing_of_anybody(site: tuple[str, Registry], tmp_path: Path) -> None:
    from plotly.offline import get_plotlyjs

    url, registry = site
    session = registry.open("group", ANN)
    registry.set_privacy(session, Privacy.GROUP)
    own = f"/moodstream/s/{session.token}/"
    ask = Asker(url, ANN)
    clip = write_video(tmp_path / "clip.mp4", moving_blob(50))
    registry.start_video(session, Upload("clip.mp4", lambda: clip, keep=True))
    assert ask(own + "photo", jpeg(), X_File_Name="p.jpg")[0] == 204
    registry.start_live(session, "browser")
    greys = itertools.cycle(range(60, 120, 2))

    def send() -> None:
        assert ask(own + "frame", jpeg(160, 120, next(greys)))[0] == 204

    def somebody_is_there() -> bool:
        state = session.live.state()
        return bool(state["history"]) and state["source"]["people"] == 1

    wait_for(lambda: session.live is not None and somebody_is_there(), meanwhile=send)
    wait_for(lambda: session.video is not None and session.video.stage == "done")
    found = json.loads(ask(own + "state")[1])
    assert found["photo"]["faces"] == 1
    results = json.loads(ask(own + "video")[1])
    for word in ("dominant", "probs", "entropy", "weighted"):
        assert not _known(found, word), word
    assert found["photo"]["people"] is None
    assert "lanes" not in results["charts"]
    assert "group" not in results["charts"]
    assert ask(own + "photo.jpg")[0] == 404
    assert ask(own + "files/overlay.mp4")[0] == 404
    assert ask(own + "files/people.parquet")[0] == 404
    stored = [path for path in registry.root.rglob("*") if path.is_file()]
    mine = [path for path in stored if session.folder in path.parents]
    assert {path.name for path in mine} == {
        "timeline.parquet",
        "timeline.csv",
        "events.json",
        "report.html",
        "summary.json",
    }
    for path in mine:
        content = path.read_bytes().replace(get_plotlyjs().encode(), b"")
        for picture in (
            b"\xff\xd8\xff",
            b"ftypisom",
            b"\x89PNG",
            b"image/jpeg;base64",
            b"image/png;base64",
        ):
            assert picture not in content, (path.name, picture)
        assert b"person 1" not in content
        assert b'"track_id"' not in content
    rows = (session.video.folder / "timeline.csv").read_text().splitlines()
    shares = [k for k, name in enumerate(rows[0].split(",")) if name[:2] in ("p_", "w_", "u_")]
    assert len(rows) > 5
    assert all(not row.split(",")[k] for row in rows[1:] for k in shares)


def test_group_only_tells_of_three_people_together_and_of_nobody_alone(tmp_path: Path) -> None:
    heard = bytearray()
    three = models(ThreeFaces(), Says(MOSTLY_SAD))
    with dashboard(three, heard=heard) as (url, registry):
        session = registry.open("group", ANN)
        registry.set_privacy(session, Privacy.GROUP)
        ask, own = Asker(url, ANN), f"/moodstream/s/{session.token}/"
        assert ask(own + "photo", jpeg(160, 120), X_File_Name="p.jpg")[0] == 204
        registry.start_live(session, "browser")

        def state() -> Any:
            ask(own + "frame", jpeg(160, 120))
            return json.loads(ask(own + "state")[1])

        wait_for(lambda: state()["live"]["source"]["dominant"] == "sad")
        found = state()
    assert found["live"]["source"]["people"] == 3
    assert found["photo"]["dominant"] == "sad"
    assert found["photo"]["people"] is found["photo"]["bins"] is None
    for word in (b"track_id", b'"number": 2', b'"box', b'"quality"', b"\xff\xd8\xff"):
        assert word not in heard


def _known(content: Any, name: str) -> bool:
    if isinstance(content, dict):
        return any((k == name and v is not None) or _known(v, name) for k, v in content.items())
    return isinstance(content, list) and any(_known(item, name) for item in content)


def test_stricter_privacy_forgets_what_was_seen_before(site: tuple[str, Registry]) -> None:
    url, registry = site
    session = registry.open("stricter", ANN)
    ask, own = Asker(url, ANN), f"/moodstream/s/{session.token}/"
    registry.start_live(session, "browser")
    run = session.live

    def sent() -> bool:
        ask(own + "frame", jpeg(160, 120))
        return bool(run.state()["history"]) and run.state()["history"][-1][1] is not None

    wait_for(sent)
    assert ask(own + "picture")[0] == 200
    registry.set_privacy(session, Privacy.GROUP)
    assert run.picture() is None
    found = run.state()
    assert found["source"]["probs"] is None
    assert all(row[1] is None for row in found["history"])
    registry.stop_live(session)
    assert run.over
