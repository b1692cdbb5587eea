"""Options that several commands have."""

from __future__ import annotations

import pytest

from moodstream.realtime.cli.entry import build_parser


@pytest.mark.parametrize(
    ("former", "now"),
    [
        (["process", "a.mp4", "-o", "b", "--mix", "average"], ["--aggregation", "mean"]),
        (["process", "a.mp4", "-o", "b", "--mix", "settled"], ["--aggregation", "em"]),
        (["live", "0", "--mix", "average"], ["--aggregation", "mean"]),
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
        build_parser().parse_args(["process", "a.mp4", "-o", "b", "--mix", "em"])
    said = capsys.readouterr().err
    assert "--mix: 'em' is no value of it; it is called --aggregation now: em, mean" in said
    with pytest.raises(SystemExit):
        build_parser().parse_args(["photos", "a", "-o", "b", "--front-end", "turn"])
    assert "it is called --face-preprocessing now: align, enlarge" in capsys.readouterr().err


def test_the_later_of_two_names_holds() -> None:
    line = ["process", "a.mp4", "-o", "b", "--mix", "average", "--aggregation", "em"]
    assert build_parser().parse_args(line).aggregation == "em"
    line = ["process", "a.mp4", "-o", "b", "--aggregation", "em", "--mix", "average"]
    assert build_parser().parse_args(line).aggregation == "mean"
