"""What pyproject.toml lists is what lies in the folders, and what the program says of it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from moodstream.realtime.diagnostics import doctor

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]
FOLDERS: dict[str, Path] = {
    name: ROOT / folder for name, folder in SETUPTOOLS["package-dir"].items()
}


def folder_of(package: str) -> Path:
    """Where setuptools finds a package: by the longest mapped name that it begins with."""
    head = package
    tail: list[str] = []
    while head not in FOLDERS:
        head, _, last = head.rpartition(".")
        tail.insert(0, last)
    return FOLDERS[head].joinpath(*tail)


def packages_in_folders() -> Iterator[str]:
    for name, top in FOLDERS.items():
        for init in top.rglob("__init__.py"):
            yield ".".join([name, *init.parent.relative_to(top).parts])


def data_of(package: str) -> Iterator[Path]:
    """The files of a package that are no code, relative to it, in folders of its own only."""
    folder, waiting = folder_of(package), [folder_of(package)]
    while waiting:
        for path in sorted(waiting.pop().iterdir()):
            if path.is_dir():
                if path.name != "__pycache__" and not (path / "__init__.py").exists():
                    waiting.append(path)
            elif path.suffix not in (".py", ".pyc"):
                yield path.relative_to(folder)


def test_every_folder_of_code_is_mapped() -> None:
    tops = {init.parent for init in ROOT.glob("*/__init__.py")}
    assert tops == set(FOLDERS.values())


def test_every_package_is_listed() -> None:
    listed = SETUPTOOLS["packages"]
    assert sorted(listed) == sorted(packages_in_folders())


def test_no_code_lies_outside_the_packages() -> None:
    listed = {folder_of(package) for package in SETUPTOOLS["packages"]}
    code = {path.parent for top in FOLDERS.values() for path in top.rglob("*.py")}
    assert code == listed


@pytest.mark.parametrize("package", SETUPTOOLS["packages"])
def test_every_data_file_is_packed_and_every_pattern_is_used(package: str) -> None:
    patterns = SETUPTOOLS["package-data"].get(package, [])
    files = list(data_of(package))
    # setuptools' pattern does not cross folders, nor does Path.match with as many parts
    packed = {
        pattern: {
            file
            for file in files
            if len(file.parts) == len(Path(pattern).parts) and file.match(pattern)
        }
        for pattern in patterns
    }
    assert set(files) == set().union(*packed.values())
    assert all(packed.values()), packed


def test_patterns_are_of_packages_that_are_listed() -> None:
    assert set(SETUPTOOLS["package-data"]) <= set(SETUPTOOLS["packages"])


def requirements(group: list[str]) -> set[str]:
    """The bare names of requirements."""
    found = {re.match(r"[\w.-]+", requirement) for requirement in group}
    return {match.group().lower() for match in found if match}


def test_doctor_knows_what_an_install_brings() -> None:
    project = PROJECT["project"]
    assert set(doctor.INSTALLED) == requirements(project["dependencies"]) | {"moodstream"}
    extras = project["optional-dependencies"]
    told = {
        (name, extra)
        for extra, group in extras.items()
        if extra not in ("all", "dev")
        for name in requirements(group)
    }
    assert told == set(doctor.EXTRAS.items())
    (everything,) = extras["all"]
    assert everything == f"moodstream[{','.join(sorted(set(extras) - {'all', 'dev'}))}]"


def test_releases_of_ultralytics_that_were_tampered_with_are_excluded() -> None:
    (line,) = (r for r in PROJECT["project"]["dependencies"] if r.startswith("ultralytics"))
    wanted = SpecifierSet(line.removeprefix("ultralytics"))
    for release in ("8.3.41", "8.3.42", "8.3.45", "8.3.46"):
        assert release not in wanted
