"""The command `moodstream dashboard`."""

from __future__ import annotations

import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.asking import Asker
from support.browser import command

from moodstream.realtime.cli.entry import build_parser, main
from moodstream.realtime.dashboard.limits import Limits
from moodstream.realtime.dashboard.server import DashboardServer
from moodstream.realtime.dashboard.sessions import Registry
from moodstream.realtime.errors import MoodstreamError


def test_the_command_serves_until_a_signal_ends_it(tmp_path: Path) -> None:
    with command(tmp_path, "--auth", "ann:pw") as (process, url):
        assert Asker(url)("/")[0] == 401
        assert Asker(url, auth="ann:pw")("/")[0] == 200
        assert len(list(tmp_path.glob("moodstream-dashboard-*"))) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not list(tmp_path.glob("moodstream-*"))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--auth", "ann"], "--auth: expected USER:PASSWORD"),
        (["--auth", ":pw"], "--auth: expected USER:PASSWORD"),
        (["--allow-source", "x"], "--allow-source 'x'"),
    ],
)
def test_bad_options_are_one_line(
    options: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dashboard", *options]) == 2
    assert line in capsys.readouterr().err


def test_a_port_that_is_taken_is_one_line(site: tuple[str, Registry]) -> None:
    with pytest.raises(MoodstreamError, match="cannot be listened on"):
        DashboardServer(lambda *_: None, "127.0.0.1", urlsplit(site[0]).port or 0)


def test_the_defaults_are_those_of_the_limits() -> None:
    args = build_parser().parse_args(["dashboard"])
    assert (args.max_upload, args.max_streams) == (Limits().upload_mb, Limits().streams)
    assert args.port == 7860
