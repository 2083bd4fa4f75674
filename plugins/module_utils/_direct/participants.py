# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Acting on a list of participants: states read in one pass, the whole list judged first, then sent side by side."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._core.errors import InvalidInputError, YateotaError
from .._core.identification import (
    NAMED_AGAIN,
    NAMINGS,
    PARTICIPANT,
    SIM,
    all_doubles,
    doubt,
    named_again,
    named_by,
    request_names,
    undetermined,
    why_not_named,
)
from .._core.identifiers import (
    IDENTIFIERS,
    LONG_NUMBER,
    canonical,
    check_identification,
    described,
    read_identification,
)
from .._core.policy import ACT, REFUSED, UNCHANGED, ParticipantPlan, plan_participant, proves_carried_out

if TYPE_CHECKING:  # reading states loads pydantic: a task that only sends can do without
    from .._api.models import Participant
    from .._api.reader import Reader

ACTED, FAILED, UNKNOWN = "acted", "failed", "unknown"
OUTCOMES = (ACTED, UNCHANGED, REFUSED, FAILED, UNKNOWN)

_DIFF_SHOWN = 20
_REASONS_SHOWN = 3

AUTO_PAGES = 20
"""How many pages of a campaign ``state_lookup: auto`` reads at most."""


@dataclass
class Target:
    """One participant of the task: how it is identified, what is known of it, what is planned, what came of it.

    Attributes:
        given: the identification: any of ``IDENTIFIERS`` and ``campaign_id``, without those not given.
        found: the rows of the campaign's list that fit it; None where the list was not read to its end.
        plan: the verdict on the action, once the list is judged.
        send: whether the action is to be sent, or was.
        outcome, after, message: what came of it; before anything is sent, what will.
        error: the failure behind ``FAILED`` and ``UNKNOWN``.
    """

    given: dict[str, Any]
    found: list[Participant] | None = None
    plan: ParticipantPlan = field(default_factory=lambda: ParticipantPlan(UNCHANGED, None, None, ""))
    send: bool = False
    outcome: str = UNCHANGED
    after: str | None = None
    message: str = ""
    error: YateotaError | None = None

    @property
    def campaign_id(self) -> int | None:
        """The campaign, where one is given."""
        return self.given.get("campaign_id")

    @property
    def state(self) -> str | None:
        """The participant's state, where it was read."""
        return self.found[0].state if self.found else None

    def fits(self, participant: Participant) -> bool:
        """Whether all identifiers given are this participant's."""
        return all(
            canonical(name, value) == canonical(name, getattr(participant, name))
            for name, value in self.given.items()
            if name in IDENTIFIERS
        )

    @property
    def known(self) -> dict[str, Any]:
        """The identifiers as the campaign's list spells them, the others given or shown there, and the campaign."""
        shown = {name: getattr(self.found[0], name) for name in IDENTIFIERS} if self.found else {}
        return {**self.given, **{name: value for name, value in shown.items() if value is not None}}

    def params(self, action: str) -> dict[str, Any]:
        """How the request names it."""
        return request_names(action, self.known, named_by(action, self.given))

    def judge(self, plan: ParticipantPlan) -> None:
        """Note the verdict."""
        self.plan, self.send = plan, plan.verdict == ACT
        self.settle(ACTED if self.send else plan.verdict, plan.after, plan.reason)

    def hold_back(self, outcome: str, why: str, error: YateotaError | None = None) -> None:
        """Note that the action is not sent after all."""
        self.send = False
        self.settle(outcome, self.plan.before, f"not sent: {why}", error)

    def settle(self, outcome: str, after: str | None, message: str, error: YateotaError | None = None) -> None:
        """Note what came of it."""
        self.outcome, self.after, self.message, self.error = outcome, after, message, error


def targets_of(identifications: Sequence[dict[str, Any]], warn: Any) -> list[Target]:
    """The participants that the options name, checked.

    Raises:
        InvalidInputError: one is malformed; names its place in the list.
    """
    targets, odd = [], []
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
        targets.append(Target(given))
    if odd:
        warn(odd[0] + (f" And {len(odd) - 1} more such ICCIDs." if len(odd) > 1 else ""))
    return targets


