"""Detectors and classifiers that other packages bring, found by their entry points.

A package names a factory in the group ``moodstream.detectors`` or ``moodstream.classifiers``; then
``--detector NAME`` and ``--emotion NAME`` take it. The factory is called with those of the keyword
arguments ``device`` (cpu, cuda or mps) and ``precision`` (auto, f32, bf16 or int8, as the user
asked for it) that it names, and returns what ``as_detector`` or ``as_classifier`` takes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, TypeVar, cast

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks.blame import blame
from moodstream.realtime.networks.weights.catalogue import Kind

if TYPE_CHECKING:
    from moodstream.realtime.networks.classifiers.base import EmotionClassifier
    from moodstream.realtime.networks.detectors.base import FaceDetector

T = TypeVar("T")

GROUPS: dict[Kind, str] = {
    "detector": "moodstream.detectors",
    "emotion": "moodstream.classifiers",
}
"""The group of entry points of each kind of network."""


@dataclass(frozen=True)
class Plugin:
    """A factory that a package offers.

    Attributes:
        kind: What it makes.
        name: What ``--detector`` or ``--emotion`` calls it.
        package: The distribution that brings it, and its version.
        entry: Where the factory is.
        refused: Why it cannot be used, or None where it can.
    """

    kind: Kind
    name: str
    package: str
    entry: EntryPoint
    refused: str | None = None

    def factory(self) -> Callable[..., Any]:
        """What makes the network; imports the package, which may raise anything.

        Raises:
            MoodstreamError: The entry point names something that cannot be called.
        """
        made = self.entry.load()
        if not callable(made):
            raise MoodstreamError(
                f"{self.entry.value} cannot be called; expected a factory: a function or a class"
            )
        return cast("Callable[..., Any]", made)

    def detector(self, device: str, precision: str) -> FaceDetector:
        """The detector that the factory makes.

        Args:
            device: Offered to the factory: cpu, cuda or mps.
            precision: Offered to the factory: auto, f32, bf16 or int8.

        Raises:
            MoodstreamError: The plug-in is refused, fails or makes something else.
        """
        from moodstream.realtime.networks.custom import as_detector

        return self._made(as_detector, device=device, precision=precision)

    def classifier(self, device: str, precision: str) -> EmotionClassifier:
        """The classifier that the factory makes.

        Args:
            device: Offered to the factory: cpu, cuda or mps.
            precision: Offered to the factory: auto, f32, bf16 or int8.

        Raises:
            MoodstreamError: The plug-in is refused, fails or makes something else.
        """
        from moodstream.realtime.networks.custom import as_classifier

        return self._made(as_classifier, device=device, precision=precision)

    def _made(self, adapt: Callable[[Any, str], T], **offered: str) -> T:
        about = f"--{self.kind} {self.name} (plug-in of {self.package})"
        if self.refused is not None:
            raise MoodstreamError(f"{about}: {self.refused}")
        try:
            factory = self.factory()
            return adapt(factory(**_accepted(factory, offered)), self.name)
        except MoodstreamError as error:
            raise MoodstreamError(f"{about}: {error}") from error
        except Exception as error:  # anything can go wrong in code that is not ours
            raise blame(about, error) from error


def discover(kind: Kind, builtin: Sequence[str]) -> list[Plugin]:
    """The plug-ins of a kind by name; one that has a name of ``builtin`` is there, but refused."""
    entries = sorted(entry_points(group=GROUPS[kind]), key=lambda e: (e.name, e.value))
    offers: dict[str, list[Plugin]] = {}
    for entry in entries:
        plugin = Plugin(kind, entry.name, _package(entry), entry, _refusal(entry.name, builtin))
        same = offers.setdefault(entry.name, [])
        # a folder that stands on the path twice offers everything twice
        if all((p.entry.value, p.package) != (entry.value, plugin.package) for p in same):
            same.append(plugin)
    return [_one_of(plugins) for plugins in offers.values()]


def names(kind: Kind, builtin: Sequence[str]) -> list[str]:
    """The names of the plug-ins that can be asked for."""
    return [plugin.name for plugin in discover(kind, builtin) if plugin.refused is None]


def find(kind: Kind, name: str, builtin: Sequence[str]) -> Plugin | None:
    """The plug-in of a name; None where there is none, or ``builtin`` has the name."""
    if name in builtin:
        return None
    return next((plugin for plugin in discover(kind, builtin) if plugin.name == name), None)


def _refusal(name: str, builtin: Sequence[str]) -> str | None:
    if name in builtin:
        return f"{name} is the name of one that moodstream brings itself"
    if not name or "," in name or name.endswith((".onnx", ".pt")):
        return "a name may hold no comma and not look like a file"
    return None


def _one_of(plugins: Sequence[Plugin]) -> Plugin:
    """The only plug-in of a name; where there are several, none of them can be meant."""
    first = plugins[0]
    if len(plugins) == 1:
        return first
    packages = ", ".join(plugin.package for plugin in plugins)
    return Plugin(
        first.kind, first.name, packages, first.entry, "more than one plug-in has this name"
    )


def _package(entry: EntryPoint) -> str:
    dist = entry.dist
    return "an unknown package" if dist is None else f"{dist.name} {dist.version}"


def _accepted(factory: Any, offered: dict[str, str]) -> dict[str, str]:
    """Those of the arguments on offer that a factory names."""
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return {}
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return offered
    return {name: value for name, value in offered.items() if name in parameters}
