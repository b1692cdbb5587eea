"""Holds what is written and served against the TypedDicts that it is said to be."""

from __future__ import annotations

import types
import typing
from collections import defaultdict
from typing import Any


class Checker:
    """Holds values against the types they are said to have, and notes the keys that were met."""

    def __init__(self) -> None:
        self.met: defaultdict[type, set[str]] = defaultdict(set)

    def wrong(self, value: Any, kind: Any, where: str = "") -> list[str]:
        """One line for everything about ``value`` that ``kind`` does not promise."""
        if typing.is_typeddict(kind):
            return self._wrong_keys(value, kind, where)
        origin, inner = typing.get_origin(kind), typing.get_args(kind)
        if origin in (types.UnionType, typing.Union):
            found = [self.wrong(value, each, where) for each in inner]
            return [] if [] in found else max(found, key=len)
        if origin is list:
            bad = [] if isinstance(value, list) else [f"{where}: {value!r} is no list"]
            return bad or [p for v in value for p in self.wrong(v, inner[0], f"{where}[]")]
        if origin is dict:
            if not isinstance(value, dict):
                return [f"{where}: {value!r} is no dict"]
            return [p for k, v in value.items() for p in self.wrong(v, inner[1], f"{where}.{k}")]
        if origin is tuple:  # a list in JSON
            if not isinstance(value, list | tuple) or len(value) != len(inner):
                return [f"{where}: {value!r} is no {kind}"]
            pairs = zip(value, inner, strict=True)
            return [p for v, each in pairs for p in self.wrong(v, each, f"{where}[]")]
        if origin is typing.Literal:
            return [] if value in inner else [f"{where}: {value!r} is none of {inner}"]
        if kind is Any:
            return []
        right = type(value) is kind or (kind is float and type(value) is int)
        return [] if right else [f"{where}: {value!r} is no {kind}"]

    def _wrong_keys(self, value: Any, kind: Any, where: str) -> list[str]:
        if not isinstance(value, dict):
            return [f"{where}: {value!r} is no {kind.__name__}"]
        self.met[kind] |= value.keys()
        keys = typing.get_type_hints(kind)
        found = [f"{where}.{k}: is not in {kind.__name__}" for k in value.keys() - keys.keys()]
        found += [f"{where}.{k}: is missing" for k in kind.__required_keys__ - value.keys()]
        for key in value.keys() & keys.keys():
            found += self.wrong(value[key], keys[key], f"{where}.{key}")
        return found

    def never_met(self) -> list[str]:
        """The keys that nothing had."""
        return [f"{k.__name__}.{n}" for k, met in self.met.items() for n in _keys(k) - met]


def _keys(kind: Any) -> set[str]:
    return set(typing.get_type_hints(kind))
