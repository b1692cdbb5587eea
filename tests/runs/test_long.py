"""Slow checks: `make test-slow`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from support.paths import ROOT

BENCHMARK = ROOT / "benchmarks" / "long_video.py"


@pytest.mark.slow
def test_memory_stays_flat_over_ten_minutes(langer, tmp_path):
    result = tmp_path / "long.json"
    command = [sys.executable, str(BENCHMARK), str(langer), "--json", str(result)]
    subprocess.run(command, check=True)
    rows = json.loads(result.read_text())
    assert len(rows) == 10
    assert rows[-1]["memory_mb"] - rows[0]["memory_mb"] < 50
