# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a change's rollouts on several servers share limits.

The limits are the abort threshold and the rate. Each run reads and writes the rows of all servers in the ledger
together with its lease.
"""

from __future__ import annotations

from dataclasses import replace

from .._api.delivery import RateLimiter
from .._core.states import ChangeStatus, RowState
from .._core.tallies import Tally
from .._ledger.change import Change
from .._ledger.fleet import abort_all, change_of_all_shards, resume_all
from .._ledger.lease_time import lease_remaining
from .._ledger.siblings import Siblings
from .abort import check_resumable
from .options import FLEET, RolloutOptions

_JOIN_SECONDS = 1.0
"""Seconds from when a run says that it is sending until it sends.

No other run sends without having read that less than this time ago, and each then takes its smaller share.
"""


class FleetPart:
    """One shard's part in the rollout of the whole change.

    Args:
        change: the shard, under the lease of this run.
        options: how it is carried out.
        limiter: gives the turns to send.
    """

    def __init__(self, change: Change, options: RolloutOptions, limiter: RateLimiter) -> None:
        self._change = change
        self._options = options
        self._limiter = limiter
        self._began = change.clock.moment()
        self._siblings: Siblings | None = None
        self._shares_rate = options.rate_scope == FLEET and options.maximum_per_second is not None
        if change.lease and (options.scope == FLEET or self._shares_rate):
            self._siblings = change.lease.siblings = Siblings(change.number, lease_remaining(change.ledger))
            self._share(is_sending=False)

    @property
    def where(self) -> str:
        """Return where the attempts were made that the abort threshold counts, for a sentence."""
        return " on all servers" if self._counts_all else ""

    @property
    def _counts_all(self) -> bool:
        return self._siblings is not None and self._options.scope == FLEET

    def has_planned(self) -> bool:
        """Return whether anything remains to be sent on any server."""
        return change_of_all_shards(self._change).counts()[RowState.PLANNED] > 0

    def here(self) -> str:
        """Return which of several servers this is, for a sentence; empty if it is the only one."""
        record = self._change.record()
        return f" on {record.api_url}, node {record.node}" if len(self._change.shards()) > 1 else ""

    # --- The abort threshold ---------------------------------------------------------------------------------------

    def share(self, tally: Tally) -> None:
        """Let the runs of the other shards know the tally of this one, with its next transaction."""
        self._share(executed=tally.executed, bad=tally.bad)

    def total(self, tally: Tally) -> Tally:
        """Return the tally that the abort threshold counts, by that of this shard."""
        if self._siblings is None or not self._counts_all:
            return tally
        others = self._siblings
        return replace(tally, executed=tally.executed + others.executed, bad=tally.bad + others.bad)

    def abort(self, tally: Tally) -> None:
        """Have all shards aborted where the threshold is for all; their runs see it within a second."""
        if self._counts_all:
            limit, server = self._options.threshold_percentage, self._change.record().api_url
            attempts = f"{tally.bad} of {tally.executed} attempts went wrong (limit {limit:g} %)"
            abort_all(self._change, f"{attempts}, the last of them on {server}")

    def is_aborted(self) -> bool:
        """Return whether all shards are aborted."""
        halt = self._change.halt
        return halt is not None and halt.status == ChangeStatus.ABORTED

    def resume(self) -> float:
        """Let this shard continue after an abort, and all of them if all were aborted before this run began.

        Returns:
            The moment from which attempts count for the next abort, in Unix seconds.

        Raises:
            InvalidInputError: as ``check_resumable``.
        """
        check_resumable(self._change, self._options)
        resume_all(self._change, self._began)
        return self.count_from_now()

    def count_from_now(self) -> float:
        """Let only attempts from now on count for the next abort; return this moment, in Unix seconds."""
        self._share(executed=0, bad=0)
        moment = self._change.clock.moment()
        self._change.update(judged_from=moment)
        return moment

    # --- The rate --------------------------------------------------------------------------------------------------

    def begin_sending(self) -> None:
        """Say that this shard is sending, and wait until all others know."""
        if not self._shares_rate or self._siblings is None:
            return
        self._share(is_sending=True)
        self._limiter.hold_back(_JOIN_SECONDS)
        with self._change.write():
            pass  # the lease's renewal writes it
        self.share_rate()

    def end_sending(self) -> None:
        """Say that this shard is no longer sending, with its next transaction."""
        self._share(is_sending=False)

    def share_rate(self) -> None:
        """Take this shard's share of the rate, among those that are sending."""
        if self._shares_rate and self._siblings is not None and self._options.maximum_per_second:
            self._limiter.set_rate(self._options.maximum_per_second / (1 + self._siblings.sending))

    def _share(self, **values: int | bool) -> None:
        if self._change.lease:
            self._change.lease.shared = {**self._change.lease.shared, **values}
