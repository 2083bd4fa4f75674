# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the entries of a task's list, and read their states campaign by campaign."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._core.errors import InvalidInputError, YateotaError
from .._core.identification import named_by, request_names
from .._core.identifiers import IDENTIFIERS, canonical, check_identification, read_identification
from .._core.policy import PLANNED_OUTCOMES, ParticipantPlan, Verdict
from .._core.states import EntryOutcome

if TYPE_CHECKING:  # reading states loads pydantic, which a task that only sends does not need
    from .._api.models import Participant
    from .._api.reader import Reader

AUTO_PAGES = 20
"""How many pages of a campaign ``state_lookup: auto`` reads at most."""


@dataclass
class Entry:
    """One entry of the task: its identification, plan and outcome.

    Attributes:
        given: the given ones of ``IDENTIFIERS`` and ``campaign_id``.
        found: the rows of the campaign's list that fit it; None if the list was not read to its end.
        decides: the one of them whose state decides about the action, and shows whether it was carried out.
        plan: the verdict on the action, once the list is judged.
        send: whether the action is to be sent, or was.
        outcome, after, message: the outcome; before anything is sent, the expected one.
        error: the failure behind an outcome that is not good.
    """

    given: dict[str, Any]
    found: list[Participant] | None = None
    decides: Participant | None = None
    plan: ParticipantPlan = field(default_factory=lambda: ParticipantPlan(Verdict.SKIP, None, None, ""))
    send: bool = False
    outcome: EntryOutcome = EntryOutcome.UNCHANGED
    after: str | None = None
    message: str = ""
    error: YateotaError | None = None

    @property
    def campaign_id(self) -> int | None:
        """Return the campaign, or None if none is given."""
        return self.given.get("campaign_id")

    @property
    def state(self) -> str | None:
        """Return the server state that decides, or None if it was not read."""
        return self.decides.state if self.decides else None

    def find_again(self, found: list[Participant] | None) -> None:
        """Take the rows of a later reading; the one that decides is the same participant's, or none.

        Without ids, only rows that are alone are known to be the same.
        """
        before = self.decides
        if before is not None and before.participant_id is not None:
            same = [each for each in found or () if each.participant_id == before.participant_id]
        else:
            same = found if found and self.found and len(self.found) == 1 else []
        self.found, self.decides = found, same[0] if len(same) == 1 else None

    def fits(self, participant: Participant) -> bool:
        """Return whether all identifiers given are this participant's."""
        return all(
            canonical(name, value) == canonical(name, getattr(participant, name))
            for name, value in self.given.items()
            if name in IDENTIFIERS
        )

    @property
    def known(self) -> dict[str, Any]:
        """Return the known identifiers and the campaign.

        Identifiers are spelled as the campaign's list has them. Others are those given, or shown in that list.
        """
        shown = {name: getattr(self.found[0], name) for name in IDENTIFIERS} if self.found else {}
        return {**self.given, **{name: value for name, value in shown.items() if value is not None}}

    def params(self, action: str) -> dict[str, Any]:
        """Return the parameters by which the request names the entry."""
        return request_names(action, self.known, named_by(action, self.given))

    def judge(self, plan: ParticipantPlan) -> None:
        """Record the verdict."""
        self.plan, self.send = plan, plan.verdict is Verdict.ACT
        self.settle(PLANNED_OUTCOMES[plan.verdict], plan.after, plan.reason)

    def hold_back(self, outcome: EntryOutcome, why: str, error: YateotaError | None = None) -> None:
        """Record that the action is not sent after all."""
        self.send = False
        self.settle(outcome, self.plan.before, f"not sent: {why}", error)

    def settle(self, outcome: EntryOutcome, after: str | None, message: str, error: YateotaError | None = None) -> None:
        """Record the outcome."""
        self.outcome, self.after, self.message, self.error = outcome, after, message, error


def entries_of(identifications: Sequence[dict[str, Any]], warn: Callable[[str], None]) -> list[Entry]:
    """Check the identifications that the options give.

    Raises:
        InvalidInputError: one is malformed; names its place in the list.
    """
    entries, odd = [], []
    for place, identification in enumerate(identifications):
        try:
            given = read_identification(identification)
            warning = check_identification(given)
        except InvalidInputError as error:
            raise InvalidInputError(
                str(error) if len(identifications) == 1 else f"participants[{place}]: {error}"
            ) from None
        if warning:
            odd.append(warning)
        entries.append(Entry(given))
    if odd:
        warn(odd[0] + (f" And {len(odd) - 1} more such ICCIDs." if len(odd) > 1 else ""))
    return entries


def look_up(reader: Reader, entries: Sequence[Entry], most_pages: int | None) -> list[int]:
    """Read the states of the entries that name a campaign.

    Each campaign is read in one pass.

    Args:
        reader: reads the participants.
        entries: their ``found`` is set.
        most_pages: the maximum number of pages to read of a campaign; None for all.

    Returns:
        The campaigns that have more pages than that.

    Raises:
        YateotaError: as ``Reader.participants``.
    """
    cut_short = []
    for campaign_id in dict.fromkeys(entry.campaign_id for entry in entries if entry.campaign_id):
        wanted = [entry for entry in entries if entry.campaign_id == campaign_id]
        if not _read_states(reader, campaign_id, wanted, most_pages):
            cut_short.append(campaign_id)
    return cut_short


def _read_states(reader: Reader, campaign_id: int, wanted: list[Entry], most_pages: int | None) -> bool:
    """Find entries in a campaign's list; return whether all have what they need."""
    index: dict[tuple[str, Any], list[Entry]] = {}
    for entry in wanted:
        name = next(name for name in IDENTIFIERS if name in entry.given)
        index.setdefault((name, canonical(name, entry.given[name])), []).append(entry)
    found: dict[int, list[Participant]] = {id(entry): [] for entry in wanted}
    by_id = all("participant_id" in entry.given for entry in wanted)
    complete = False
    for number, page in enumerate(reader.participants(campaign_id, most_pages=most_pages), start=1):
        for participant in page:
            for name in IDENTIFIERS:
                for entry in index.get((name, canonical(name, getattr(participant, name))), ()):
                    if entry.fits(participant):
                        found[id(entry)].append(participant)
        complete = by_id and all(found.values())  # ids are unique: nothing more can turn up
        if complete or number == most_pages:
            break
    else:
        complete = True
    for entry in wanted:
        entry.find_again(found[id(entry)] if complete or found[id(entry)] else None)
    return complete or all(found.values())
