"""What `/state` and the last lines of a live run report of each source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from moodstream.realtime.emotions import EMOTIONS, EXTRAS
from moodstream.realtime.frames import GroupState
from moodstream.realtime.outputs.recording.rows import named_ends
from moodstream.realtime.outputs.report.formatting import percent
from moodstream.realtime.outputs.server.schemas import (
    Freshness,
    GroupFigures,
    SessionState,
    StartingState,
    StreamState,
)
from moodstream.realtime.runs.live.session import LiveSession
from moodstream.realtime.runs.live.stream import LiveStream

NOTICE = "Mood is what faces show, not what people feel."
FIELDS = tuple(StreamState.__annotations__)
"""What is reported of a source; anything but name and status is None where it is not known."""


def starting_state(names: Sequence[str]) -> StartingState:
    """The state before there is a session: nothing is known but the names."""
    nothing: dict[str, Any] = dict.fromkeys(FIELDS)
    sources = [nothing | {"name": name, "status": "starting"} for name in names]
    return {"notice": NOTICE, "sources": cast(list[StreamState], sources)}


def session_state(session: LiveSession, lost: int = 0, problem: str | None = None) -> SessionState:
    """The state of every source, ready for JSON.

    Args:
        session: The run.
        lost: Rows that could not be recorded.
        problem: What is wrong with the recording now, None where all is well.
    """
    costs = session.analyzer.costs
    return {
        "notice": NOTICE,
        "privacy": session.privacy.value,
        "paused": session.paused.is_set(),
        "uptime_s": round(session.clock() - session.origin, 1),
        "look_ms": round(1000 * costs.detection, 1),
        "read_ms": round(1000 * costs.prediction, 2),
        "recording": {"lost_rows": lost, "problem": problem},
        "sources": [stream_state(session, stream) for stream in session.streams],
    }


def stream_state(session: LiveSession, stream: LiveStream) -> StreamState:
    """One source: its signal, the group (None where there is no signal) and how fresh it all is."""
    capture, presenter = stream.capture.state(), stream.presenter
    now, snapshot = session.clock(), stream.snapshot
    black = snapshot is not None and snapshot.black_since is not None
    median, p95 = presenter.delays.percentiles(now, 50, 95)
    status: str = "failed" if stream.gave_up else capture.status
    if status == "live" and black:
        status = "no signal"
    if status == "live" and session.paused.is_set():
        status = "paused"
    return {
        "name": stream.spec.name,
        "status": status,
        "since": round(capture.since, 3),
        "detail": "black picture" if black else capture.detail,
        "t": round(capture.t, 3),
        **_group(stream, status == "live"),
        "fps_in": None if capture.fps is None else round(capture.fps, 2),
        "fps_shown": round(presenter.rate.per_second(now), 2),
        "latency_p50_ms": median,
        "latency_p95_ms": p95,
        "dropped": presenter.dropped,
        "frames": capture.frames,
        "reconnects": capture.reconnects,
        "gaps": stream.gaps,
        **_freshness(stream, status == "live"),
    }


def last_mood(session: LiveSession, stream: LiveStream) -> str:
    """The mood of the group when it was last seen, in words; why there is none where so."""
    snapshot = stream.snapshot
    if snapshot is None:
        return "nothing was analysed"
    state = stream.rows.view(snapshot.state)
    if state.probs is not None:
        mood = int(state.probs.argmax())
        ends = None if state.interval is None else tuple(state.interval[:, mood].tolist())
        share = percent(float(state.probs[mood]), ends)
        return f"{state.dominant or 'no clear mood'} {share} at the end"
    people = len(snapshot.faces)
    if people == 0:
        return "no one in view at the end"
    few = session.privacy.min_group
    return f"fewer than {few} people at the end" if few else "nobody classified at the end"


def _group(stream: LiveStream, known: bool) -> GroupFigures:
    """The group now; where there is no signal nothing is known, which is not nobody."""
    snapshot = stream.snapshot
    if snapshot is None or not known:
        state = GroupState(t=0.0, people=0)
        return {**_figures(state, 0), "people": None, "effective_people": None}
    state = stream.rows.view(snapshot.state)  # it may be older than the privacy mode
    # people now, not at the last step of the timeline
    return _figures(state, len(snapshot.faces))


def _figures(state: GroupState, people: int) -> GroupFigures:
    probs, extras = state.probs, [None] * len(EXTRAS) if state.extras is None else state.extras
    valence, arousal, disagreement = map(_rounded, extras)
    return {
        "people": people,
        "effective_people": round(state.effective_people, 3),
        "probs": None
        if probs is None
        else {n: round(float(p), 4) for n, p in zip(EMOTIONS, probs, strict=True)},
        "interval": None if state.interval is None else named_ends(state.interval),
        "dominant": state.dominant,
        "entropy": _rounded(state.entropy),
        "entropy_share": _rounded(state.entropy_share),
        "shift": _rounded(state.shift),
        "valence": valence,
        "arousal": arousal,
        "disagreement": disagreement,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or value != value else round(float(value), 4)


def _freshness(stream: LiveStream, known: bool) -> Freshness:
    """How often faces are detected and each is classified, and the oldest prediction's age."""
    analysis = stream.analysis
    if analysis is None or analysis.snapshot is None or not known:
        return {"refresh_hz": None, "oldest_s": None, "looks_hz": None, "look_every": None}
    refresh, snapshot = analysis.prediction_rate.per_face(), analysis.snapshot
    return {
        "refresh_hz": None if refresh is None else round(refresh, 2),
        "oldest_s": None if snapshot.oldest_s is None else round(snapshot.oldest_s, 3),
        "looks_hz": round(analysis.detection_rate.per_second(snapshot.t), 2),
        "look_every": analysis.stride,
    }
