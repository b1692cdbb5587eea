"""Tables of pandas in which all that is not known is NaN."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pandas import DataFrame

_TEXT = frozenset(("label", "bin"))
_WHOLE = frozenset(("track_id", "face"))


def faces_table(rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> DataFrame:
    """A table of people or faces: text, whole numbers, and float64 for all else.

    Args:
        rows: By column; None and NaN alike are what is not known.
        columns: Those of the table; others are left out.
    """
    import pandas as pd

    table = pd.DataFrame(list(rows), columns=list(columns))
    for name in columns:
        if name in _TEXT:
            table[name] = table[name].astype(object).where(table[name].notna(), np.nan)
        else:
            table[name] = table[name].astype(np.int64 if name in _WHOLE else np.float64)
    return table
