"""A contender's process, kept alive between its runs, and what the machine did meanwhile."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from pathlib import Path
from typing import Any

from contenders import Contender
from environments import HERE, python_of, variables
from ratios import Measured

PATIENCE = 1800.0


class Worker:
    """One contender, its networks loaded; ``close`` ends it. Raises SystemExit if it fails."""

    def __init__(self, contender: Contender, work: Path, clip: Path, networks: Path) -> None:
        self.contender = contender
        self._log = work / "logs" / f"{contender.name}.log"
        self._log.parent.mkdir(exist_ok=True)
        command = [python_of(contender.environment, work), HERE / contender.script]
        command += ["--clip", clip, *contender.arguments]
        if contender.environment != "fer":  # it has networks of its own
            command += ["--networks", networks]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=work,
                env=variables(contender.environment, work),
            )
        self._read()

    def run(self, frames: int, turn: int, beside: str) -> Measured:
        """One run over the first ``frames`` frames of the clip, 0 for all."""
        busy, began = busy_seconds(), time.monotonic()
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{frames}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            self._fail("ended")
        answer = self._read()
        took, after = time.monotonic() - began, busy_seconds()
        others = None
        if busy is not None and after is not None:
            others = max(0.0, (after - busy - answer["cpu_seconds"]) / took)
        names = ("frames", "looks", "faces", "wall_seconds", "cpu_seconds")
        told = {name: answer.pop(name) for name in names}
        return Measured(self.contender.name, turn, beside, **told, others=others, more=answer)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> dict[str, Any]:
        out = self._process.stdout
        assert out is not None
        if not select.select([out], [], [], PATIENCE)[0]:
            self._process.kill()
            self._fail(f"gave no answer in {PATIENCE:.0f} s")
        line = out.readline()
        if not line:
            self._fail("ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _fail(self, what: str) -> None:
        self._process.kill()
        self._process.wait()
        tail = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
        raise SystemExit("\n".join([f"{self.contender.name} {what}; its last words:", *tail]))


def calm(cores: float = 0.2, seconds: float = 5.0, patience: float = 600.0) -> bool:
    """Wait until less than ``cores`` are used for ``seconds``; False if that takes too long.

    The contenders are idle meanwhile, so what is used is used by others.
    """
    end = time.monotonic() + patience
    while time.monotonic() < end:
        before = busy_seconds()
        time.sleep(seconds)
        after = busy_seconds()
        if before is None or after is None or after - before < cores * seconds:
            return True
    return False


def busy_seconds() -> float | None:
    """Seconds that all cores together have worked since the machine started; Linux only."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]
    except OSError:
        return None
    user, nice, system, _idle, _wait, interrupts, soft = map(int, first[:7])
    ticks = user + nice + system + interrupts + soft
    return float(ticks / os.sysconf("SC_CLK_TCK"))
