"""The results of a run that is not finished: one pair of files a batch, so that a kill costs one.

A batch counts once its photos file has its name; that file is written after everything else.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import finished, read_json, write_json
from moodstream.realtime.runs.photos.columns import FACE_COLUMNS, PHOTO_COLUMNS, schema, table_of

_STATE = "settings.json"
_KEPT = (*PHOTO_COLUMNS, "error")
_PART_COLUMNS = (*_KEPT, "stamp")


class Checkpoint:
    """The unfinished results in a folder of results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / layout.UNFINISHED

    def exist(self) -> bool:
        """Whether a run was begun here and not finished."""
        return (self.folder / _STATE).is_file()

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Start anew, or go on where the ``settings`` (JSON) are those of the run begun.

        Raises MoodstreamError where they are not.
        """
        if not self.exist():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            write_json(self.folder / _STATE, settings)
            return
        before = read_json(self.folder / _STATE)
        now = json.loads(json.dumps(settings))
        changed = [
            f"{key} ({before.get(key)} → {now.get(key)})"
            for key in {**before, **now}
            if before.get(key) != now.get(key)
        ]
        if changed:
            raise MoodstreamError(
                f"{self.folder.parent}: was begun with other settings: {', '.join(changed)}; "
                "run the command as before to go on, or --overwrite to begin anew"
            )

    def add(self, faces: list[dict[str, Any]] | None, photos: list[dict[str, Any]]) -> None:
        """Keep a batch: rows of faces (None where they are not to be kept) and of photos."""
        import pyarrow.parquet as pq

        number = max((int(path.stem.split("-")[1]) for path in self._done()), default=-1) + 1
        if faces is not None:
            with finished(self.folder / f"faces-{number:06d}.parquet") as part:
                pq.write_table(table_of(faces, FACE_COLUMNS), part)
        with finished(self.folder / f"photos-{number:06d}.parquet") as part:
            pq.write_table(table_of(photos, _PART_COLUMNS), part)

    def stamps(self) -> dict[str, str]:
        """By the name of each photo that is done, the stamp of the file it was done for."""
        found: dict[str, str] = {}
        for path in self._done():
            rows = _read(path)
            found |= dict(zip(rows["photo"].to_pylist(), rows["stamp"].to_pylist(), strict=True))
        return found

    def tables(self, stamps: Mapping[str, str]) -> tuple[Any, Any]:
        """The rows of the faces and of the photos (with ``error``) that have these stamps."""
        import pyarrow as pa

        faces, photos = [schema(FACE_COLUMNS).empty_table()], [schema(_KEPT).empty_table()]
        for path in self._done():
            rows = _read(path)
            pairs = zip(rows["photo"].to_pylist(), rows["stamp"].to_pylist(), strict=True)
            valid = [stamps.get(name) == stamp for name, stamp in pairs]
            rows = rows.filter(pa.array(valid, pa.bool_()))
            photos.append(rows.select(list(_KEPT)))
            beside = path.with_name(path.name.replace("photos", "faces", 1))
            if beside.exists():
                found, names = _read(beside), set(rows["photo"].to_pylist())
                mine = [name in names for name in found["photo"].to_pylist()]
                faces.append(found.filter(pa.array(mine, pa.bool_())))
        by_face = [("photo", "ascending"), ("face", "ascending")]
        return pa.concat_tables(faces).sort_by(by_face), pa.concat_tables(photos).sort_by("photo")

    def remove(self) -> None:
        """Take the unfinished results away: the finished ones are there."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _done(self) -> list[Path]:
        return sorted(self.folder.glob("photos-*.parquet"))


def _read(path: Path) -> Any:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:  # read_table would take a = in a folder's name for a column
        return file.read()
