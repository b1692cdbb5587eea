"""The array types that annotations name."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Image = npt.NDArray[np.uint8]
"""A picture (H, W, 3), BGR."""
