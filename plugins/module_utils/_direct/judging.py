# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge a task's whole list before anything of it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._core.errors import InvalidInputError
from .._core.identification import (
    NAMED_AGAIN,
    NAMINGS,
    PARTICIPANT,
    SIM,
    all_duplicates,
    first_indistinct,
    may_be_one_sim,
    named_again,
    named_by,
    why_not_named,
)
from .._core.identifiers import canonical, described
from .._core.policy import ParticipantPlan, Verdict, keep_rank, misidentified, plan_sim
from .._core.states import EntryOutcome
from .entries import Entry

if TYPE_CHECKING:
    from .._api.models import Participant

_IDS_SHOWN = 5


def judge(action: str, entries: Sequence[Entry], force: bool) -> str:
    """Judge the whole list before anything of it is sent.

    One of several duplicates is acted on, under the same or other identifiers.

    Returns:
        A warning if two entries may be one SIM, and nothing that was read shows whether they are; else an empty text.

    Raises:
        InvalidInputError: two entries of a rerun may be one SIM.
    """
    for entry in entries:
        entry.judge(_judged(action, entry, force))
    for dropped, kept in all_duplicates(
        action, [each.known for each in entries], [_keep_rank(action, each) for each in entries]
    ):
        reason = f"the list names it twice; it is acted on once, as {described(entries[kept].given)}"
        if entries[dropped].send:
            entries[dropped].judge(
                ParticipantPlan(Verdict.SKIP, entries[dropped].state, entries[dropped].state, reason)
            )
    for place in named_again(action, [{} if each.outcome == EntryOutcome.REFUSED else each.known for each in entries]):
        if entries[place].send:
            entries[place].judge(ParticipantPlan(Verdict.REFUSE, None, None, NAMED_AGAIN))
    to_send = [entry for entry in entries if entry.send]
    unit = NAMINGS[action].unit
    pair = first_indistinct([(frozenset(entry.known), bool(entry.found)) for entry in to_send], unit)
    sentence = may_be_one_sim(to_send[pair[0]].given, to_send[pair[1]].given) if pair else ""
    if pair and unit == SIM:
        raise InvalidInputError(f"{action} is refused, nothing was sent. {sentence}")
    return sentence


def _judged(action: str, entry: Entry, force: bool) -> ParticipantPlan:
    if entry.found is not None and not entry.found:
        return ParticipantPlan(Verdict.REFUSE, None, None, misidentified(action).missing)
    found = entry.found or []
    if len(_units(action, found)) > 1:
        more = ", …" if len(found) > _IDS_SHOWN else ""
        ids = ", ".join(str(participant.participant_id) for participant in found[:_IDS_SHOWN])
        reason = f"{misidentified(action).several} (found: participants {ids}{more})"
        return ParticipantPlan(Verdict.REFUSE, None, None, reason)
    why = why_not_named(action, entry.known)
    if why:
        return ParticipantPlan(Verdict.REFUSE, entry.state, entry.state, why)
    return plan_sim(action, [participant.state for participant in found] or [None], force)


def _keep_rank(action: str, entry: Entry) -> tuple[int, ...]:
    return keep_rank(action, entry.plan.verdict, named_by(action, entry.given), is_listed=bool(entry.found))


def _units(action: str, found: Sequence[Participant]) -> set[Any]:
    """Select what one request acts on: the participants found, or their SIMs."""
    if NAMINGS[action].unit == PARTICIPANT:
        return {participant.participant_id or id(participant) for participant in found}
    return {canonical("iccid", each.iccid) or each.imsi or id(each) for each in found}
