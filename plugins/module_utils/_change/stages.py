# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Begin a change on the servers of a later stage only when it has ended well on those of the earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._core.errors import ApiError, InvalidInputError, YateotaError
from .._core.rollout_policy import must_abort
from .._core.states import ENDED_STATUSES, ChangeStatus, RowState
from .._ledger.change import Change
from .options import RolloutOptions

_LET_BEGIN = "let this one begin with resume_aborted=true."


def waits_for_stage(change: Change, options: RolloutOptions) -> bool:
    """Return whether nothing is sent yet because earlier stages have not ended, and record that.

    Only a shard that has not begun is held back. A person who has looked at the earlier stages may let it begin
    nevertheless (``resume_aborted``).

    Args:
        change: the shard, under the lease of this run.
        options: how it is carried out.

    Raises:
        InvalidInputError: no server has an earlier stage.
        ApiError: too many attempts went wrong in the earlier stages.
    """
    shards = change.shards()
    own = next(shard for shard in shards if shard.number == change.number)
    if own.started is not None or not change.counts()[RowState.PLANNED]:
        return False
    earlier = [shard for shard in shards if (shard.stage or 1) < (own.stage or 1)]
    has_ended = all(shard.status in (*ENDED_STATUSES, ChangeStatus.PURGED) for shard in earlier)
    error = None if options.resume_aborted else _is_missing(own, earlier) or _went_wrong(own, earlier, options)
    if has_ended and error is None:
        return False
    change.update(status=ChangeStatus.WAITING_FOR_STAGE)
    if has_ended and error:
        raise error
    return True


def _is_missing(own: Any, earlier: Sequence[Any]) -> YateotaError | None:
    """Return the failure of a stage before which one is not planned yet; None if all are."""
    planned = {shard.stage or 1 for shard in earlier}
    missing = next((stage for stage in range(1, own.stage or 1) if stage not in planned), None)
    if missing is None:
        return None
    return InvalidInputError(
        f"Change {own.change_id} is planned with stage {own.stage} on {own.api_url}, and on no server with stage "
        f"{missing}. Nothing was sent. Plan it for a server of that stage; if nothing is selected there, {_LET_BEGIN}"
    )


def _went_wrong(own: Any, earlier: Sequence[Any], options: RolloutOptions) -> YateotaError | None:
    """Return the failure of a stage before which too many attempts went wrong; None if they did not.

    Earlier stages that have ended are judged however few attempts they had: there will be no more.
    """
    executed, bad = (sum(getattr(shard, name) for shard in earlier) for name in ("executed", "bad"))
    if not must_abort(executed, bad, 1, options.threshold_percentage):
        return None
    return ApiError(
        f"Change {own.change_id} does not begin on {own.api_url} (stage {own.stage}): {bad} of {executed} attempts of "
        f"earlier stages went wrong (limit {options.threshold_percentage:g} %). Nothing was sent. Find the cause, then "
        f"{_LET_BEGIN}"
    )
