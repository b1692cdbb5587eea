"""The page's own scripts, and what they take from the page instead of spelling it themselves."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import gradio as gr
import pytest
from support.asking import Asker

from moodstream.overlays.palette import hex_of
from moodstream.realtime import dashboard
from moodstream.realtime.dashboard import live_tab, photo_tab, video_tab
from moodstream.realtime.dashboard.handlers import Handlers
from moodstream.realtime.dashboard.routes import Routes
from moodstream.realtime.dashboard.sessions import Registry
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.outputs import layout

FOLDER = Path(dashboard.__file__).parent / "page"
SCRIPTS = {file.name: file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.js"))}
IMPORT = re.compile(r'^import \{([^}]*)\} from "(\./[\w.]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?:async )?(?:const|function) ([\w$]+)", re.MULTILINE)


def test_every_script_is_reached_from_the_page_and_served(site: tuple[str, Registry]) -> None:
    waiting, reached = ["/moodstream/page.js"], set()
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            status, content = Asker(site[0])(path)
            assert status == 200, path
            waiting += [urljoin(path, found[2]) for found in IMPORT.finditer(content.decode())]
    assert {path.rsplit("/", 1)[1] for path in reached} == set(SCRIPTS)
    assert '<script type=\\"module\\" src=\\"/moodstream/page.js\\">' in config_of(site)


def config_of(site: tuple[str, Registry]) -> str:
    return Asker(site[0])("/config")[1].decode()


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_imports_what_there_is_and_uses_it(name: str) -> None:
    body = IMPORT.sub("", SCRIPTS[name])
    for names, path in IMPORT.findall(SCRIPTS[name]):
        exported = set(EXPORT.findall(SCRIPTS[path.removeprefix("./")]))
        imported = {one.strip() for one in names.split(",")}
        assert imported <= exported, path
        used = {one for one in imported if re.search(rf"(?<![\w.]){re.escape(one)}(?!\w)", body)}
        assert used == imported, path


class Data(HTMLParser):
    """The data attributes of elements, by their ids."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.of: dict[str, dict[str, Any]] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if identity := named.get("id"):
            self.of[identity] = {k: v for k, v in named.items() if k.startswith("data-")}


@pytest.fixture
def data(site: tuple[str, Registry]) -> dict[str, dict[str, Any]]:
    """What the tabs hand to the scripts."""
    registry = site[1]
    act = Handlers(registry)
    with gr.Blocks() as page:
        live_tab.build(registry, act)
        video_tab.build(registry, act)
        photo_tab.build(registry, act, Routes(registry))
    html = [block.value for block in page.blocks.values() if isinstance(block, gr.HTML)]
    return Data("".join(html)).of


def test_moods_files_and_limits_come_from_the_server(data: dict[str, dict[str, Any]]) -> None:
    colours = json.loads(data["ms-chart"]["data-colours"])
    assert colours == {mood: hex_of(mood) for mood in EMOTIONS}
    assert tuple(colours) == EMOTIONS  # in the order of the rows of the history
    assert data["ms-overlay"] == {"data-file": layout.OVERLAY}
    assert data["ms-few"] == data["ms-photo-line"] == {"data-min-group": "3"}
    text = "".join(SCRIPTS.values())
    assert not any(mood in re.findall(r"\w+", text) for mood in EMOTIONS)
    assert layout.OVERLAY not in text
