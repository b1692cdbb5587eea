"""The About tab: networks, what the figures mean, the law, and what is stored."""

from __future__ import annotations

from html import escape

import gradio as gr

from moodstream.realtime.dashboard.limits import Limits
from moodstream.realtime.dashboard.live_run import HISTORY_S
from moodstream.realtime.dashboard.sessions import Registry
from moodstream.realtime.networks.models import Models

_MEANING = """
## What the figures mean

* **Mood** is what a face *shows* at a moment, predicted by a network that is often wrong: for about
  one face in three it says something else than people do. It is **not what a person feels**.
* **The group** sums up everyone seen in the last seconds (the window). A face that can be seen
  well counts for more than a small or blurred one; *all faces alike* leaves that out.
* **Diversity** (entropy) says how mixed the moods are: 0 % when all show the same, 100 % when all
  seven are equally frequent. High diversity is not a bad thing, and low diversity not a good one.
* **Effective people** is how many people the weights amount to: six faces of which one outweighs
  all others are little more than one.
* **One or two faces prove nothing** about a group.
* A **mood shift** is a moment at which the group went from one mood to another and stayed there. It
  is told as *provisional* within seconds, then confirmed or withdrawn. It says that something
  changed, not why.

## The law, and the limits

Article 5(1)(f) of the EU AI Act, in force since 2 February 2025, **prohibits** AI systems that
infer the emotions of people **at work and in education**, except for medical or safety reasons.
Other emotion recognition is high-risk, and the people concerned must be told. Elsewhere other
rules may hold. Do not decide anything about a single person by these figures: they are better for
faces of some ages, cultures, and conditions than for others, and depend on light and camera. Nobody
is recognised; track ids are numbers that end with the run.
"""

_STORED = """
## What is stored, and where

* **Live**: pictures stay in the memory of this server, the newest one only; so do the figures of
  the last {minutes:.0f} minutes. Closing the page ends the run, and both are gone.
* **Video**: the upload (at most {upload:g} MB) lies in a private folder of this page, and is
  deleted as soon as it has been analysed. Results lie there until you delete them, close the page,
  or {hours:g} hours have passed.
* **Photo**: in the memory of this server until the next one, or until the page is closed.
* **Privacy**: *blur faces* hides every face that is detected in every picture. *Group only* hides
  them as well, names no single people, shows no distribution for fewer than three, and keeps
  neither pictures nor an overlay video; a face that is not detected is not hidden.
* Nothing is sent anywhere: no analytics, no fonts or scripts from elsewhere. A cookie without any
  meaning of its own tells your browser from others, so that nobody can fetch what is yours.
"""


def build(registry: Registry) -> None:
    """Lay the tab out, inside a Gradio context."""
    gr.HTML(networks(registry.models))
    gr.Markdown(_MEANING)
    gr.Markdown(stored(registry.limits))


def stored(limits: Limits) -> str:
    """What is stored and for how long, as Markdown."""
    return _STORED.format(
        minutes=HISTORY_S / 60, upload=limits.upload_mb, hours=limits.max_age_s / 3600
    )


def networks(models: Models) -> str:
    """The networks in use as an HTML table."""
    rows = "".join(
        f"<tr><th scope='row'>{escape(part)}</th><td>{escape(info.name)}</td>"
        f"<td>{escape(info.engine)}, {escape(info.device)}</td>"
        f"<td><code>{escape(info.file)}</code></td><td><code>{escape(info.sha256)}</code></td></tr>"
        for part, info in models.info.items()
    )
    notice = (
        f"<p class='ms-soft'>{escape(models.fallback_reason)}</p>" if models.fallback_reason else ""
    )
    return (
        "<section class='ms-card'><h3>Networks in use</h3><div class='ms-scroll' tabindex='0'>"
        "<table class='ms-table' id='ms-networks'><thead>"
        "<tr><th scope='col'>for</th><th scope='col'>name</th>"
        "<th scope='col'>runs on</th><th scope='col'>file</th><th scope='col'>SHA-256</th></tr>"
        f"</thead><tbody>{rows}</tbody></table></div>{notice}</section>"
    )
