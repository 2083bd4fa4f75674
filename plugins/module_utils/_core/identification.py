# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Define how each action names what it acts on, and which names mean one SIM.

Tasks with a ledger and without one use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from .errors import InvalidInputError
from .identifiers import IDENTIFIERS, SIM_IDENTIFIERS, canonical, described
from .states import Action

Request: TypeAlias = "frozenset[tuple[str, Any]]"
"""A request's parameters in canonical form, as ``request_key`` returns them."""

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


def request_key(action: str, known: Mapping[str, Any], preferred: str) -> Request:
    """Return the parameters of ``request_names`` in canonical form: equal for what is the same request.

    They are empty if no documented form can name the entry.
    """
    return frozenset((name, canonical(name, value)) for name, value in request_names(action, known, preferred).items())


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
        participant_id: None if it is not known.
        request: its ``request_key``.
    """

    place: int
    keep_rank: tuple[int, ...]
    iccid: str | None
    imsi: str | None
    participant_id: int | None
    request: Request


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
        yield from _all_but_one(sim)


def same_requests(entries: Iterable[Candidate]) -> Iterator[tuple[int, int]]:
    """Yield pairs of places (dropped, kept) of entries whose requests would be the same.

    Lists may show two SIMs for them: a number or an IMSI that has moved. The server acts on one of them, twice if it
    gets the request twice.
    """
    alike: dict[Request, list[Candidate]] = {}
    for each in entries:
        if each.request:
            alike.setdefault(each.request, []).append(each)
    for those in alike.values():
        yield from _all_but_one(those)


def _all_but_one(alike: Sequence[Candidate]) -> Iterator[tuple[int, int]]:
    kept = min(alike, key=lambda entry: (entry.keep_rank, entry.place))
    yield from ((each.place, kept.place) for each in alike if each is not kept)


def comparable(unit: str, kind: str, entries: Sequence[Candidate]) -> Sequence[Candidate]:
    """Select those of entries equal in an identifier that it may show to be one participant or SIM.

    Participants that differ in their ids are not: a SIM may have several.
    """
    ids = {each.participant_id for each in entries} - {None}
    if unit != PARTICIPANT or kind == "participant_id" or len(ids) < 2:
        return entries
    return [each for each in entries if each.participant_id is None]


def all_duplicates(
    action: str, known: Sequence[Mapping[str, Any]], ranks: Sequence[tuple[int, ...]], preferred: Sequence[str]
) -> tuple[dict[int, int], dict[int, dict[str, Any]]]:
    """Find the entries that one request acts on, and keep one of each.

    Args:
        action: one of ``NAMINGS``.
        known: the identifiers of each entry, and ``campaign_id``; missing or None if they are not known.
        ranks: the entries' ranks. Of several entries, the first one of the smallest rank is kept.
        preferred: the identifiers that the entries were given by.

    Returns:
        Place of an entry that is dropped -> place of the one that is kept, which is itself not dropped; and place of an
        entry that is kept -> its identifiers with those of the dropped ones that it lacks.
    """

    def candidates(places: Iterable[int]) -> list[Candidate]:
        return [
            _candidate(each, ranks[each], joined[each], request_key(action, known[each], preferred[each]))
            for each in places
        ]

    joined = {place: dict(each) for place, each in enumerate(known)}
    kept_for: dict[int, int] = {}
    grows = True
    while grows:  # an entry that gets an identifier from a duplicate may be a duplicate of a third
        grows = False
        for kind in reversed(IDENTIFIERS):  # all numbers of one SIM are compared before one is kept
            for equal in _equal(kind, NAMINGS[action].unit, joined):
                for dropped, kept in duplicates(kind, comparable(NAMINGS[action].unit, kind, candidates(equal))):
                    gone = joined.pop(dropped)
                    lacking = [name for name in SIM_IDENTIFIERS if joined[kept].get(name) is None]
                    joined[kept].update({name: gone[name] for name in lacking if gone.get(name) is not None})
                    kept_for[dropped], grows = kept, True
    for dropped, kept in list(same_requests(candidates(joined))):  # perhaps not one SIM: no identifiers are passed on
        del joined[dropped]
        kept_for[dropped] = kept
    return {dropped: _last(kept_for, kept) for dropped, kept in kept_for.items()}, joined


def _candidate(place: int, keep_rank: tuple[int, ...], known: Mapping[str, Any], request: Request) -> Candidate:
    iccid, participant_id = canonical("iccid", known.get("iccid")), known.get("participant_id")
    return Candidate(place, keep_rank, iccid, known.get("imsi"), participant_id, request)


def _equal(kind: str, unit: str, joined: Mapping[int, Mapping[str, Any]]) -> list[list[int]]:
    """List the places of entries that are equal in an identifier, within a campaign where the unit is."""
    equal: dict[Any, list[int]] = {}
    for place, known in joined.items():
        if known.get(kind) is not None:
            campaign = None if unit == SIM or kind == "participant_id" else known.get("campaign_id")
            equal.setdefault((canonical(kind, known[kind]), campaign), []).append(place)
    return [places for places in equal.values() if len(places) > 1]


def _last(stays_for: Mapping[int, int], place: int) -> int:
    while place in stays_for:
        place = stays_for[place]
    return place
