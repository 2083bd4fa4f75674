# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Abort a change because too many of its attempts went wrong, and say why."""

from __future__ import annotations

from .._core.errors import ApiError, InvalidInputError
from .._core.rollout_policy import must_abort
from .._core.tallies import BadRule, Tally
from .._ledger.change import Change
from .._ledger.queries import Report
from .options import RolloutOptions

_RESUME = "Find the cause, then set resume_aborted to continue."
_MOST_FREQUENT = 3


class AbortedError(ApiError):
    """An aborted change: too many of its attempts went wrong."""


def check_resumable(change: Change, options: RolloutOptions) -> None:
    """Refuse to continue with an aborted change without ``resume_aborted``.

    Raises:
        InvalidInputError: gives the most frequent reasons.
    """
    if not options.resume_aborted:
        reasons = _most_frequent(change, Tally(), options.bad_rule)
        raise InvalidInputError(f"Change {change.record().change_id} is aborted. {reasons} {_RESUME}")


def why_aborted(change_id: str, tally: Tally, options: RolloutOptions, where: str = "") -> AbortedError | None:
    """Return the failure of a change that must be aborted; None if it may continue.

    Args:
        change_id: the change's name.
        tally: the attempts that count.
        options: how it is carried out.
        where: where they were made, for the sentence, with a blank in front.
    """
    executed, bad, limit = tally.executed, tally.bad, options.threshold_percentage
    if not must_abort(executed, bad, options.minimum_executed, limit):
        return None
    return AbortedError(
        f"Change {change_id} is aborted: {bad} of {executed} attempts{where} went wrong (limit {limit:g} %)."
    )


def with_those_under_way(reached: Tally, total: Tally) -> str:
    """Return what became of the requests that were under way at the abort, as a sentence with a blank in front.

    Args:
        reached: the attempts by which the change was aborted.
        total: the same, with those that ended since.
    """
    since = total.executed - reached.executed
    return f" With the {since} under way then, it is {total.bad} of {total.executed}." if since > 0 else ""


def with_reasons(error: str, change: Change, tally: Tally, rule: BadRule) -> AbortedError:
    """Return the failure of an aborted change with the most frequent reasons.

    Args:
        error: what went wrong.
        change: the change, with the outcomes of all requests that were under way.
        tally: its attempts.
        rule: which of them are bad.
    """
    return AbortedError(f"{error} Nothing more was sent. {_most_frequent(change, tally, rule)} {_RESUME}")


def _most_frequent(change: Change, tally: Tally, rule: BadRule) -> str:
    """Return the most frequent reasons of bad attempts with counts, as a sentence."""
    counted = [(tally.came_back, "came back failed"), (tally.unanswered, "have not answered")]
    for each in Report(change, masked=True).reasons():
        if rule.counts(each["state"], each["code"], each["reason"]):
            code = f" with code {each['code']}" if each["code"] is not None else ""
            counted.append((each["count"], f"{each['state']}{code} ({each['reason']})"))
    counted = sorted((pair for pair in counted if pair[0] > 0), key=lambda pair: -pair[0])[:_MOST_FREQUENT]
    return f"The most frequent reasons: {', '.join(f'{count} {why}' for count, why in counted)}." if counted else ""
