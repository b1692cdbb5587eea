"""The papers: links lead somewhere, commands are those that the program knows."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from moodstream.realtime.cli.entry import build_parser
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.outputs.recording.writer import PEOPLE_COLUMNS, TIMELINE_COLUMNS
from moodstream.realtime.runs.live.state import FIELDS
from moodstream.realtime.runs.photos.columns import FACE_COLUMNS, PHOTO_COLUMNS

ROOT = next(p for p in Path(__file__).resolve().parents if (p / "pyproject.toml").is_file())
KINDS = ("p", "w", "u", "lo", "hi")  # of columns of shares
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_OPTIONAL = re.compile(r"(?<!\w)--?[a-z][\w-]*")
_DOTS = ("…", "...")


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", text)


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    found: dict[str, int] = {}
    names = set()
    for title in _HEADING.findall(prose(text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        count = found.get(slug, 0)
        names.add(f"{slug}-{count}" if count else slug)
        found[slug] = count + 1
    return names


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Every relative link of a page: the file that it names, and the anchor."""
    for target in _LINK.findall(_SPAN.sub("", prose(page.read_text(encoding="utf-8")))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        yield (page.parent / path).resolve() if path else page, anchor


def broken_links(page: Path) -> list[str]:
    """What the relative links of a page miss."""
    wrong = []
    for path, anchor in links(page):
        if not path.exists():
            wrong.append(f"no file {path.name}")
        elif anchor and anchor not in anchors(path.read_text(encoding="utf-8")):
            wrong.append(f"no heading {anchor!r} in {path.name}")
    return wrong


def spans(text: str) -> list[str]:
    """What stands between single backticks in a page, each on one line."""
    return [" ".join(span.split()) for span in _SPAN.findall(prose(text))]


def arguments(line: str) -> list[str] | None:
    """The arguments of a ``moodstream …`` line; None for others, and for unfinished ones."""
    line = re.sub(r"^.*?&& ", "", line.strip())
    if not line.startswith("moodstream ") or any(dots in line for dots in _DOTS):
        return None
    words = shlex.split(line, comments=True)[1:]
    return None if "|" in "".join(words) else words


def commands(text: str) -> list[list[str]]:
    """The arguments of every command in the blocks of a page: these can be pasted."""
    blocks = [block for kind, block in _FENCE.findall(text) if kind == "sh"]
    found = [arguments(line) for block in blocks for line in block.splitlines()]
    return [words for words in found if words is not None]


def mentions(text: str) -> list[list[str]]:
    """The arguments of every command within a line of a page: these may lack some."""
    found = [arguments(span) for span in spans(text)]
    return [words for words in found if words is not None]


def refusal(words: list[str], capsys: pytest.CaptureFixture[str]) -> str | None:
    """What the parser says against a command, None where it takes it."""
    try:
        build_parser().parse_args(words)
    except SystemExit as end:
        said = capsys.readouterr().err.strip()
        return said if end.code else None
    return None


def parsers() -> Iterator[argparse.ArgumentParser]:
    """The parser of the program and those of all its commands."""
    waiting = [build_parser()]
    while waiting:
        parser = waiting.pop()
        yield parser
        for action in parser._actions:
            if isinstance(action.choices, dict):
                waiting += action.choices.values()


def known_options() -> set[str]:
    """Every option string of every command."""
    return {name for parser in parsers() for a in parser._actions for name in a.option_strings}


def options(text: str) -> set[str]:
    """Every option that the spans of a page name as one of ours."""
    words = {parser.prog.split()[-1] for parser in parsers()} - {"models"}
    ours = [s for s in spans(text) if s.startswith("-") or s.split()[0] in words]
    return {name for span in ours for name in _OPTIONAL.findall(span)}


def choices() -> dict[str, set[str]]:
    """What every option takes that takes one of a few words."""
    found: dict[str, set[str]] = {}
    for action in (action for parser in parsers() for action in parser._actions):
        if isinstance(action.choices, (list, tuple)):
            for name in action.option_strings:
                found.setdefault(name, set()).update(map(str, action.choices))
    return found


def named_choices(text: str) -> Iterator[tuple[str, str]]:
    """Every option of a page's spans with each of the words after it, as in ``--a b|c``."""
    for option, words in re.findall(r"(--[a-z-]+) ([\w\\|]+)", "\n".join(spans(text))):
        for word in re.split(r"\\?\|", words):
            yield option, word


# options of benchmarks, named beside figures
OF_SCRIPTS = {"--roll", "--calm"}
# what earlier versions called options and choices, in the pages that tell of it
FORMER = {"--aggregation", "--mix", "--front-end", "seed"}


@pytest.mark.parametrize("name", NAMES)
def test_every_relative_link_leads_somewhere(name: str) -> None:
    assert broken_links(ROOT / name) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_taken_by_the_parser(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    said = {" ".join(words): refusal(words, capsys) for words in commands(text)}
    assert {command: line for command, line in said.items() if line is not None} == {}


@pytest.mark.parametrize("name", NAMES)
def test_every_command_within_a_line_lacks_nothing_but_arguments(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    said = {" ".join(words): refusal(words, capsys) or "" for words in mentions(text)}
    lacks = ("required", "expected one argument")
    wrong = {c: line for c, line in said.items() if line and not any(w in line for w in lacks)}
    assert wrong == {}


def test_every_option_that_is_named_exists() -> None:
    known = known_options() | OF_SCRIPTS | FORMER
    unknown = {
        name: sorted(missing)
        for name in NAMES
        if (missing := options((ROOT / name).read_text(encoding="utf-8")) - known)
    }
    assert unknown == {}


def test_every_choice_that_is_named_exists() -> None:
    known = choices()
    unknown = {
        f"{name}: {option} {value}"
        for name in NAMES
        for option, value in named_choices((ROOT / name).read_text(encoding="utf-8"))
        if option not in FORMER and value not in known.get(option, {value}) | FORMER
    }
    assert unknown == set()


def test_every_option_is_named_in_some_page() -> None:
    pages = [(ROOT / name).read_text(encoding="utf-8") for name in NAMES]
    named = set().union(*map(options, pages))
    named |= {word for text in pages for words in commands(text) for word in words}
    ours = {name for name in known_options() if name.startswith("--")}
    assert ours - named <= FORMER | {"--help"}


def test_commands_of_the_readme_can_be_given_one_after_another() -> None:
    """Results are never replaced unasked, so each has a folder of its own."""
    written = [
        str(folder)
        for words in commands((ROOT / "README.md").read_text(encoding="utf-8"))
        for name in ("output", "record")
        if (folder := getattr(build_parser().parse_args(words), name, None)) is not None
    ]
    assert len(written) >= 3
    assert len(set(written)) == len(written), written


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_every_page_of_docs_is_linked_from_the_readme() -> None:
    reached = {path for path, _ in links(ROOT / "README.md")}
    assert {page for page in PAGES if page.parent.name == "docs"} <= reached


@pytest.mark.parametrize(
    "columns", [TIMELINE_COLUMNS, PEOPLE_COLUMNS, FACE_COLUMNS, PHOTO_COLUMNS, FIELDS]
)
def test_every_column_is_described(columns: tuple[str, ...]) -> None:
    named = set(spans((ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")))
    shares = {f"{kind}_{emotion}" for kind in KINDS for emotion in EMOTIONS}
    marks = {name for name in FACE_COLUMNS if re.fullmatch(r"\w*(eye|nose|mouth)_[xy]", name)}
    assert set(columns) - named - shares - marks == set()


@pytest.mark.parametrize("kind", KINDS)
def test_every_distribution_is_described(kind: str) -> None:
    text = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")
    assert re.search(rf"`{kind}_(angry|…)", text)


# --- the checks themselves find what is wrong ---


def test_broken_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One two\n\n[a](#one-two) [b](#three) [c](gone.md) `[d](code.md)`\n")
    assert broken_links(page) == ["no heading 'three' in page.md", "no file gone.md"]


def test_commands_are_found_in_blocks_and_lines() -> None:
    text = (
        "```sh\nmake install && moodstream doctor --json  # why\nmoodstream live 0 …\n```\n"
        "`moodstream\nmodels list` and `moodstream models list|fetch`\n"
        "```python\nmoodstream = 1\n```\n"
    )
    assert commands(text) == [["doctor", "--json"]]
    assert mentions(text) == [["models", "list"]]


def test_options_are_found_with_and_without_their_command() -> None:
    text = "`--a B`, `live --b`, `moodstream process --c`, `python x --d`, `pip -e .`\n"
    assert options(text) == {"--a", "--b", "--c"}


def test_choices_are_found() -> None:
    found = named_choices("`--a b\\|c` and `x --d e`, `--f`")
    assert list(found) == [("--a", "b"), ("--a", "c"), ("--d", "e")]


def test_unknown_options_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    refused = refusal(["process", "a.mp4", "-o", "b", "--nonsense"], capsys)
    assert refused is not None
    assert "--nonsense" in refused


def test_headings_alike_get_numbers() -> None:
    text = "# A & b\n## `/state`\n## The same\n## The same\n```sh\n# no heading\n```\n"
    assert anchors(text) == {"a--b", "state", "the-same", "the-same-1"}
