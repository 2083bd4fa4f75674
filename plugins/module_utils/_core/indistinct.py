# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find entries that may be the same participant or SIM, where nothing that was read shows it.

Both engines, with the ledger and without, refuse them: the participant could be acted on twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .identification import NAMINGS, PARTICIPANT, SIM, Request
from .identifiers import IDENTIFIERS, IDS, SIM_IDENTIFIERS, canonical, described, luhn_fits

NAMED_AGAIN = "another entry names this SIM; give one entry for it, with its campaign_id"

_SHORTEST_ICCID = 18


def named_again(action: str, known: Sequence[Mapping[str, Any]]) -> list[int]:
    """List the places of entries that repeat the SIM of an entry that names one of its participants.

    They have no campaign. An action on all campaigns of the SIM would be a second one on that participant. A rerun
    always applies to all campaigns.
    """
    unit = NAMINGS[action].unit
    if unit == SIM:
        return []
    names = [
        {(kind, canonical(kind, each[kind])) for kind in SIM_IDENTIFIERS if each.get(kind) is not None}
        for each in known
    ]
    in_campaigns = {name for each, those in zip(known, names, strict=True) if each.get("campaign_id") for name in those}
    by_id = {
        name
        for each, those in zip(known, names, strict=True)
        if unit == PARTICIPANT and each.get("participant_id")
        for name in those
    }
    without_campaign = [place for place, each in enumerate(known) if not each.get("campaign_id")]
    return [
        place
        for place in without_campaign
        if names[place] & in_campaigns or (not known[place].get("participant_id") and names[place] & by_id)
    ]


class Sort(NamedTuple):
    """What entries have in common that are named in one way.

    Attributes:
        names: the identifiers that are known.
        was_read: whether a campaign's list was read for them.
        campaign_id: their campaign; None if they name none.
    """

    names: frozenset[str]
    was_read: bool
    campaign_id: int | None


def first_indistinct(sorts: Iterable[Sort], unit: str) -> tuple[int, int] | None:
    """Find the first two sorts of entries that may be the same SIM.

    Nothing that was read shows whether they are.

    Args:
        sorts: may repeat.
        unit: the action's. Participants that lists were read for are distinguished by their ids, and those of two
            campaigns are two.

    Returns:
        Their places in ``sorts``, or None.
    """
    firsts: dict[Sort, int] = {}
    for place, each in enumerate(sorts):
        if each in firsts:
            continue
        for before, earlier in firsts.items():
            if _may_be_one(each, before, unit):
                return earlier, place
        firsts[each] = place
    return None


def _may_be_one(one: Sort, other: Sort, unit: str) -> bool:
    telling = frozenset(SIM_IDENTIFIERS if unit == SIM else IDENTIFIERS)
    if one.names & other.names & telling:
        return False
    was_read = one.was_read and other.was_read
    return unit == SIM or not (was_read or _differ(one.campaign_id, other.campaign_id))


def may_be_one_sim(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Say that two entries may be one SIM, and what to do."""
    return (
        f"Nothing that was read shows whether {described(one)} and {described(other)} are one SIM: name all SIMs by "
        "the same kind of identifier, or give campaign_id, so that its list shows it."
    )


def without_check_digit(iccid: str | None) -> str | None:
    """Return an ICCID without its Luhn check digit; None if its last digit is not one.

    Args:
        iccid: in canonical form.
    """
    if not iccid or len(iccid) <= _SHORTEST_ICCID or not iccid.isdecimal() or not luhn_fits(iccid):
        return None
    return iccid[:-1]


def first_with_and_without_check_digit(known: Sequence[Mapping[str, Any]], unit: str) -> tuple[int, int] | None:
    """Find the first two entries of which one has the ICCID of the other with its check digit.

    Servers and files write an ICCID in either way [A]. Participants that differ in their ids or campaigns are two
    nevertheless.

    Args:
        known: the identifiers of each entry, and ``campaign_id``; missing or None if they are not known.
        unit: the action's.

    Returns:
        Their places, or None.
    """
    iccids = [canonical("iccid", each.get("iccid")) for each in known]
    places: dict[str, list[int]] = {}
    for place, iccid in enumerate(iccids):
        if iccid:
            places.setdefault(iccid, []).append(place)
    for place, iccid in enumerate(iccids):
        for other in places.get(without_check_digit(iccid) or "", ()):
            if unit == SIM or not any(_differ(known[place].get(name), known[other].get(name)) for name in IDS):
                return min(place, other), max(place, other)
    return None


def _differ(one: Any, other: Any) -> bool:
    return one is not None and other is not None and one != other


def check_digit_sentence(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Say that two entries may be one SIM whose ICCID is written in two ways, and what to do."""
    return (
        f"{described(one)} and {described(other)} may be one SIM: one ICCID is the other with its check digit. Name "
        "it once, as the server's lists do."
    )


MOVABLE = ("imsi", "msisdn")
"""The identifiers that may move to another SIM."""


def first_moved(kind: str, equal: Mapping[int, Request]) -> tuple[int, int] | None:
    """Find an entry whose request names another entry's SIM as well.

    Args:
        kind: one of ``MOVABLE``.
        equal: place -> ``request_key`` of entries that are equal in it, without duplicates: they are different SIMs.

    Returns:
        Their places, the one with that request first; None if no request is sent by ``kind``, or there is one entry.
    """
    for place, request in equal.items():
        if len(equal) > 1 and kind in dict(request):
            return place, next(other for other in equal if other != place)
    return None


def moved_sentence(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Say that the request for one entry may act on another one's SIM, and what to do."""
    return (
        f"The request for {described(one)} may act on the SIM of {described(other)}, which has the same number or IMSI "
        "and is another SIM by what was read: name both by iccid."
    )