def look_up(reader: Reader, targets: Sequence[Target], most_pages: int | None) -> list[int]:
    """Read the states of the targets that name a campaign: one pass a campaign, whatever the number of targets.

    Args:
        reader: reads the participants.
        targets: their ``found`` is set.
        most_pages: pages to read of a campaign at most; None for all.

    Returns:
        The campaigns that have more pages than that.

    Raises:
        YateotaError: as ``Reader.participants``.
    """
    cut_short = []
    for campaign_id in dict.fromkeys(target.campaign_id for target in targets if target.campaign_id):
        wanted = [target for target in targets if target.campaign_id == campaign_id]
        if not _read_states(reader, campaign_id, wanted, most_pages):
            cut_short.append(campaign_id)
    return cut_short


def _read_states(reader: Reader, campaign_id: int, wanted: list[Target], most_pages: int | None) -> bool:
    """Find the wanted in the campaign's list; whether the list was read as far as they need."""
    index: dict[tuple[str, Any], list[Target]] = {}
    for target in wanted:
        name = next(name for name in IDENTIFIERS if name in target.given)
        index.setdefault((name, canonical(name, target.given[name])), []).append(target)
    found: dict[int, list[Participant]] = {id(target): [] for target in wanted}
    by_id = all("participant_id" in target.given for target in wanted)
    complete = False
    for number, page in enumerate(reader.participants(campaign_id), start=1):
        for participant in page:
            for name in IDENTIFIERS:
                for target in index.get((name, canonical(name, getattr(participant, name))), ()):
                    if target.fits(participant):
                        found[id(target)].append(participant)
        complete = by_id and all(found.values())  # ids are unique: nothing more can turn up
        if complete or number == most_pages:
            break
    else:
        complete = True
    for target in wanted:
        target.found = found[id(target)] if complete or found[id(target)] else None
    return complete or all(found.values())


def plan(action: str, targets: Sequence[Target], force: bool) -> str:
    """Judge the whole list before anything of it is sent.

    Who is named twice, under the same or under other identifiers, is acted on once.

    Returns:
        A warning where nothing read tells whether two of the list are one SIM, else an empty text.

    Raises:
        InvalidInputError: as that, of a rerun.
    """
    for target in targets:
        target.judge(_judged(action, target, force))
    for goes, stays in all_doubles(
        action, [each.known for each in targets], [_worth(action, each) for each in targets]
    ):
        reason = f"the list names it twice; it is acted on once, as {described(targets[stays].given)}"
        if targets[goes].send:
            targets[goes].judge(ParticipantPlan(UNCHANGED, targets[goes].state, targets[goes].state, reason))
    for place in named_again(action, [{} if each.outcome == REFUSED else each.known for each in targets]):
        if targets[place].send:
            targets[place].judge(ParticipantPlan(REFUSED, None, None, NAMED_AGAIN))
    left = [target for target in targets if target.send]
    unit = NAMINGS[action].unit
    two = undetermined([(frozenset(target.known), bool(target.found)) for target in left], unit)
    sentence = doubt(left[two[0]].given, left[two[1]].given) if two else ""
    if two and unit == SIM:
        raise InvalidInputError(f"{action} is refused, nothing was sent. {sentence}")
    return sentence


def _judged(action: str, target: Target, force: bool) -> ParticipantPlan:
    units = _units(action, target.found or [])
    if target.found is not None and not target.found:
        reason = f"campaign {target.campaign_id} has no such participant; check the identifiers"
        return ParticipantPlan(REFUSED, None, None, reason)
    if len(units) > 1:
        by_id = NAMINGS[action].unit == PARTICIPANT
        units_are, wanted = ("participants", "participant_id") if by_id else ("SIMs", "iccid, or imsi")
        ids = ", ".join(str(participant.participant_id) for participant in (target.found or [])[:5])
        reason = f"{len(units)} {units_are} fit it ({ids}); give {wanted}"
        return ParticipantPlan(REFUSED, None, None, reason)
    why = why_not_named(action, target.known)
    if why:
        return ParticipantPlan(REFUSED, target.state, target.state, why)
    if not target.found:
        return plan_participant(action, None, force)
    # Of a SIM's participants it is judged by the one that is under way.
    verdicts = [plan_participant(action, participant.state, force) for participant in target.found]
    return next((verdict for verdict in verdicts if verdict.verdict == UNCHANGED), verdicts[0])


def _worth(action: str, target: Target) -> tuple[int, ...]:
    """Which of several that are one SIM stays: one that is under way, that was read, that gives the best name."""
    rank = {UNCHANGED: 0, ACT: 1, REFUSED: 2}[target.plan.verdict]
    return rank, not target.found, (*NAMINGS[action].by, *IDENTIFIERS).index(named_by(action, target.given))


