"""Weights that other packages have downloaded are found, checked, used and left as they are."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable
from pathlib import Path

import pytest

from moodstream.realtime.cli import models as cli_models
from moodstream.realtime.networks import load
from moodstream.realtime.networks.weights import other_caches
from moodstream.realtime.networks.weights import store as weights
from moodstream.realtime.networks.weights.catalogue import WeightFile
from moodstream.realtime.networks.weights.checksums import sha256_of
from moodstream.realtime.networks.weights.store import WeightsError, WeightStore

BODY = b"the right weights" * 1000
SHA = hashlib.sha256(BODY).hexdigest()
PICKLE, ONNX, YOLO = "enet_b0_8_best_vgaf.pt", "enet_b2_8.onnx", "yolov8n-face-lindevs.pt"


def entry(name: str, sha256: str = SHA) -> WeightFile:
    # nothing listens there, so that a download is an error
    url = f"http://127.0.0.1:9/{name}"
    return WeightFile(name, url, sha256, None, "emotion", "MIT", "a test")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of a user on Linux, and an empty working directory."""
    folder, work = tmp_path / "home", tmp_path / "work"
    folder.mkdir()
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    for name in ("XDG_CONFIG_HOME", "YOLO_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def store(home: Path) -> WeightStore:
    return WeightStore(home / "ours", {name: entry(name) for name in (PICKLE, ONNX, YOLO)})


def put(path: Path, body: bytes = BODY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


def settings(folder: Path, chosen: object) -> None:
    file = folder / "Ultralytics" / "settings.json"
    put(file, json.dumps({"settings_version": "0.0.6", "weights_dir": chosen}).encode())


@pytest.mark.parametrize(
    ("name", "place"), [(PICKLE, ".hsemotion"), (ONNX, ".emotiefflib")], ids=["pt", "onnx"]
)
def test_file_of_another_package_is_used_where_it_lies(
    name: str, place: str, home: Path, store: WeightStore
) -> None:
    theirs = put(home / place / name)
    before = theirs.stat()
    assert store.cached(name) == theirs
    assert store.get(name) == theirs
    after = theirs.stat()
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)
    assert not store.root.exists()
    assert [path.name for path in theirs.parent.iterdir()] == [name]


def test_our_own_copy_comes_first(home: Path, store: WeightStore) -> None:
    put(home / ".hsemotion" / PICKLE)
    ours = put(store.root / PICKLE)
    assert store.cached(PICKLE) == ours
    put(ours, b"damaged")
    assert store.cached(PICKLE) == home / ".hsemotion" / PICKLE


def test_file_with_another_checksum_is_not_used(home: Path, store: WeightStore) -> None:
    theirs = put(home / ".hsemotion" / PICKLE, BODY[::-1])
    assert store.cached(PICKLE) is None
    with pytest.raises(WeightsError, match="no way to"):
        store.get(PICKLE, connect_timeout=1)
    assert theirs.read_bytes() == BODY[::-1]
    # as soon as it is right, it counts; as soon as it is not, no more
    put(theirs)
    assert store.cached(PICKLE) == theirs
    put(theirs, b"changed")
    assert store.cached(PICKLE) is None


def test_ultralytics_folder_is_read_from_its_settings(
    home: Path, store: WeightStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.cached(YOLO) is None
    settings(home / ".config", str(tmp_path / "weights"))
    theirs = put(tmp_path / "weights" / YOLO)
    assert store.cached(YOLO) == theirs
    settings(tmp_path / "chosen", str(tmp_path / "more"))
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path / "chosen"))
    chosen = put(tmp_path / "more" / YOLO)
    assert store.cached(YOLO) == chosen
    chosen.unlink()
    # we set that variable ourselves before ultralytics is imported: the system's place counts too
    assert store.cached(YOLO) == theirs


def test_relative_ultralytics_folder_and_the_working_directory(
    home: Path, store: WeightStore
) -> None:
    here = put(Path(YOLO))
    assert store.cached(YOLO) == here.absolute()
    settings(home / ".config", "weights")
    inner = put(Path("weights", YOLO))
    assert store.cached(YOLO) == inner.absolute()


@pytest.mark.parametrize(
    ("system", "variable", "inside"),
    [
        ("Linux", "XDG_CONFIG_HOME", ""),
        ("Darwin", None, "Library/Application Support"),
        ("Windows", None, "AppData/Roaming"),
    ],
)
def test_settings_of_each_system(
    system: str,
    variable: str | None,
    inside: str,
    home: Path,
    store: WeightStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    folder = home / inside
    if variable:
        folder = tmp_path / "config"
        monkeypatch.setenv(variable, str(folder))
    settings(folder, str(tmp_path / "weights"))
    assert tmp_path / "weights" / YOLO in list(other_caches.places(YOLO))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"weights_dir": 5}', '{"weights_dir": null}']
)
def test_settings_that_cannot_be_read_are_passed_over(
    text: str, home: Path, store: WeightStore
) -> None:
    put(home / ".config" / "Ultralytics" / "settings.json", text.encode())
    assert store.cached(YOLO) is None


def test_real_ultralytics_settings_are_understood(
    home: Path, store: WeightStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file as the installed ultralytics writes it."""
    from ultralytics.utils import SettingsManager

    file = home / ".config" / "Ultralytics" / "settings.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    SettingsManager(file).update(weights_dir=str(tmp_path / "mine"))
    theirs = put(tmp_path / "mine" / YOLO)
    assert store.cached(YOLO) == theirs


def test_user_without_a_home(store: WeightStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    assert list(other_caches.places(PICKLE)) == []
    assert [path.name for path in other_caches.places(YOLO)] == [YOLO]


def test_list_and_verify_say_where_it_is(
    home: Path,
    store: WeightStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import argparse

    monkeypatch.setattr(weights, "KNOWN", store.known)
    monkeypatch.setenv("MOODSTREAM_CACHE", str(store.root))
    theirs = put(home / ".hsemotion" / PICKLE)
    parser = argparse.ArgumentParser()
    cli_models.add_parsers(parser.add_subparsers(required=True))

    def printed(*words: str) -> str:
        args = parser.parse_args(["models", *words])
        assert args.func(args) == 0
        return capsys.readouterr().out

    lines = [line.split("\t") for line in printed("list").splitlines()]
    states = {name: (state, path) for name, _, state, path in lines}
    assert states[PICKLE] == ("present", str(theirs))
    assert states[YOLO] == ("missing", str(store.root / YOLO))
    assert f"{PICKLE}: ok, sha256 {SHA}, {theirs}" in printed("verify", PICKLE)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "400")
    assert str(theirs) in printed("list")


@pytest.mark.usefixtures("one_thread")
def test_pickle_of_the_hsemotion_package_spares_the_download(
    home: Path, pickle_of: Callable[[str], Path]
) -> None:
    name = PICKLE.removesuffix(".pt")
    theirs = put(home / ".hsemotion" / PICKLE, pickle_of(name).read_bytes())
    known = {PICKLE: entry(PICKLE, sha256_of(theirs)), f"{name}.onnx": entry(f"{name}.onnx")}
    asked = load.ModelSettings("hsemotion", device="cpu", emotion=name)
    _, info, _ = load.load_classifier(asked, WeightStore(home / "ours", known))
    assert (info.file, info.engine) == (PICKLE, "torch")
    assert not (home / "ours").exists()
    known[PICKLE] = entry(PICKLE)  # another checksum: a pickle that we must not open
    with pytest.raises(WeightsError, match=rf"cannot fetch {name}\.onnx"):
        load.load_classifier(asked, WeightStore(home / "ours", known))
