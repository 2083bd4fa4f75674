# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Define how each action names what it acts on, and which names mean one SIM.

Tasks with a ledger and without one use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .errors import InvalidInputError
from .identifiers import IDENTIFIERS, SIM_IDENTIFIERS, canonical, described
from .states import Action

PARTICIPANT, SIM_IN_CAMPAIGN, SIM = "participant", "SIM in a campaign", "SIM"


@dataclass(frozen=True)
class Naming:
    """How an action names what it acts on.

    Attributes:
        unit: what one request acts on. Duplicates, counts and confirmations are based on it.
        by: the identifiers that can name it, the best first. A request carries one of them.
        with_campaign: whether a known ``campaign_id`` is sent with a SIM's identifier (never with ``participant_id``).
    """

    unit: str
    by: tuple[str, ...]
    with_campaign: bool


_PARTICIPANT = Naming(PARTICIPANT, ("participant_id", "iccid", "imsi"), with_campaign=True)

NAMINGS: Mapping[str, Naming] = {
    Action.RETRY: _PARTICIPANT,
    Action.HURRY: _PARTICIPANT,
    Action.CANCEL: _PARTICIPANT,
    Action.RETRY_BUILD: Naming(SIM_IN_CAMPAIGN, ("iccid", "imsi"), with_campaign=True),
    Action.RERUN: Naming(SIM, SIM_IDENTIFIERS, with_campaign=False),
}
"""Action -> its naming, as in the specification's examples and its comment on ``action_participant`` [S]."""


def named_by(action: str, given: Mapping[str, Any]) -> str:
    """Choose the identifier that a request would carry from those given for an entry."""
    return next(name for name in (*NAMINGS[action].by, *IDENTIFIERS) if given.get(name) is not None)


def request_names(action: str, known: Mapping[str, Any], preferred: str) -> dict[str, Any]:
    """Return the parameters by which a request names what it acts on.

    If no documented form can name it [S], there are none.

    Args:
        action: one of ``NAMINGS``.
        known: its identifiers, including those that a list showed, and ``campaign_id``.
        preferred: the identifier that it was given by. A range's SIM is named "as it was used" there [S], and a rerun
            by MSISDN means other campaigns than one by the SIM's other identifiers [S].
    """
    naming = NAMINGS[action]
    order = (*(name for name in naming.by if name == "participant_id" or name == preferred), *naming.by)
    name = next((name for name in order if known.get(name) is not None), None)
    if name is None:
        return {}
    campaign_id = known.get("campaign_id")
    beside = {"campaign_id": campaign_id} if naming.with_campaign and campaign_id and name != "participant_id" else {}
    return {name: known[name], **beside}


def why_not_named(action: str, known: Mapping[str, Any]) -> str:
    """Return why an action cannot be sent for an entry, and the fix; empty if it can."""
    naming = NAMINGS[action]
    if request_names(action, known, naming.by[0]):
        return ""
    has = " and ".join(name for name in IDENTIFIERS if known.get(name) is not None) or "no identifier"
    lists = "the campaign's list does not show one" if known.get("campaign_id") else "or give its campaign_id"
    return f"{action} is sent by {', else '.join(naming.by)}, and {has} is all that is known: give one of them, {lists}"


def check_named(action: str, given: Mapping[str, Any]) -> None:
    """Refuse an entry without a campaign that the action cannot be sent for.

    No list is read for it.

    Raises:
        InvalidInputError: names the identifiers by which the action is sent.
    """
    why = "" if given.get("campaign_id") else why_not_named(action, given)
    if why:
        raise InvalidInputError(f"{described(given)}: {why}.")


class Candidate(NamedTuple):
    """An entry that is equal to others in an identifier.

    Attributes:
        place: its position in the selection.
        keep_rank: its rank by ``policy.keep_rank``. Of one SIM's entries, the one of the smallest rank stays.
        iccid, imsi: in canonical form; None if they are not known.
    """

    place: int
    keep_rank: tuple[int, ...]
    iccid: str | None
    imsi: str | None


class _Sims:
    """The SIMs of entries that are equal in one identifier.

    Add the best identified entries first.

    Args:
        kind: the identifier.

    Attributes:
        entries: a list for each SIM.
    """

    def __init__(self, kind: str) -> None:
        self._is_of_one = kind in ("participant_id", "iccid")
        self._by_iccid: dict[str, list[Candidate]] = {}
        self._by_imsi: dict[str, list[Candidate]] = {}
        self._without_imsi: list[Candidate] | None = None
        self.entries: list[list[Candidate]] = []

    def add(self, entry: Candidate) -> None:
        """Add an entry to its SIM, or to a new one."""
        sim = self._sim_of(entry)
        if sim is None:
            self.entries.append(sim := [])
        sim.append(entry)
        if entry.iccid:
            self._by_iccid[entry.iccid] = sim
        if entry.imsi:
            self._by_imsi.setdefault(entry.imsi, sim)
        elif entry.iccid:
            self._without_imsi = self._without_imsi or sim

    def _sim_of(self, entry: Candidate) -> list[Candidate] | None:
        if self._is_of_one or not (entry.iccid or entry.imsi):  # no stronger identifier separates it from the others
            return self.entries[0] if self.entries else None
        if entry.iccid:  # another ICCID is another SIM
            return self._by_iccid.get(entry.iccid)
        # The SIM with this IMSI, else the first whose IMSI is not known: it may be this one.
        return self._by_imsi.get(str(entry.imsi), self._without_imsi)


