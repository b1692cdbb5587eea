"""Several videos of one `moodstream process`: each its folder, and one that fails is one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.fakes import OneFace
from support.media import moving_blob, write_video

from moodstream.realtime.cli import entry
from moodstream.realtime.cli import process as cli_process
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks.models import Models
from moodstream.realtime.runs.offline.process import OfflineRun


class Unlucky(OneFace):
    """A detector that breaks at pictures of one size."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def detect(self, images: Any, min_confidence: float) -> Any:
        if images[0].shape[1] == 96:
            raise self.error
        return super().detect(images, min_confidence)


@pytest.fixture
def videos(tmp_path: Path) -> list[Path]:
    """Three, the second of them of another size."""
    sizes = {"a": (160, 120), "b": (96, 64), "c": (160, 120)}
    return [
        write_video(tmp_path / f"{name}.mp4", moving_blob(10, size=size))
        for name, size in sizes.items()
    ]


def broken_by(error: BaseException, networks: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    models = replace(networks, detector=Unlucky(error))
    monkeypatch.setattr(cli_process, "load_models", lambda args, streams: models)


def process(*arguments: object) -> int:
    return entry.main(["process", *map(str, arguments), "--no-video", "--models", "embedded"])


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            RuntimeError("a network\nbroke"),
            "{b}: cannot be processed (RuntimeError: a network broke)",
        ),
        (AssertionError(), "{b}: cannot be processed (AssertionError)"),
        (MemoryError(), "{b}: cannot be processed (MemoryError)"),
        (UnicodeEncodeError("utf-8", "x", 0, 1, "no"), "{b}: cannot be processed (UnicodeEncode"),
        (MoodstreamError("b is not fit"), "b is not fit"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_whatever_is_wrong_with_a_video_is_one_line_and_the_others_are_done(
    error: Exception,
    line: str,
    videos: list[Path],
    networks: Models,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken_by(error, networks, monkeypatch)
    out = tmp_path / "out"
    assert process(*videos, "-o", out, "--json") == 2
    output = capsys.readouterr()
    assert len(output.err.splitlines()) == 1, output.err
    assert output.err.startswith("moodstream: " + line.format(b=videos[1]))
    assert [s["source"]["name"] for s in json.loads(output.out)] == ["a.mp4", "c.mp4"]
    assert sorted(folder.name for folder in out.iterdir()) == ["a", "c"]


def test_what_is_wrong_with_the_only_video_is_not_hidden(
    videos: list[Path], networks: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_by(RuntimeError("a network broke"), networks, monkeypatch)
    with pytest.raises(RuntimeError, match="a network broke"):
        process(videos[1], "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_networks_that_cannot_be_had_are_one_line(
    videos: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def missing(*_: object) -> Models:
        raise MoodstreamError("there are no networks")

    monkeypatch.setattr(cli_process, "load_models", missing)
    assert process(*videos, "-o", tmp_path / "out") == 2
    assert capsys.readouterr().err == "moodstream: there are no networks\n"


def test_no_two_videos_share_a_folder_in_any_file_system(tmp_path: Path) -> None:
    names = ["A.mp4", "a.mov", "b/a.mkv", "My trip (1).mp4", ".hidden.mp4", "caf\udce9.mp4"]
    videos = [tmp_path / name for name in names]
    folders = cli_process.result_folders(videos, videos, tmp_path / "out")
    assert len({folder.name.casefold() for folder in folders}) == len(videos)
    assert [f.name for f in folders] == ["A", "a-2", "a-3", "My-trip-1", "hidden", "caf"]
    assert cli_process.result_folders(videos[:1], videos[:1], tmp_path) == [tmp_path]
    assert cli_process.result_folders(videos[:1], [tmp_path], tmp_path / "out") == [
        tmp_path / "out" / "A"
    ]


def test_a_signal_that_comes_late_ends_the_batch_all_the_same(
    videos: list[Path], networks: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the report is written: that video is complete, and no other is begun."""
    import signal

    monkeypatch.setattr(cli_process, "load_models", lambda args, streams: networks)
    report = OfflineRun._report

    def late(self: OfflineRun, *arguments: Any) -> None:
        signal.raise_signal(signal.SIGTERM)
        report(self, *arguments)

    monkeypatch.setattr(OfflineRun, "_report", late)
    assert process(*videos, "-o", tmp_path / "out", "--quiet") == 143
    (folder,) = (tmp_path / "out").iterdir()
    assert not json.loads((folder / "summary.json").read_text())["interrupted"]
    assert (folder / "report.html").exists()
