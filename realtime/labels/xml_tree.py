"""XML files as a small tree that knows its line numbers, without entities."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from moodstream.realtime.errors import MoodstreamError


class _EntityError(Exception):
    """An entity was declared: the way to make a small file fill all memory."""


@dataclass
class Node:
    """An element.

    Attributes:
        tag: Its name.
        attributes: By name.
        line: Where it begins in the file, from 1.
        text: All the text right inside it.
        children: The elements right inside it.
    """

    tag: str
    attributes: dict[str, str]
    line: int
    text: str = ""
    children: list[Node] = field(default_factory=list)

    def all(self, tag: str) -> list[Node]:
        """The elements of a name right inside this one."""
        return [node for node in self.children if node.tag == tag]

    def first(self, tag: str) -> Node | None:
        """The first element of a name right inside this one, if there is one."""
        return next(iter(self.all(tag)), None)

    def value(self, tag: str, default: str = "") -> str:
        """The text of the first element of a name right inside this one."""
        node = self.first(tag)
        return default if node is None else node.text.strip()


def read_xml(path: Path) -> Node:
    """The root element of a file.

    Raises:
        MoodstreamError: It is malformed, or declares an entity; names the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MoodstreamError(f"{path}: cannot be read ({error.strerror})") from None
    parser = expat.ParserCreate()
    parser.buffer_text = True
    top = Node("", {}, 0)
    open_nodes = [top]

    def start(tag: str, attributes: dict[str, str]) -> None:
        node = Node(tag, attributes, parser.CurrentLineNumber)
        open_nodes[-1].children.append(node)
        open_nodes.append(node)

    def end(_: str) -> None:
        open_nodes.pop()

    def text(data: str) -> None:
        open_nodes[-1].text += data

    def entity(*_: object) -> NoReturn:
        raise _EntityError

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise MoodstreamError(
            f"{path}: line {error.lineno}: not XML ({expat.ErrorString(error.code)})"
        ) from None
    except _EntityError:
        raise MoodstreamError(
            f"{path}: line {parser.CurrentLineNumber}: declares an entity, which is not read"
        ) from None
    return top.children[0]
