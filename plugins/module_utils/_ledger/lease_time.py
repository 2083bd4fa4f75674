# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge by which clock a lease ends, whatever the clocks of the machines show.

On PostgreSQL it is the database's, the same for all machines. A SQLite file has only its machine's clock, which can be
set while a run has the lease. So the end is also recorded by the clock of ``elapsed``, which cannot be set, and is
judged by it for as long as the machine has not been started again.
"""

from __future__ import annotations

import os
from typing import Any

from .._core.clock import elapsed
from .database import Ledger
from .tables import changes, sa


def boot_id() -> str | None:
    """Return what distinguishes this start of this machine from all others; None if the system does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return None


def lease_end(ledger: Ledger, seconds: float) -> dict[str, Any]:
    """Return the columns of a lease that ends some seconds after the statement that writes them."""
    end: dict[str, Any] = {"lease_expires": ledger.clock() + seconds}
    if ledger.is_file:
        by_machine = sa.bindparam("lease_end", callable_=lambda: elapsed() + seconds, type_=sa.Double)
        end |= {"lease_boot": _machine(), "lease_ends": by_machine}
    return end


def lease_remaining(ledger: Ledger) -> sa.ColumnElement[float]:
    """Return the seconds that remain of a lease when the statement runs: none or less if it has ended."""
    by_clock = changes.c.lease_expires - ledger.clock()
    machine = _machine() if ledger.is_file else None
    if machine is None:
        return by_clock
    now = sa.bindparam("lease_now", callable_=elapsed, type_=sa.Double)
    return sa.case((changes.c.lease_boot == machine, changes.c.lease_ends - now), else_=by_clock)


def _machine() -> str | None:
    """Return whose clock that of ``elapsed`` is: this boot's, in this time namespace."""
    boot = boot_id()
    try:
        return boot and f"{boot} {os.readlink('/proc/self/ns/time')}"
    except OSError:  # an older kernel without time namespaces
        return boot
