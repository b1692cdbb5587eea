"""Folders of results: what may be written where, and what is left after an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from moodstream.realtime.errors import MoodstreamError, NotReplacedError
from moodstream.realtime.outputs.folders import (
    clean_up,
    file_names,
    finished,
    prepare_folder,
    read_json,
    results_folder,
    write_json,
    writing,
)

OUTPUTS = ("a.json", "b.mp4")


def test_a_missing_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    assert prepare_folder(tmp_path / "x" / "y", OUTPUTS, overwrite=False)
    assert not prepare_folder(tmp_path / "x" / "y", OUTPUTS, overwrite=False)
    assert list((tmp_path / "x" / "y").iterdir()) == []


@pytest.mark.parametrize(
    ("present", "must_be_empty", "problem"),
    [
        ("a.json", False, "holds results already"),
        ("a.json", True, "holds results already"),
        ("other.txt", True, "is not empty"),
        ("other.txt", False, None),
    ],
)
def test_what_is_there_is_replaced_only_on_request(
    present: str, must_be_empty: bool, problem: str | None, tmp_path: Path
) -> None:
    (tmp_path / present).touch()
    assert not prepare_folder(tmp_path, OUTPUTS, True, must_be_empty)
    if problem is None:
        assert not prepare_folder(tmp_path, OUTPUTS, False, must_be_empty)
        return
    with pytest.raises(NotReplacedError, match=problem) as caught:
        prepare_folder(tmp_path, OUTPUTS, False, must_be_empty)
    # right for the command line and for Python
    assert str(caught.value).endswith("with overwrite=True")
    assert caught.value.on_command_line.endswith("with --overwrite")
    assert "\n" not in str(caught.value)


def test_a_file_in_the_place_of_the_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MoodstreamError, match="cannot be written"):
        prepare_folder(tmp_path / "file", OUTPUTS, overwrite=False)


def test_an_error_leaves_no_half_written_file_and_no_new_folder(tmp_path: Path) -> None:
    new = tmp_path / "new"

    def fail(folder: Path) -> None:
        with results_folder(folder, OUTPUTS, overwrite=True):
            (folder / "a.json.part").touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail(new)
    assert not new.exists()
    (tmp_path / "mine.part").touch()
    with pytest.raises(ZeroDivisionError):
        fail(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.part"]


def test_a_new_folder_stays_where_somebody_else_has_written_into_it(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    prepare_folder(folder, OUTPUTS, overwrite=False)
    (folder / "mine.txt").touch()
    clean_up(folder, OUTPUTS, new=True)
    assert (folder / "mine.txt").exists()


def test_a_file_has_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"mood": "fröhlich"})
    assert read_json(path) == {"mood": "fröhlich"}
    before = path.read_text(encoding="utf-8")
    with pytest.raises(TypeError):
        write_json(path, {"mood": object()})

    def fail() -> None:
        with finished(path) as part:
            part.write_text("{")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text(encoding="utf-8") == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("content", [None, "{", "\xff"])
def test_json_that_cannot_be_read_is_one_line(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    with pytest.raises(MoodstreamError, match=r"a\.json: cannot be read"):
        read_json(path)


def test_only_errors_of_the_disk_are_converted(tmp_path: Path) -> None:
    with pytest.raises(MoodstreamError, match="cannot be written"), writing(tmp_path):
        raise OSError("no space left")
    with pytest.raises(json.JSONDecodeError), writing(tmp_path):
        json.loads("{")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["camera 0", "camera 1"], ["camera-0", "camera-1"]),
        (["rtsp://host/a?b=1"], ["rtsp-host-a-b-1"]),
        (["Tür", "tür", "TÜR"], ["Tür", "tür-2", "TÜR-3"]),
        (["../..", ""], ["source", "source-2"]),
        (["a", "a-2", "a"], ["a", "a-2", "a-3"]),
        (["x" * 300], ["x" * 60]),
    ],
)
def test_names_of_files_are_fit_and_unique(names: list[str], expected: list[str]) -> None:
    assert file_names(names) == expected
