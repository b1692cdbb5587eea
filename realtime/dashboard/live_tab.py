"""The Live tab: source and controls; its picture, bars and chart are drawn by page/live.js."""

from __future__ import annotations

import json
from html import escape

import gradio as gr

from moodstream.overlays.palette import hex_of
from moodstream.realtime.dashboard.handlers import SMOOTHING_RANGE_S, WINDOW_RANGE_S, Handlers
from moodstream.realtime.dashboard.live_run import LiveTuning
from moodstream.realtime.dashboard.sessions import Registry
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.privacy import Privacy

_STAGE = """
<figure id="ms-stage" class="ms-stage">
  <img id="ms-picture" alt="Live picture: faces with the mood they show" hidden>
  <video id="ms-preview" aria-label="Your camera, mirrored" muted playsinline hidden></video>
  <figcaption id="ms-hint">Choose a source and press Start.</figcaption>
</figure>
<p id="ms-signal" class="ms-soft" role="status"></p>
"""

_CHART = """
<section class="ms-card" aria-labelledby="ms-h-chart">
  <h3 id="ms-h-chart">The last minutes</h3>
  <div id="ms-chart" role="img" aria-label="Shares of the moods over the last minutes"
    data-colours="{colours}"></div>
</section>
<section class="ms-card" aria-labelledby="ms-h-shifts">
  <h3 id="ms-h-shifts">Mood shifts</h3>
  <ol id="ms-shifts" class="ms-list"><li class="ms-soft">none so far</li></ol>
</section>
"""


def bars(name: str) -> str:
    """A bar with word and figure for each mood; page/live.js fills them in."""
    rows = "".join(
        f'<li data-mood="{mood}"><span class="ms-word">{mood}</span>'
        f'<span class="ms-bar"><i style="background:{hex_of(mood)}"></i><b hidden></b></span>'
        '<span class="ms-figure">–</span></li>'
        for mood in EMOTIONS
    )
    return f'<ul id="{name}" class="ms-bars">{rows}</ul>'


def _now() -> str:
    facts = (("mood", "mood shown"), ("people", "people"), ("diversity", "diversity (entropy)"))
    cells = "".join(
        f'<div><dt>{label}</dt><dd id="ms-{name}">–</dd>'
        f'<dd id="ms-{name}-more" class="ms-soft"></dd></div>'
        for name, label in facts
    )
    return (
        '<section class="ms-card" aria-labelledby="ms-h-now"><h3 id="ms-h-now">The group now '
        '<span id="ms-span" class="ms-soft"></span></h3>'
        f'<dl class="ms-facts">{cells}</dl>{bars("ms-bars")}'
        f'<p id="ms-few" class="ms-soft" data-min-group="{Privacy.GROUP.min_group}">'
        "One or two faces prove nothing about a group.</p>"
        '<p id="ms-fresh" class="ms-soft"></p></section>'
    )


def _chart() -> str:
    colours = json.dumps({mood: hex_of(mood) for mood in EMOTIONS})
    return _CHART.format(colours=escape(colours))


def build(registry: Registry, act: Handlers) -> None:
    """Lay the tab out, inside a Gradio context."""
    allowed = registry.allowed
    choices = [("this browser's camera", "browser"), *allowed.choices()]
    if allowed.typed:
        choices.append(("an address", "address"))
    with gr.Row(elem_id="ms-live"):
        with gr.Column(scale=3, min_width=320):
            gr.HTML(_STAGE)
            with gr.Row(elem_classes="ms-buttons"):
                start = gr.Button("Start", variant="primary", elem_id="ms-start", min_width=80)
                pause = gr.Button("Pause", elem_id="ms-pause", min_width=80)
                stop = gr.Button("Stop", elem_id="ms-stop", min_width=80)
            source = gr.Radio(
                choices,
                value="browser",
                label="Source",
                elem_id="ms-source",
                visible=len(choices) > 1,
            )
            address = gr.Textbox(
                label="Address",
                placeholder="rtsp://user:password@host/path",
                info="Only what the operator allowed is opened. Passwords are never shown.",
                elem_id="ms-address",
                visible=False,
            )
            with gr.Accordion("Window and smoothing (of videos, too)", open=False):
                _sliders(act)
        with gr.Column(scale=2, min_width=300):
            gr.HTML(_now())
    gr.HTML(_chart())
    if allowed.typed:
        source.change(
            None, source, address, js="v => ({__type__: 'update', visible: v === 'address'})"
        )
    start.click(act.start, [source, address], None, **act.quiet).then(None, js=act.refresh)
    pause.click(act.pause, None, None, **act.quiet).then(None, js=act.refresh)
    stop.click(act.stop, None, None, **act.quiet).then(None, js=act.refresh)


def _sliders(act: Handlers) -> None:
    """The sliders of window and smoothing."""
    default = LiveTuning()
    window = gr.Slider(
        *WINDOW_RANGE_S, default.window, step=0.5, label="Window", info="seconds that are summed up"
    )
    smoothing = gr.Slider(
        *SMOOTHING_RANGE_S,
        default.smoothing,
        step=0.1,
        label="Smoothing",
        info="of each person, seconds",
    )
    for slider in (window, smoothing):
        slider.change(act.tune, [window, smoothing], None, trigger_mode="always_last", **act.quiet)
