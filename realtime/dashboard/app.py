"""The page as a whole: a Gradio app behind access control, beside the routes it fetches from."""

from __future__ import annotations

import os
from collections.abc import Set
from pathlib import Path
from typing import Any

from moodstream.realtime.dashboard.access_control import AccessControl
from moodstream.realtime.dashboard.routes import Routes
from moodstream.realtime.dashboard.sessions import Registry
from moodstream.realtime.networks.models import Models

_CSS = Path(__file__).parent / "page" / "page.css"
_MAX_CLICKS = 8  # of all users that are answered at a time; none of them takes long
_MAX_WAITING_CLICKS = 100
_MAX_REMEMBERED_PAGES = 50  # of which Gradio keeps the state; none of ours needs it
_MAX_GRADIO_FILE_BYTES = 1  # files come by our own routes
_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
_MONO = ["ui-monospace", "Consolas", "monospace"]
_CONTRAST = {  # Gradio's own pairs are too pale to be read by everyone
    "body_text_color_subdued": "*neutral_600",
    "body_text_color_subdued_dark": "*neutral_400",
    "block_label_text_color": "*neutral_700",
    "block_info_text_color": "*neutral_600",
    "color_accent": "*primary_700",
    "button_primary_background_fill": "*primary_700",
    "button_primary_background_fill_hover": "*primary_800",
    "button_primary_background_fill_dark": "*primary_700",
    "button_primary_background_fill_hover_dark": "*primary_600",
}
_HEAD = (
    '<script type="module" src="/moodstream/page.js"></script>'
    '<link rel="icon" href="data:,"><meta name="color-scheme" content="light dark">'
)

TITLE = """
# moodstream
How does the room feel? **Mood here is what a face shows, not what a person feels.**
"""
LAW = """
<p class="ms-law"><strong>The law.</strong> In the EU, systems that infer the emotions of people
at work or in education are <strong>prohibited</strong>, except for medical or safety reasons (AI
Act, Article 5(1)(f)). Elsewhere you must tell the people you point this at. Ask them first.</p>
"""


def build(
    registry: Registry, hosts: Set[str] | None = None, auth: str | None = None
) -> AccessControl:
    """The ASGI application of a dashboard.

    Args:
        registry: The open pages, and what runs for them.
        hosts: The names that requests may call this machine by, None for any.
        auth: ``user:password``, None where nobody is asked for it.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported, too
    import fastapi
    import gradio as gr

    routes = Routes(registry)
    page = _page(registry, routes)
    page.state_session_capacity = _MAX_REMEMBERED_PAGES
    page.queue(default_concurrency_limit=_MAX_CLICKS, max_size=_MAX_WAITING_CLICKS, api_open=False)
    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.router.routes.extend(routes.routes())
    theme = gr.themes.Default(
        primary_hue="teal", neutral_hue="slate", font=_FONTS, font_mono=_MONO
    ).set(**_CONTRAST)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=theme,
        css_paths=[_CSS],
        head=_HEAD,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        show_error=True,
        max_file_size=_MAX_GRADIO_FILE_BYTES,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
    )
    return AccessControl(app, hosts, auth)


def _page(registry: Registry, routes: Routes) -> Any:
    import gradio as gr

    from moodstream.realtime.dashboard import about_tab, live_tab, photo_tab, video_tab
    from moodstream.realtime.dashboard.handlers import Handlers

    act = Handlers(registry)
    with gr.Blocks(title="moodstream", analytics_enabled=False, fill_width=True) as page:
        with gr.Row(elem_id="ms-top", equal_height=True):
            gr.Markdown(TITLE, elem_id="ms-title")
            privacy = gr.Radio(
                [("off", "off"), ("blur faces", "blur"), ("group only", "group")],
                value="off",
                label="Privacy, everywhere on this page",
                elem_id="ms-privacy",
                min_width=300,
            )
        gr.HTML(LAW + '<p id="ms-message" role="alert" hidden></p>')
        with gr.Tabs(elem_id="ms-tabs"):
            with gr.Tab("Live", id="live"):
                live_tab.build(registry, act)
            with gr.Tab("Video", id="video"):
                video_tab.build(registry, act)
            with gr.Tab("Photo", id="photo"):
                photo_tab.build(registry, act, routes)
            with gr.Tab("About", id="about"):
                about_tab.build(registry)
        ticket = gr.Textbox(visible="hidden", elem_id="ms-ticket")
        begin = "token => { window.moodstreamTicket = token; window.moodstream?.begin(token); }"
        page.load(act.open, None, ticket, **act.quiet).then(None, ticket, None, js=begin)
        privacy.change(act.privacy, privacy, None, **act.quiet).then(None, js=act.refresh)
        page.unload(act.left)
    return page


def warm_up(models: Models) -> None:
    """Load what the first visitors would wait for."""
    from moodstream.realtime.networks.load import check_networks

    check_networks(models)
