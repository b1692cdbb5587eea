"""Options that several commands have."""

from __future__ import annotations

import pytest

from moodstream.realtime.cli.entry import build_parser


@pytest.mark.parametrize(
    ("former", "now"),
    [
        (["photos", "a", "-o", "b", "--front-end", "align"], ["--face-preprocessing", "align"]),
        (
            ["evaluate", "emotions", "--data", "a", "--front-end", "enlarge"],
            ["--face-preprocessing", "enlarge"],
        ),
    ],
)
def test_options_go_by_their_former_names_too(
    former: list[str], now: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    parser = build_parser()
    rest = former[:-2]
    assert vars(parser.parse_args(former)) == vars(parser.parse_args([*rest, *now]))
    words = 2 if rest[0] == "evaluate" else 1
    with pytest.raises(SystemExit):
        parser.parse_args([*rest[:words], "--help"])
    told = capsys.readouterr().out
    assert now[0] in told
    assert former[-2] not in told


def test_a_former_option_takes_its_own_values_only(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["photos", "a", "-o", "b", "--front-end", "turn"])
    assert "it is called --face-preprocessing now: align, enlarge" in capsys.readouterr().err


def test_the_later_of_two_names_holds() -> None:
    old, new = ["--front-end", "align"], ["--face-preprocessing", "enlarge"]
    photos = ["photos", "a", "-o", "b"]
    assert build_parser().parse_args([*photos, *old, *new]).face_preprocessing == "enlarge"
    assert build_parser().parse_args([*photos, *new, *old]).face_preprocessing == "align"


@pytest.mark.parametrize("command", [["process", "a.mp4", "-o", "b"], ["live", "0"]])
@pytest.mark.parametrize("option", [["--aggregation", "mean"], ["--mix", "settled"]])
def test_an_option_that_there_was_has_no_effect_and_says_so(
    command: list[str], option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    parser = build_parser()
    assert vars(parser.parse_args([*command, *option])) == vars(parser.parse_args(command))
    assert f"moodstream: {option[0]} has no effect any more" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parser.parse_args([command[0], "--help"])
    assert option[0] not in capsys.readouterr().out
