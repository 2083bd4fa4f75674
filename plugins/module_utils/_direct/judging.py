# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge a task's whole list before anything of it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._core.errors import InvalidInputError
from .._core.identification import (
    NAMINGS,
    PARTICIPANT,
    SIM,
    Request,
    all_duplicates,
    named_by,
    request_key,
    why_not_named,
)
from .._core.identifiers import canonical, described
from .._core.indistinct import (
    MOVABLE,
    NAMED_AGAIN,
    Sort,
    check_digit_sentence,
    first_indistinct,
    first_moved,
    first_with_and_without_check_digit,
    may_be_one_sim,
    moved_sentence,
    named_again,
)
from .._core.policy import ParticipantPlan, Verdict, keep_rank, misidentified, plan_sim
from .._core.states import EntryOutcome
from .entries import Entry

if TYPE_CHECKING:
    from .._api.models import Participant

_IDS_SHOWN = 5


def judge(action: str, entries: Sequence[Entry], force: bool) -> None:
    """Judge the whole list before anything of it is sent.

    One of several duplicates is acted on, under the same or other identifiers.

    Raises:
        InvalidInputError: two entries may be one participant or SIM.
    """
    for entry in entries:
        entry.judge(_judged(action, entry, force))
    known = _skip_duplicates(action, entries)
    kept = [entry for entry in entries if id(entry) in known and not _is_refused(entry)]
    why = _why_unclear(action, [entry for entry in kept if entry.send], known) or _why_moved(action, kept, known)
    if why:
        raise InvalidInputError(f"{action} is refused, nothing was sent. {why}")
    for place in named_again(action, [known[id(entry)] for entry in kept]):
        if kept[place].send:
            kept[place].judge(ParticipantPlan(Verdict.REFUSE, None, None, NAMED_AGAIN))


def _is_refused(entry: Entry) -> bool:
    return entry.outcome == EntryOutcome.REFUSED


def _skip_duplicates(action: str, entries: Sequence[Entry]) -> dict[int, dict[str, Any]]:
    """Skip the duplicates; return what is known of each of the other entries, by its ``id``."""
    known, named = [each.known for each in entries], [named_by(action, each.given) for each in entries]
    kept_for, joined = all_duplicates(action, known, [_keep_rank(action, each) for each in entries], named)
    for dropped, kept in kept_for.items():
        entry = entries[dropped]
        reason = f"the list names it twice; it is acted on once, as {described(entries[kept].given)}"
        if entry.send:
            entry.judge(ParticipantPlan(Verdict.SKIP, entry.state, entry.state, reason))
    return {id(entries[place]): each for place, each in joined.items()}


def _why_unclear(action: str, to_send: Sequence[Entry], known: Mapping[int, Mapping[str, Any]]) -> str:
    """Say which two entries may be one participant or SIM; empty if none."""
    unit, names = NAMINGS[action].unit, [known[id(entry)] for entry in to_send]
    sorts = [
        Sort(frozenset(each), bool(entry.found), entry.campaign_id) for each, entry in zip(names, to_send, strict=True)
    ]
    if pair := first_indistinct(sorts, unit):
        return may_be_one_sim(*(to_send[place].given for place in pair))
    if pair := first_with_and_without_check_digit(names, unit):
        return check_digit_sentence(*(to_send[place].given for place in pair))
    return ""


def _why_moved(action: str, kept: Sequence[Entry], known: Mapping[int, Mapping[str, Any]]) -> str:
    """Say which request of a rerun may act on another entry's SIM as well; empty if none does."""
    for kind in MOVABLE if NAMINGS[action].unit == SIM else ():
        equal: dict[Any, dict[int, Request]] = {}
        for place, entry in enumerate(kept):
            if number := canonical(kind, known[id(entry)].get(kind)):
                request = request_key(action, entry.known, named_by(action, entry.given)) if entry.send else frozenset()
                equal.setdefault(number, {})[place] = request
        for those in equal.values():
            if pair := first_moved(kind, those):
                return moved_sentence(*(kept[place].given for place in pair))
    return ""


def _judged(action: str, entry: Entry, force: bool) -> ParticipantPlan:
    if entry.found is not None and not entry.found:
        return ParticipantPlan(Verdict.REFUSE, None, None, misidentified(action).missing)
    found = entry.found or []
    plan, decides = plan_sim(action, [participant.state for participant in found] or [None], force)
    entry.decides = found[decides] if found else None
    if len(_units(action, found)) > 1:
        more = ", …" if len(found) > _IDS_SHOWN else ""
        ids = ", ".join(str(participant.participant_id) for participant in found[:_IDS_SHOWN])
        reason = f"{misidentified(action).several} (found: participants {ids}{more})"
        return ParticipantPlan(Verdict.REFUSE, None, None, reason)
    why = why_not_named(action, entry.known)
    if why:
        return ParticipantPlan(Verdict.REFUSE, entry.state, entry.state, why)
    return plan


def _keep_rank(action: str, entry: Entry) -> tuple[int, ...]:
    return keep_rank(action, entry.plan.verdict, named_by(action, entry.given), is_listed=bool(entry.found))


def _units(action: str, found: Sequence[Participant]) -> set[Any]:
    """Select what one request acts on: the participants found, or their SIMs."""
    if NAMINGS[action].unit == PARTICIPANT:
        return {participant.participant_id or id(participant) for participant in found}
    return {canonical("iccid", each.iccid) or each.imsi or id(each) for each in found}
