"""The Photo tab: a group photo and what its faces add up to; page/photo.js draws it."""

from __future__ import annotations

import gradio as gr

from moodstream.realtime.dashboard.handlers import Handlers
from moodstream.realtime.dashboard.routes import Routes
from moodstream.realtime.dashboard.sessions import Registry
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.privacy import Privacy

_FORM = """
<label class="ms-drop" id="ms-photo-drop">
  <input type="file" id="ms-photo-file" accept="image/jpeg,image/png,image/webp,image/bmp">
  <span><strong>Choose a group photo</strong>or drop one here</span>
  <span id="ms-photo-name" class="ms-soft"></span>
</label>
<p id="ms-photo-problem" class="ms-problem" role="alert" hidden></p>
"""

_RESULTS = """
<div id="ms-photo-results" hidden>
  <div class="ms-two">
    <figure class="ms-stage"><img id="ms-photo" alt="The photo with faces and moods">
      <figcaption id="ms-photo-none" hidden>With <em>group only</em> no picture is kept.
      </figcaption>
    </figure>
    <section class="ms-card"><h3>The group</h3>
      <p id="ms-photo-line" data-min-group="{min_group}"></p>
      <table id="ms-photo-table" class="ms-table"><thead><tr><th scope="col">mood</th>
        <th scope="col">the group, with 90 % intervals</th><th scope="col">weighted by quality</th>
        <th scope="col">all faces alike</th></tr></thead>
        <tbody></tbody></table>
      <p id="ms-photo-bins" class="ms-soft"></p></section>
  </div>
  <section class="ms-card" id="ms-card-people"><h3>What each face adds</h3>
    <p><label for="ms-photo-mood">Mood</label> <select id="ms-photo-mood">{moods}</select></p>
    <ol id="ms-photo-people" class="ms-people"></ol></section>
</div>
"""


def build(registry: Registry, act: Handlers, routes: Routes) -> None:
    """Lay the tab out, inside a Gradio context."""
    gr.HTML(_FORM)
    with gr.Row(elem_classes="ms-buttons"):
        sample = gr.Button("Try the sample", elem_id="ms-photo-sample", min_width=120)
        forget = gr.Button("Forget the photo", elem_id="ms-photo-forget", min_width=120)
    moods = "".join(f"<option>{mood}</option>" for mood in EMOTIONS)
    gr.HTML(_RESULTS.format(moods=moods, min_group=Privacy.GROUP.min_group))
    handler = act.sample_photo(routes.analyse_photo)
    sample.click(handler, None, None, **act.quiet).then(None, js=act.refresh)
    forget.click(act.forget_photo, None, None, **act.quiet).then(None, js=act.refresh)
