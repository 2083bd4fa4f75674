# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hold that one run has on a change: renewed while the run lives, free again soon after it has died."""

from __future__ import annotations

import datetime
import os
import socket
import threading
import uuid

from .._core.clock import elapsed
from .._core.errors import InvalidInputError, YateotaError
from .database import Ledger
from .tables import changes, sa

_SENDING_SHARE = 2 / 3
"""Of a lease that is not renewed: how long requests may leave. In the rest those under way come to their end."""


def least_seconds(timeout: float) -> float:
    """The shortest lease that no try outlasts, which takes up to ``timeout`` to connect and again to be answered."""
    return 2 * timeout / (1 - _SENDING_SHARE)


class LeaseLostError(InvalidInputError):
    """Another run has taken the change over, since this one did not renew its hold in time."""


class Lease:
    """A run's hold on one change.

    Two runs never hold it at once: it is taken under the ledger's lock and renewed in one statement, by the ledger's
    clock. Sending stops when a third of it is left, so that a request under way is over before anyone else can take
    the change.

    Args:
        ledger: holds the change.
        number: the change's number there.
        change_id: the change's name, for messages.
        holder: who this run is, for those who are refused.
        seconds: how long the hold lasts without being renewed.
    """

    def __init__(self, ledger: Ledger, number: int, change_id: str, holder: str, seconds: float) -> None:
        self._ledger = ledger
        self._number = number
        self._change_id = change_id
        self._holder = holder
        self._seconds = seconds
        self._token = uuid.uuid4().hex
        self._renewal = changes.update().where(*self._mine()).values(lease_expires=ledger.clock() + seconds)
        self._renewed = -seconds
        self._ran_out = False
        self._over = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="yateota-lease", daemon=True)

    def __enter__(self) -> Lease:
        """Take the change.

        Raises:
            InvalidInputError: another run holds it; tells who.
        """
        self._renewed = self._ledger.outage.repeat(self._take)
        self._heart.start()
        return self

    def _take(self) -> float:
        """Take the change, or find it taken by this run where the answer was lost; the moment before."""
        moment = elapsed()
        with self._ledger.write() as connection:
            found = connection.execute(
                sa.select(changes, self._ledger.clock().label("now"))
                .where(changes.c.number == self._number, changes.c.change_id == self._change_id)
                .with_for_update()  # two that come at once are let in one after the other; on SQLite all writers are
            ).one_or_none()
            if found is None:
                raise InvalidInputError(
                    f"Change {self._change_id} is not in the ledger any more: another run that planned it has given it "
                    "up. Run this again."
                )
            held = found.lease_token not in (None, self._token) and found.lease_expires > found.now
            if held and not _has_died(found.lease_place, found.lease_pid):
                until = datetime.datetime.fromtimestamp(found.lease_expires, datetime.UTC).strftime("%H:%M:%S UTC")
                raise InvalidInputError(
                    f"Change {self._change_id} is being run by {found.lease_holder}: wait for that run to end. "
                    f"Should it have died, its hold runs out at {until}."
                )
            connection.execute(
                changes.update()
                .where(changes.c.number == self._number)
                .values(
                    lease_token=self._token,
                    lease_holder=self._holder,
                    lease_place=_place(),
                    lease_pid=os.getpid(),
                    lease_expires=self._ledger.clock() + self._seconds,
                )
            )
        return moment

    def __exit__(self, *exception: object) -> None:
        """Let go of the change."""
        self._over.set()
        self._heart.join()
        try:
            self._ledger.outage.repeat(self._let_go)
        except YateotaError:
            if exception[0] is None:
                raise

    def _let_go(self) -> None:
        with self._ledger.write() as connection:
            connection.execute(
                changes.update().where(*self._mine()).values(lease_token=None, lease_holder=None, lease_expires=0)
            )

    def renew(self, connection: sa.Connection) -> float:
        """Renew it as part of a transaction, which can only succeed while it is held.

        Returns:
            What ``confirm`` takes once the transaction is durable: until then nothing is renewed.

        Raises:
            LeaseLostError: it is another's.
        """
        moment = elapsed()
        if connection.execute(self._renewal).rowcount != 1:
            self._renewed = -self._seconds
            raise LeaseLostError(
                f"Change {self._change_id} was taken over by another run, since this one was held up for more than "
                f"{self._seconds:g} seconds: nothing more was sent. Look at that run, or raise lease_seconds."
            )
        return moment

    def confirm(self, moment: float) -> None:
        """Count it as renewed at that moment, since the transaction that did it is durable."""
        # Once it had run out another run may have come and gone: what is known is still recorded, but nothing sent.
        self._ran_out = self._ran_out or moment - self._renewed >= self._seconds
        self._renewed = max(self._renewed, moment)

    def is_safe(self) -> bool:
        """Whether a request may leave now."""
        return not self._ran_out and elapsed() - self._renewed < self._seconds * _SENDING_SHARE

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
                pause = min(1.0, pause)  # a lease that is not renewed is not safe: the senders see it


def _place() -> str | None:
    """Where a process id means one process: this boot of this machine, and its namespace of processes."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{socket.gethostname()} {file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def _has_died(place: str | None, pid: int) -> bool:
    """Whether the holder is certainly gone; only where its process could be seen from here.

    One that was killed stays in the list of processes until its parent, or the machine's first process, takes note,
    which in a container may be never.
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