def _units(action: str, found: Sequence[Participant]) -> set[Any]:
    """The participants, or the SIMs, that some participants of a campaign are to the action."""
    if NAMINGS[action].unit == PARTICIPANT:
        return {participant.participant_id or id(participant) for participant in found}
    return {canonical("iccid", each.iccid) or each.imsi or id(each) for each in found}


def doubtful(targets: Sequence[Target]) -> list[Target]:
    """Those whose outcome is unknown, and could be read from their state."""
    return [target for target in targets if target.outcome == UNKNOWN and target.found]


def settle_unknown(reader: Reader, action: str, unknown: Sequence[Target]) -> None:
    """Read the states of the doubtful again, and settle those whose new state proves the action."""
    try:
        look_up(reader, unknown, None)
    except Exception:  # noqa: BLE001 (whatever it is: the outcomes stay unknown, and are reported with all others)
        return
    for target in unknown:
        if proves_carried_out(action, target.plan.before, target.state):
            target.settle(ACTED, target.state, f"no answer came, but it is {target.state} now: it was carried out")


def check_none_refused(action: str, targets: Sequence[Target]) -> None:
    """Stop before anything is sent where the action cannot apply to one of the list.

    Raises:
        InvalidInputError: names the first that is refused and why; carries the module's result.
    """
    refused = [target for target in targets if target.outcome == REFUSED]
    if not refused:
        return
    for target in targets:
        if target.send:
            target.hold_back(UNCHANGED, "others of the list are refused")
    more = f" (and {len(refused) - 1} more of the {len(targets)} given)" if len(refused) > 1 else ""
    error = InvalidInputError(
        f"{action} is refused for {described(refused[0].given)}: {refused[0].message}{more}. Nothing was sent."
    )
    error.details = result(action, targets)
    raise error


def check_all_settled(action: str, targets: Sequence[Target]) -> None:
    """Fail where any outcome is a failure or unknown.

    Raises:
        YateotaError: the first unknown outcome, else the first failure; carries the module's result.
    """
    bad = [target for target in targets if target.outcome == UNKNOWN]
    bad += [target for target in targets if target.outcome == FAILED and target.error]
    if not bad or not bad[0].error:
        return
    error = bad[0].error
    if len(targets) > 1:
        counts = ", ".join(f"{count} {outcome}" for outcome, count in summary(targets).items() if count)
        text = f"{action} of {len(targets)} participants came to {counts}. The first: {error}{_reasons(bad)}"
    else:
        text = str(error)
    raise error.restated(text, result(action, targets))


def _reasons(bad: Sequence[Target]) -> str:
    """Why several came to no good, each reason once with its count, as a further sentence; empty for one."""
    if len(bad) == 1:
        return ""
    counted: Counter[str] = Counter()
    for target in bad:
        if target.error:
            code = f" with code {target.error.code}" if target.error.code is not None else ""
            said = LONG_NUMBER.sub("…", target.error.message or "no reason is known")
            counted[f"{target.outcome}{code} ({said})"] += 1
    frequent = [f"{count} {why}" for why, count in counted.most_common(_REASONS_SHOWN)]
    others = len(bad) - sum(count for _why, count in counted.most_common(_REASONS_SHOWN))
    return f" Reasons: {', '.join(frequent)}{f', {others} others' if others else ''}."


def _capped(sides: Mapping[str, Any]) -> dict[str, Any]:
    """The first entries of one side of a diff, and how many more there are."""
    shown = dict(itertools.islice(sides.items(), _DIFF_SHOWN))
    more = len(sides) - len(shown)
    return shown | ({f"and {more} more": ""} if more else {})


def result(action: str, targets: Sequence[Target]) -> dict[str, Any]:
    """The module's result: what was done, or in check mode what would be."""
    acted = [target for target in targets if target.outcome == ACTED]
    return {
        "changed": bool(acted),
        "results": [_entry(action, target) for target in targets],
        "summary": summary(targets),
        "diff": {
            "before": _capped({described(target.given): target.plan.before for target in acted}),
            "after": _capped({described(target.given): f"{target.plan.after} ({action})" for target in acted}),
        },
    }


def summary(targets: Sequence[Target]) -> dict[str, int]:
    """How many targets came to each outcome."""
    counts = Counter(target.outcome for target in targets)
    return {outcome: counts[outcome] for outcome in OUTCOMES}


def _entry(action: str, target: Target) -> dict[str, Any]:
    return {
        **{name: target.given.get(name) for name in (*IDENTIFIERS, "campaign_id")},
        "before": target.plan.before,
        "after": target.after,
        "action": action if target.send else None,
        "outcome": target.outcome,
        "message": target.message,
    }
