"""Measure and end the processes that this one has started.

Children of children are included.

They are found in /proc. Without it, only the group of a child can be ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

_PROC = Path("/proc")
_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
_TICKS = os.sysconf("SC_CLK_TCK")
_END_SECONDS = 30


@contextlib.contextmanager
def all_ended_at_the_end() -> Iterator[None]:
    """Kill all processes that still run after the block, however it ends."""
    if _PROC.is_dir():
        # A daemon whose parent has ended becomes a child of this process, and is found in any session.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        _kill_all()


def cpu_seconds() -> float | None:
    """Return the CPU seconds of the processes up to now; None if not known."""
    if not _PROC.is_dir():
        return None
    return sum(sum(map(int, fields[11:15])) for fields in _descendants().values()) / _TICKS


def _leave(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


def _kill_all() -> None:
    """Kill all processes, also those that start meanwhile, and wait for their end."""
    deadline = time.monotonic() + _END_SECONDS
    while time.monotonic() < deadline:
        remaining = _descendants()
        for pid in remaining:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not remaining:
            return
        time.sleep(0.05)


def _descendants() -> dict[int, list[str]]:
    """Return the fields of /proc/PID/stat from the state on, by PID."""
    fields_of: dict[int, list[str]] = {}
    children: dict[int, list[int]] = {}
    for path in _PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            # The name, in brackets, may contain any character.
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
            pid = int(path.parent.name)
            fields_of[pid] = fields
            children.setdefault(int(fields[1]), []).append(pid)
    found: dict[int, list[str]] = {}
    queue = list(children.get(os.getpid(), ()))
    while queue:
        pid = queue.pop()
        found[pid] = fields_of[pid]
        queue += children.get(pid, ())
    return found
