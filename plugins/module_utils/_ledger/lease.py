# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give one run at a time the right to write a change, renewed while the run lives."""

from __future__ import annotations

import datetime
import math
import os
import socket
import threading
import uuid
from typing import Any

from .._core.clock import elapsed
from .._core.errors import InvalidInputError, YateotaError
from .database import Ledger
from .halts import LOOK_COLUMNS, NOT_APPROVED, Halt, halt_of
from .lease_time import boot_id, lease_end, lease_remaining
from .siblings import Siblings
from .tables import changes, sa

_SENDING_SHARE = 2 / 3
"""The share of a lease in which requests may be sent without a renewal. During the rest, requests under way end."""

_NO_LEASE = {"lease_token": None, "lease_holder": None, "lease_expires": 0, "lease_boot": None}


def least_seconds(timeout: float) -> float:
    """Return the shortest lease, in seconds, that no request outlasts.

    A request may take ``timeout`` to connect, and the same again for the answer.
    """
    return 2 * timeout / (1 - _SENDING_SHARE)


class LeaseLostError(InvalidInputError):
    """Another run has taken over the change, because this one lost its lease."""


class Lease:
    """The right of one run to write a change.

    Two runs never have it at once: it is taken under the ledger's lock and renewed in one statement, by a clock that is
    the same for all runs (see ``lease_time``). Sending stops when a third of it remains, so that a request under way
    ends before another run can take the change over.

    Args:
        ledger: the ledger of the change.
        number: the change's number there.
        change_id: the change's name, for messages.
        holder: the lease holder: the name of this run in messages to runs that are refused.
        seconds: how long the lease lasts without a renewal.

    Attributes:
        halt: why nothing may be sent, once this run has seen that the change is held, stopped, or aborted on all its
            servers, or not approved any more. It stays when the hold is released: this run has begun to end by then.
        shared: columns of the change's row that are written with each renewal, for the runs of its other shards.
        siblings: what those write, read with each renewal; None if this run does not need it.
    """

    def __init__(self, ledger: Ledger, number: int, change_id: str, holder: str, seconds: float) -> None:
        self._ledger = ledger
        self._number = number
        self._change_id = change_id
        self._holder = holder
        self._seconds = seconds
        self._token = uuid.uuid4().hex
        self._renewal = (
            changes.update()
            .where(*self._mine())
            .values(lease_end(ledger, seconds))
            .returning(*LOOK_COLUMNS)  # so that each transaction of the run sees whether it may continue
        )
        self.halt: Halt | None = None
        self.shared: dict[str, Any] = {}
        self.siblings: Siblings | None = None
        self._is_approved = False
        self._looked = -math.inf
        self._renewed = -seconds
        self._ran_out = False
        self._over = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="yateota-lease", daemon=True)

    def __enter__(self) -> Lease:
        """Take the lease.

        Raises:
            InvalidInputError: another run has it; names the lease holder.
        """
        self._renewed = self._ledger.outage.repeat(self._take)
        self._heart.start()
        return self

    def _take(self) -> float:
        """Take the lease, or find that this run already has it; return the moment before."""
        moment = elapsed()
        with self._ledger.write() as connection:
            found = connection.execute(
                sa.select(
                    changes, self._ledger.clock().label("now"), lease_remaining(self._ledger).label("lease_remaining")
                )
                .where(changes.c.number == self._number, changes.c.change_id == self._change_id)
                .with_for_update()  # simultaneous runs enter one after the other; on SQLite all writers do
            ).one_or_none()
            if found is None:
                raise InvalidInputError(
                    f"Change {self._change_id} is no longer in the ledger: the run that planned it ended without "
                    "a plan. Run this again."
                )
            is_leased = found.lease_token not in (None, self._token) and found.lease_remaining > 0
            if is_leased and not _has_died(found.lease_place, found.lease_pid):
                ends = found.now + found.lease_remaining
                until = datetime.datetime.fromtimestamp(ends, datetime.UTC).strftime("%H:%M:%S UTC")
                raise InvalidInputError(
                    f"Change {self._change_id} is being run by {found.lease_holder}: wait for that run to end. "
                    f"If it has died, its lease ends at {until}."
                )
            connection.execute(
                changes.update()
                .where(changes.c.number == self._number)
                .values(
                    lease_token=self._token,
                    lease_holder=self._holder,
                    lease_place=_place(),
                    lease_pid=os.getpid(),
                    **lease_end(self._ledger, self._seconds),
                )
            )
        self.note_halt(found, moment)
        return moment

    def __exit__(self, *exception: object) -> None:
        """Release the lease."""
        self._over.set()
        self._heart.join()
        try:
            self._ledger.outage.repeat(self._give_back)
        except YateotaError:
            if exception[0] is None:
                raise

    def _give_back(self) -> None:
        with self._ledger.write() as connection:
            # With what no renewal has written since.
            connection.execute(changes.update().where(*self._mine()).values({**self.shared, **_NO_LEASE}))

    def renew(self, connection: sa.Connection, recorded: float | None = None) -> float:
        """Renew the lease as part of a transaction.

        The transaction succeeds only while this run has the lease.

        Args:
            connection: the transaction.
            recorded: the latest moment that it may record of the change; None if none.

        Returns:
            The argument for ``confirm``, to be called once the transaction is durable: until then nothing is renewed.

        Raises:
            LeaseLostError: another run has it.
        """
        moment = elapsed()
        values = {**self.shared, **({} if recorded is None else {"recorded_at": recorded})}
        renewal = self._renewal.values(values) if values else self._renewal
        record = connection.execute(renewal).one_or_none()
        if record is None:
            self._renewed = -self._seconds
            raise LeaseLostError(
                f"Change {self._change_id} was taken over by another run, because this one was delayed for more than "
                f"{self._seconds:g} seconds. Nothing more was sent. Check that run, or raise lease_seconds."
            )
        self.note_halt(record, moment)
        if self.siblings:
            self.siblings.look(connection)
        return moment

    def note_halt(self, record: Any, moment: float) -> None:
        """Note whether the change is held, stopped, or aborted on all its servers, or has lost its approval.

        Args:
            record: the change's row, with ``LOOK_COLUMNS``.
            moment: a moment before it was read, as ``elapsed`` gives it.
        """
        is_void = self._is_approved and record.approved_at is None and record.require_approval
        self._is_approved = record.approved_at is not None
        # Before the moment: senders ask for both.
        self.halt = self.halt or halt_of(record) or (NOT_APPROVED if is_void else None)
        self._looked = max(self._looked, moment)

    def seconds_since_look(self) -> float:
        """Return the seconds since the last look for a hold or a stop."""
        return elapsed() - self._looked

    def confirm(self, moment: float) -> None:
        """Count the lease as renewed at a moment.

        Call it once the transaction that renewed the lease is durable.
        """
        # Once it has run out, another run may have had it: outcomes are still recorded, but nothing is sent.
        self._ran_out = self._ran_out or moment - self._renewed >= self._seconds
        self._renewed = max(self._renewed, moment)

    def is_safe(self) -> bool:
        """Return whether a request may be sent now."""
        return not self._ran_out and elapsed() - self._renewed < self._seconds * _SENDING_SHARE

    def delayed_error(self) -> InvalidInputError:
        """Return the error of a run that stops because its lease is no longer safe."""
        return InvalidInputError(
            f"Change {self._change_id} was delayed until its lease nearly ran out: nothing more was sent. Run it "
            "again, with more lease_seconds where the machine or the ledger is slow."
        )

    def is_lost(self) -> bool:
        """Return whether another run may have it by now."""
        return self._ran_out or elapsed() - self._renewed >= self._seconds

    def _mine(self) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
        return changes.c.number == self._number, changes.c.lease_token == self._token

    def _beat(self) -> None:
        pause = self._seconds / 3
        while not self._over.wait(pause):
            pause = self._seconds / 3
            try:
                with self._ledger.write() as connection:
                    moment = self.renew(connection)
                self.confirm(moment)
            except YateotaError:
                pause = min(1.0, pause)  # without a renewal the lease is not safe, and the senders stop


def _place() -> str | None:
    """Return what makes a process id unique: the machine, its boot, the namespace."""
    boot = boot_id()
    try:
        return boot and f"{socket.gethostname()} {boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def _has_died(place: str | None, pid: int) -> bool:
    """Return whether the lease holder has certainly ended.

    This is known only if its process is visible here. A killed process stays in the process list until its parent, or
    the machine's first process, reaps it. In a container that may never happen.
    """
    if not place or place != _place():
        return False
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] in ("Z", "X")
    except ProcessLookupError:
        return True
    except OSError:
        return False
