"""The commands ``moodstream models`` and ``moodstream doctor``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from moodstream.realtime.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from moodstream.realtime.networks.plugins import Plugin
    from moodstream.realtime.networks.weights.store import WeightStatus, WeightStore

    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parsers(subparsers: SubParsers) -> None:
    """Add the commands to the parser."""
    models = subparsers.add_parser("models", help="list, fetch and verify weights")
    actions = models.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="every file of weights and where it is, and plug-ins")
    listing.set_defaults(func=_list)
    fetch = actions.add_parser("fetch", help="download weights and check them")
    fetch.set_defaults(func=_fetch)
    check = actions.add_parser("verify", help="hash the weights that are here")
    check.set_defaults(func=_verify)
    for parser in (fetch, check):
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("names", nargs="*", default=[], metavar="NAME", help="file name")
        which.add_argument("--all", action="store_true", help="every known file")
    doctor = subparsers.add_parser("doctor", help="what this machine has and what it lacks")
    doctor.add_argument("--json", action="store_true", help="for programs")
    doctor.set_defaults(func=_doctor)


def _store() -> WeightStore:
    from moodstream.realtime.networks.weights.store import WeightStore

    return WeightStore()


def _list(args: argparse.Namespace) -> int:
    rows = _store().describe()
    if sys.stdout.isatty():
        _table(rows)
    else:
        for row in rows:
            print(row.weight.name, row.weight.kind, row.state, row.path, sep="\t")
    for plugin in _plugins():
        state = "plug-in" if plugin.refused is None else f"refused: {plugin.refused}"
        print(plugin.name, plugin.kind, state, plugin.package, sep="\t")
    return 0


def _plugins() -> list[Plugin]:
    """Every plug-in, whether it can be used or not."""
    from moodstream.realtime.networks.names import builtin_names
    from moodstream.realtime.networks.plugins import GROUPS, discover

    return [plugin for kind in GROUPS for plugin in discover(kind, builtin_names(kind))]


def _table(rows: list[WeightStatus]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    colours = {"present": "green", "missing": "dim", "wrong checksum": "bold red"}
    table = Table("file", "kind", "state", "where", "about", "licence")
    for row in rows:
        state = f"[{colours[row.state]}]{row.state}"
        weight = row.weight
        # Only a path that somebody can open is worth the room.
        where = "" if row.state == "missing" else escape(str(row.path))
        table.add_row(weight.name, weight.kind, state, where, weight.about, weight.licence)
    Console().print(table)


def _fetch(args: argparse.Namespace) -> int:
    from moodstream.realtime.errors import MoodstreamError

    store, failed = _store(), False
    names = _names(store, args)
    for name in names:
        try:
            path = store.get(name, progress=True)
            print(f"{name}: {path} ({store.weight(name).licence})")
        except MoodstreamError as error:
            # One file that cannot be had should not keep the others away.
            print(f"moodstream: {error}", file=sys.stderr)
            failed = True
    return ExitCode.FAILED if failed else ExitCode.OK


def _verify(args: argparse.Namespace) -> int:
    from moodstream.realtime.networks.weights.checksums import verify
    from moodstream.realtime.networks.weights.store import WeightsError

    store, failed = _store(), False
    for name in _names(store, args):
        path = store.cached(name) or store.root / name
        if not path.exists():
            # Of --all, only the files that are here can be wrong.
            print(f"{name}: not here (moodstream models fetch {name})")
            failed = failed or not args.all
            continue
        try:
            print(f"{name}: ok, sha256 {verify(path, store.weight(name))}, {path}")
        except WeightsError as error:
            print(f"moodstream: {error}", file=sys.stderr)
            failed = True
    return ExitCode.FOUND_WRONG if failed else ExitCode.OK


def _names(store: WeightStore, args: argparse.Namespace) -> list[str]:
    for name in args.names:
        store.weight(name)  # a misspelt name is an error before anything is fetched
    return list(store.known) if args.all else list(args.names)


def _doctor(args: argparse.Namespace) -> int:
    from moodstream.realtime.diagnostics import doctor

    return doctor.run(args.json)
