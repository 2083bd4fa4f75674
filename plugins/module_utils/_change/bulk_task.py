# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Define what a bulk task is asked for, what a state does, and what was done.

The parts of a task pass these to each other.
"""

from __future__ import annotations

import getpass
import os
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .._api.client import Client
from .._api.reader import Reader
from .._core.errors import YateotaError
from .._ledger.change import Change, Server
from .options import RolloutOptions
from .selection import Selection


@dataclass(frozen=True)
class BulkTask:
    """The input of a task of the bulk module, and the means to carry it out.

    Attributes:
        options: the module's options, as it documents them.
        rollout: the rollout options, checked.
        limits: the options that an approval covers, as ``limits_of`` returns them.
        api_url, node: the server.
        check_mode: nothing is sent, and nothing written.
        client, reader: return the task's only client, made at the first call, and the reader that uses it.
        warn: receives a sentence for the user.
        warned: returns the sentences received so far.
        stopped: set by the caller to stop cleanly.
        progress: called with an interim result after each wave; None if it is not needed.
    """

    options: Mapping[str, Any]
    rollout: RolloutOptions
    limits: Mapping[str, Mapping[str, Any]]
    api_url: str
    node: str
    check_mode: bool
    client: Callable[[], Client]
    reader: Callable[[], Reader]
    warn: Callable[[str], None]
    warned: Callable[[], Collection[str]]
    stopped: threading.Event
    progress: Callable[[dict[str, Any]], None] | None = None

    @property
    def change_id(self) -> str:
        """Return the change's name."""
        return str(self.options["change_id"])

    @property
    def server(self) -> Server:
        """Return the server and its node, which name the shard of the change."""
        return self.api_url, self.node

    @cached_property
    def requested_by(self) -> str:
        """Return the requester: the option, or the user who runs the task."""
        if self.options["requested_by"]:
            return str(self.options["requested_by"])
        try:
            return getpass.getuser()
        except (KeyError, OSError):  # the user is not in the container's list
            return f"uid {os.getuid()}"

    @property
    def approver(self) -> str:
        """Return the approver: the option, or else the requester, so that there is a name."""
        return str(self.options["approved_by"] or self.requested_by)

    @cached_property
    def selection(self) -> dict[str, Any]:
        """Return the description of the selection, or nothing if none is given.

        A file is read and digested once for it.

        Raises:
            InvalidInputError: as ``Selection`` and its ``description``.
        """
        return Selection(self.options["selection"]).description() if self.options["selection"] else {}

    def facts(self) -> dict[str, Any]:
        """Return what the ledger records of the task that plans a change."""
        return {
            "api_url": self.api_url,
            "node": self.node,
            "action": self.options["action"],
            "requested_by": self.requested_by,
            "job_id": self.options["job_id"],
            "stage": self.options["stage"],
        }


@dataclass(frozen=True)
class Work:
    """The work of one task, as far as the ledger does not record it.

    Attributes:
        changed: whether anything changed.
        sent: how many requests were sent for participants.
        sending_seconds: the time it took to send them.
        pages_read: how many pages of participants were read.
        further: further keys of the module's result.
        is_empty: no participant was selected, so that there is no change to record.
        error: the error that ended the work, or None.
    """

    changed: bool = False
    sent: int = 0
    sending_seconds: float = 0.0
    pages_read: int = 0
    further: Mapping[str, Any] = field(default_factory=dict)
    is_empty: bool = False
    error: YateotaError | None = None


def _allow(_task: BulkTask, _change: Change) -> None:
    """Refuse nothing."""


def _changes_nothing(_task: BulkTask, _change: Change) -> bool:
    return False


def _nothing_further(_task: BulkTask, _change: Change) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class ModuleState:
    """The work of a task for one value of the module's option ``state``.

    Attributes:
        perform: does the work for a recorded change, in a run with a number. It raises a YateotaError before it has
            done anything, and returns what ended it later in its ``Work``.
        check: refuses what the change's status does not allow.
        check_end: fails if the change has ended and not all went well. Called when the work is done.
        would_change: whether ``perform`` would change anything, for check mode.
        foreseen: further keys of the module's result in check mode, such as what a diff shows.
        plans: a change that is not recorded is planned first.
        takes_lease: no other run may write the change meanwhile.
        is_whole: it concerns all shards of the change, whatever server the task names.
    """

    perform: Callable[[BulkTask, Change, int], Work]
    check: Callable[[BulkTask, Change], None] = _allow
    check_end: Callable[[BulkTask, Change], None] = _allow
    would_change: Callable[[BulkTask, Change], bool] = _changes_nothing
    foreseen: Callable[[BulkTask, Change], Mapping[str, Any]] = _nothing_further
    plans: bool = False
    takes_lease: bool = True
    is_whole: bool = False
