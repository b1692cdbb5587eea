"""What a test needs of the machine: without it the test skips at home and fails on CI."""

from __future__ import annotations

import pytest
from support import needs


@pytest.fixture
def without_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs.shutil, "which", lambda name: None)


@pytest.mark.usefixtures("without_screen")
@pytest.mark.parametrize("ci", [None, "", "false"])
def test_what_is_missing_is_said_and_skipped(monkeypatch: pytest.MonkeyPatch, ci: str) -> None:
    monkeypatch.delenv("CI", raising=False)
    if ci is not None:
        monkeypatch.setenv("CI", ci)
    with pytest.raises(pytest.skip.Exception, match="apt-get install xvfb xdotool"):
        needs.require("screen")


@pytest.mark.usefixtures("without_screen")
@pytest.mark.parametrize("ci", ["true", "1", "True"])
def test_on_ci_nothing_may_be_missing(monkeypatch: pytest.MonkeyPatch, ci: str) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(pytest.fail.Exception, match="apt-get install xvfb xdotool"):
        needs.require("screen")


def test_what_is_there_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setenv("CI", "true")
    needs.require("screen")
