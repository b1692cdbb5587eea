"""The rows of a run that is not finished: a pair of files for each batch, so a kill costs one.

A batch counts once its photos file has its name; that file is written after everything else.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from moodstream.realtime.errors import NotReplacedError
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import finished, read_json, write_json
from moodstream.realtime.runs.photos.columns import (
    FACE_COLUMNS,
    PHOTO_COLUMNS,
    CheckpointRow,
    schema,
    table_of,
)
from moodstream.realtime.runs.photos.schemas import FaceRow

_SETTINGS = "settings.json"
_RESULT_COLUMNS = (*PHOTO_COLUMNS, "error")
_PHOTO_COLUMNS = tuple(CheckpointRow.__annotations__)


class Checkpoint:
    """The unfinished results of a run, in the folder of its results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / layout.UNFINISHED

    def exist(self) -> bool:
        """Whether a run was begun here and not finished."""
        return (self.folder / _SETTINGS).is_file()

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Start anew, or go on with the run that was begun here.

        Args:
            settings: All that the rows depend on, as JSON.

        Raises:
            MoodstreamError: The run was begun with other settings.
        """
        if not self.exist():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            write_json(self.folder / _SETTINGS, settings)
            return
        before = read_json(self.folder / _SETTINGS)
        now = json.loads(json.dumps(settings))
        changed = [
            f"{key} ({before.get(key)} → {now.get(key)})"
            for key in {**before, **now}
            if before.get(key) != now.get(key)
        ]
        if changed:
            raise NotReplacedError(
                f"{self.folder.parent}: was begun with other settings: {', '.join(changed)}",
                "run it as before to go on, or begin anew with",
            )

    def add(self, faces: Sequence[FaceRow] | None, photos: Sequence[Mapping[str, Any]]) -> None:
        """Keep a batch.

        Args:
            faces: The rows of its faces, None where single faces are not to be kept.
            photos: The rows of its photos (CheckpointRow); what they lack is null.
        """
        import pyarrow.parquet as pq

        number = max((int(path.stem.split("-")[1]) for path in self._batches()), default=-1) + 1
        if faces is not None:
            with finished(self.folder / f"faces-{number:06d}.parquet") as part:
                pq.write_table(table_of(faces, FACE_COLUMNS), part)
        with finished(self.folder / f"photos-{number:06d}.parquet") as part:
            pq.write_table(table_of(photos, _PHOTO_COLUMNS), part)

    def file_states(self) -> dict[str, str]:
        """By the name of each photo that is done, the state of the file that was analysed."""
        states: dict[str, str] = {}
        for path in self._batches():
            states |= dict(_names_and_states(_read(path)))
        return states

    def tables(self, file_states: Mapping[str, str]) -> tuple[Any, Any]:
        """The rows of all photos whose files are still in these states.

        Args:
            file_states: By the name of each photo of the run, the state of its file.

        Returns:
            Arrow tables of the faces and of the photos (with ``error``), sorted by name.
        """
        import pyarrow as pa

        faces, photos = (
            [schema(FACE_COLUMNS).empty_table()],
            [schema(_RESULT_COLUMNS).empty_table()],
        )
        for path in self._batches():
            rows = _read(path)
            valid = [file_states.get(name) == state for name, state in _names_and_states(rows)]
            rows = rows.filter(pa.array(valid, pa.bool_()))
            photos.append(rows.select(list(_RESULT_COLUMNS)))
            beside = path.with_name(path.name.replace("photos", "faces", 1))
            if beside.exists():
                of_batch, names = _read(beside), set(rows["photo"].to_pylist())
                mine = [name in names for name in of_batch["photo"].to_pylist()]
                faces.append(of_batch.filter(pa.array(mine, pa.bool_())))
        by_face = [("photo", "ascending"), ("face", "ascending")]
        return pa.concat_tables(faces).sort_by(by_face), pa.concat_tables(photos).sort_by("photo")

    def remove(self) -> None:
        """Delete the unfinished results."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _batches(self) -> list[Path]:
        return sorted(self.folder.glob("photos-*.parquet"))


def _names_and_states(rows: Any) -> Iterable[tuple[str, str]]:
    return zip(rows["photo"].to_pylist(), rows["file_state"].to_pylist(), strict=True)


def _read(path: Path) -> Any:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:  # read_table would take a = in a folder's name for a column
        return file.read()
