"""The Video tab: a file in, its results out; page/video.js draws progress and results."""

from __future__ import annotations

import gradio as gr

from moodstream.realtime.dashboard.handlers import Handlers
from moodstream.realtime.dashboard.sessions import Registry
from moodstream.realtime.outputs import layout

_FORM = """
<label class="ms-drop" id="ms-video-drop">
  <input type="file" id="ms-video-file" accept="video/*,.mkv,.avi,.mov,.mp4,.webm">
  <span><strong>Choose a video</strong>or drop one here (at most {limit:g} MB)</span>
  <span id="ms-video-name" class="ms-soft"></span>
</label>
<div id="ms-video-progress" hidden>
  <progress id="ms-video-bar" max="1"></progress>
  <p id="ms-video-stage" class="ms-soft" role="status"></p>
</div>
<p id="ms-video-problem" class="ms-problem" role="alert" hidden></p>
"""

_RESULTS = """
<div id="ms-results" hidden>
  <h3 id="ms-results-name"></h3>
  <ul id="ms-notes" class="ms-notes"></ul>
  <div class="ms-two">
    <video id="ms-overlay" controls playsinline preload="metadata" data-file="{overlay}"
      aria-label="The video with faces and moods"></video>
    <section class="ms-card"><dl id="ms-lines" class="ms-lines"></dl>
      <h4>Mood shifts</h4><ol id="ms-video-shifts" class="ms-list"></ol></section>
  </div>
  <section class="ms-card" id="ms-card-group"><h3>Mood of the group</h3>
    <p class="ms-soft" id="ms-seek-hint">Click a moment and the video jumps there.</p>
    <ul id="ms-legend" class="ms-legend" aria-label="Colours of the moods"></ul>
    <div id="ms-plot-group" class="ms-plot"></div></section>
  <section class="ms-card" id="ms-card-intervals"><h3>How sure the shares are</h3>
    <p class="ms-soft">Lines: the share of each mood; bands: its 90 % interval. Press a name to show
    or hide it.</p>
    <div id="ms-plot-intervals" class="ms-plot"></div></section>
  <section class="ms-card" id="ms-card-context"><h3>Diversity and people</h3>
    <ul class="ms-legend"><li><i class="ms-stroke" style="background:#0F9E8E"></i>diversity</li>
    <li><i class="ms-stroke" style="background:#8A93A0"></i>people</li>
    <li><i class="ms-stroke" style="background:#D2762B"></i>effective people</li></ul>
    <div id="ms-plot-context" class="ms-plot"></div></section>
  <section class="ms-card" id="ms-card-lanes"><h3>People</h3>
    <p class="ms-soft">One lane a person, in the colour of the mood shown; pale where the face
    could hardly be seen.</p>
    <div id="ms-plot-lanes" class="ms-plot"></div></section>
  <section class="ms-card"><h3>Downloads</h3><p id="ms-files" class="ms-files"></p></section>
</div>
"""


def build(registry: Registry, act: Handlers) -> None:
    """Lay the tab out, inside a Gradio context."""
    gr.HTML(_FORM.format(limit=registry.limits.upload_mb))
    with gr.Row(elem_classes="ms-buttons"):
        go = gr.Button("Analyse", variant="primary", elem_id="ms-analyse", min_width=80)
        sample = gr.Button("Try the sample", elem_id="ms-sample", min_width=120)
        cancel = gr.Button("Cancel", elem_id="ms-cancel", min_width=80)
        forget = gr.Button("Delete the results", elem_id="ms-forget", min_width=120)
    gr.HTML(_RESULTS.format(overlay=layout.OVERLAY))
    for button, handler in (
        (go, act.analyse),
        (sample, act.sample_video),
        (cancel, act.cancel),
        (forget, act.forget),
    ):
        button.click(handler, None, None, **act.quiet).then(None, js=act.refresh)
