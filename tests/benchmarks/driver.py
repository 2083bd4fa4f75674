"""Run the code of the bulk module once, in this process.

The benchmarks get the collection's code from here.

`python driver.py '{"change_id": ...}' [SECONDS]` prints the result as the last line. SECONDS moves the clock of the
machine on which it seems to run.
"""

from __future__ import annotations

import contextlib
import functools
import json
import resource
import sqlite3
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

COLLECTION = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(COLLECTION.parents[2]))

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator  # noqa: E402
from ansible_collections.simops.yateota.plugins.module_utils._ansible.module import Task, argument_spec, perform  # noqa: E402
from ansible_collections.simops.yateota.plugins.module_utils._api.client import Client  # noqa: E402
from ansible_collections.simops.yateota.plugins.module_utils._api.transport import Connection  # noqa: E402
from ansible_collections.simops.yateota.plugins.module_utils._change.sending import AHEAD_MOST  # noqa: E402
from ansible_collections.simops.yateota.plugins.module_utils._ledger.audit import audit  # noqa: E402
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import find_change  # noqa: E402
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_read_only  # noqa: E402
from ansible_collections.simops.yateota.plugins.modules import (  # noqa: E402
    yateota_bulk,
    yateota_bulk_info,
    yateota_participant_info,
)
from ansible_collections.simops.yateota.tests.system.line import Line  # noqa: E402

__all__ = [
    "AHEAD_MOST",
    "COLLECTION",
    "Client",
    "Connection",
    "Line",
    "audit_problems",
    "bulk",
    "bulk_info",
    "move_clock",
    "participant_info",
]


def run(module: ModuleType, options: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """Return a module's result for these options, with its `warnings`."""
    validation = ArgumentSpecValidator(argument_spec(module.ARGUMENTS), **module.RULES).validate(options)
    if validation.error_messages:
        raise ValueError(validation.errors.msg)
    warnings: list[str] = []
    result = perform(module.run, Task(validation.validated_parameters, check_mode, warnings.append))
    return {**result, "warnings": warnings}


bulk = functools.partial(run, yateota_bulk)
bulk_info = functools.partial(run, yateota_bulk_info)
participant_info = functools.partial(run, yateota_participant_info)


def audit_problems(options: dict[str, Any]) -> list[str]:
    """Return what does not fit the audit chain of an ended change; all is to be in the chain."""
    ledger = open_read_only(options["ledger"], None)
    assert ledger
    with contextlib.closing(ledger):
        change = find_change(ledger, options["change_id"])
        assert change
        found = audit(change)
    is_whole = found["status"] == "intact" and not found["unlinked"]
    return [] if is_whole else [f"its audit chain is {found}"]


def move_clock(seconds: float) -> None:
    """Move the clock that can be set, as this process sees it: Python's, and that of SQLite."""
    now, connect = time.time, sqlite3.connect

    def connect_moved(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.create_function("julianday", 1, lambda _now: time.time() / 86400 + 2440587.5)
        return connection

    time.time = lambda: now() + seconds
    sqlite3.connect = connect_moved  # type: ignore[assignment]


if __name__ == "__main__":
    move_clock(float(sys.argv[2]) if len(sys.argv) > 2 else 0.0)
    result = bulk(json.loads(sys.argv[1]))
    print(json.dumps({**result, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
