# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the result of a task on a list, and its failure if not all went well."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .._core.errors import InvalidInputError, OutcomeUnknownError, YateotaError
from .._core.identifiers import IDENTIFIERS, LONG_NUMBER, described
from .._core.states import EntryOutcome
from .entries import Entry

_DIFF_SHOWN = 20
_REASONS_SHOWN = 3


def refusal(action: str, entries: Sequence[Entry]) -> InvalidInputError | None:
    """Hold back all entries if the action does not apply to one of them.

    Returns:
        The failure, which names the first entry that is refused and why; None if none is refused.
    """
    refused = [entry for entry in entries if entry.outcome == EntryOutcome.REFUSED]
    if not refused:
        return None
    for entry in entries:
        if entry.send:
            entry.hold_back(EntryOutcome.UNCHANGED, "others of the list are refused")
    more = f" (and {len(refused) - 1} more of the {len(entries)} given)" if len(refused) > 1 else ""
    return InvalidInputError(
        f"{action} is refused for {described(refused[0].given)}: {refused[0].message}{more}. Nothing was sent."
    )


def failure(action: str, entries: Sequence[Entry]) -> YateotaError | None:
    """Return the failure of a task after it has sent; None if all went well.

    It is the first unknown outcome, or why nothing more was sent after it; else the first failure or refusal of the
    server.
    """
    bad = [entry for entry in entries if entry.outcome == EntryOutcome.UNKNOWN]
    bad += [entry for entry in entries if entry.outcome in (EntryOutcome.FAILED, EntryOutcome.REFUSED) and entry.error]
    if not bad or not bad[0].error:
        return None
    stops = (entry.error for entry in bad if not entry.send and isinstance(entry.error, OutcomeUnknownError))
    error = next(stops, bad[0].error)
    if len(entries) > 1:
        counts = ", ".join(f"{count} {outcome}" for outcome, count in summary(entries).items() if count)
        text = f"{action} of {len(entries)} participants came to {counts}. The first: {error}{_reasons(bad)}"
    else:
        text = str(error)
    return error.restated(text)


def _reasons(bad: Sequence[Entry]) -> str:
    """Return the reasons of bad outcomes with their counts, in a sentence.

    The text is empty for one outcome, which the message shows itself.
    """
    if len(bad) == 1:
        return ""
    counted: Counter[str] = Counter()
    for entry in bad:
        if entry.error:
            code = f" with code {entry.error.code}" if entry.error.code is not None else ""
            said = LONG_NUMBER.sub("…", entry.error.message or "no reason is known")
            counted[f"{entry.outcome}{code} ({said})"] += 1
    frequent = [f"{count} {why}" for why, count in counted.most_common(_REASONS_SHOWN)]
    others = len(bad) - sum(count for _why, count in counted.most_common(_REASONS_SHOWN))
    return f" Reasons: {', '.join(frequent)}{f', {others} others' if others else ''}."


def _capped(sides: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the first lines of one side of a diff, and count the rest."""
    shown = dict(itertools.islice(sides.items(), _DIFF_SHOWN))
    more = len(sides) - len(shown)
    return shown | ({f"and {more} more": ""} if more else {})


def result(action: str, entries: Sequence[Entry]) -> dict[str, Any]:
    """Return the module's result: what was done, or in check mode would be done."""
    acted = [entry for entry in entries if entry.outcome == EntryOutcome.ACTED]
    return {
        "changed": bool(acted),
        "results": [_entry(action, entry) for entry in entries],
        "summary": summary(entries),
        "diff": {
            "before": _capped({described(entry.given): entry.plan.before for entry in acted}),
            "after": _capped({described(entry.given): f"{entry.plan.after} ({action})" for entry in acted}),
        },
    }


def summary(entries: Sequence[Entry]) -> dict[str, int]:
    """Count the entries by their outcomes."""
    counts = Counter(entry.outcome for entry in entries)
    return {outcome: counts[outcome] for outcome in EntryOutcome}


def _entry(action: str, entry: Entry) -> dict[str, Any]:
    return {
        **{name: entry.given.get(name) for name in (*IDENTIFIERS, "campaign_id")},
        "before": entry.plan.before,
        "after": entry.after,
        "action": action if entry.send else None,
        "outcome": entry.outcome,
        "message": entry.message,
    }