def duplicates(kind: str, entries: Iterable[Candidate]) -> Iterator[tuple[int, int]]:
    """Yield pairs of places (dropped, kept) of entries that are duplicates by ``kind``.

    Such entries are equal in ``kind``, and are one SIM or participant. An ICCID belongs to only one SIM. An IMSI or
    a number may have moved to another SIM: two entries that differ in a stronger identifier are two SIMs. For
    example, the number of three entries with the ICCIDs A, B and A has moved: the first and the third entry are one
    SIM, and the second is another. An entry with only the number counts as the first SIM.
    """
    sims = _Sims(kind)
    for each in sorted(entries, key=lambda entry: (entry.iccid is None, entry.imsi is None, entry.place)):
        sims.add(each)
    for sim in sims.entries:
        kept = min(sim, key=lambda entry: (entry.keep_rank, entry.place))
        yield from ((each.place, kept.place) for each in sim if each is not kept)


def all_duplicates(
    action: str, known: Sequence[Mapping[str, Any]], ranks: Sequence[tuple[int, ...]]
) -> list[tuple[int, int]]:
    """Return pairs of places (dropped, kept) of entries that one request acts on.

    No entry is both.

    Args:
        action: one of ``NAMINGS``.
        known: the identifiers of each entry, and ``campaign_id``; missing or None if they are not known.
        ranks: the entries' ranks. Of several entries, the first one of the smallest rank is kept.
    """
    joined = {place: dict(each) for place, each in enumerate(known)}
    kept_for: dict[int, int] = {}
    grows = True
    while grows:  # an entry that gets an identifier from a duplicate may be a duplicate of a third
        grows = False
        for kind in reversed(IDENTIFIERS):  # all numbers of one SIM are compared before one is kept
            for equal in _equal(kind, NAMINGS[action].unit, joined):
                for dropped, kept in duplicates(kind, [_candidate(each, ranks[each], joined[each]) for each in equal]):
                    gone = joined.pop(dropped)
                    lacking = [name for name in SIM_IDENTIFIERS if joined[kept].get(name) is None]
                    joined[kept].update({name: gone[name] for name in lacking if gone.get(name) is not None})
                    kept_for[dropped], grows = kept, True
    return [(dropped, _last(kept_for, kept)) for dropped, kept in kept_for.items()]


def _candidate(place: int, keep_rank: tuple[int, ...], known: Mapping[str, Any]) -> Candidate:
    return Candidate(place, keep_rank, canonical("iccid", known.get("iccid")), known.get("imsi"))


def _equal(kind: str, unit: str, joined: Mapping[int, Mapping[str, Any]]) -> list[list[int]]:
    """List the places of entries that are equal in an identifier.

    Participants that differ in their ids are left out.
    """
    equal: dict[Any, list[int]] = {}
    for place, known in joined.items():
        told_apart = unit == PARTICIPANT and kind != "participant_id" and known.get("participant_id") is not None
        if known.get(kind) is not None and not told_apart:
            campaign = None if unit == SIM or kind == "participant_id" else known.get("campaign_id")
            equal.setdefault((canonical(kind, known[kind]), campaign), []).append(place)
    return [places for places in equal.values() if len(places) > 1]


def _last(stays_for: Mapping[int, int], place: int) -> int:
    while place in stays_for:
        place = stays_for[place]
    return place


NAMED_AGAIN = "another entry names this SIM; give one entry for it, with its campaign_id"


def named_again(action: str, known: Sequence[Mapping[str, Any]]) -> list[int]:
    """List the places of entries that repeat the SIM of an entry with a campaign.

    They have no campaign. An action on all campaigns of the SIM would be a second one on that participant. A rerun
    always applies to all campaigns.
    """
    if NAMINGS[action].unit == SIM:
        return []
    names = [
        {(kind, canonical(kind, each[kind])) for kind in SIM_IDENTIFIERS if each.get(kind) is not None}
        for each in known
    ]
    in_campaigns = {name for each, those in zip(known, names, strict=True) if each.get("campaign_id") for name in those}
    return [place for place, each in enumerate(known) if not each.get("campaign_id") and names[place] & in_campaigns]


def first_indistinct(kinds: Iterable[tuple[frozenset[str], bool]], unit: str) -> tuple[int, int] | None:
    """Find the first two sorts of entries that may be the same SIM.

    Nothing that was read shows whether they are.

    Args:
        kinds: for each sort the known identifiers of its entries, and whether a campaign's list was read for them.
        unit: the action's. Participants that lists were read for are distinguished by their ids.

    Returns:
        Their places in ``kinds``, or None.
    """
    sorts = list(kinds)
    telling = frozenset(SIM_IDENTIFIERS if unit == SIM else IDENTIFIERS)
    for place, (names, was_read) in enumerate(sorts):
        for before, (others, too) in enumerate(sorts[:place]):
            if not names & others & telling and not (unit != SIM and was_read and too):
                return before, place
    return None


def may_be_one_sim(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Say that two entries may be one SIM, and what to do."""
    return (
        f"Nothing that was read shows whether {described(one)} and {described(other)} are one SIM: name all SIMs by "
        "the same kind of identifier, or give campaign_id, so that its list shows it."
    )
