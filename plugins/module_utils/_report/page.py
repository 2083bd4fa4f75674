# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a change as one self-contained HTML page that auditors can keep."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._core.api_urls import short_url
from .._core.errors import InvalidInputError
from .._core.libraries import guarded, missing
from .._core.states import AuditStatus, RowState, altered_place
from .charts import STACKED, progress_chart, waves_chart
from .style import STYLE
from .template import TEMPLATE
from .verdict import moment, number, tiles_of, unknown_of, verdict_of

jinja2 = guarded("jinja2")
markupsafe = guarded("markupsafe")

_LIBRARIES = ("jinja2",)
_RUN_OWNER = ("requested_by", "approved_by", "job_id", "host", "api_url")
_TITLES = {
    RowState.DONE: "done",
    RowState.SKIPPED: "skipped: the action would have changed nothing",
    RowState.REFUSED: "refused: the action does not apply",
    RowState.FAILED: "failed: the server answered with an error",
    RowState.UNKNOWN: "unknown: nothing proves whether the action was carried out",
    RowState.SENDING: "sending",
    RowState.PLANNED: "to send for",
}


def check_libraries() -> None:
    """Fail if the libraries for a page are not installed.

    Raises:
        InvalidInputError: names what is missing.
    """
    lacking = missing(_LIBRARIES)
    if lacking:
        raise InvalidInputError(
            f"format 'html' needs {' and '.join(lacking)} on the machine that runs the module: "
            "install that, or give csv or jsonl."
        )


@dataclass(frozen=True)
class Details:
    """What a page shows beside the change itself.

    Attributes:
        failures: the first participants that went wrong, as ``yateota_bulk_info`` returns them.
        reasons: as ``Report.reasons`` gives them.
        exhausted: as ``Report.exhausted`` gives them.
        cohorts: as ``cohorts_result`` gives them.
        progress: as ``progress_of`` gives it.
    """

    failures: Sequence[Mapping[str, Any]] = ()
    reasons: Sequence[Mapping[str, Any]] = ()
    exhausted: Sequence[Mapping[str, Any]] = ()
    cohorts: Mapping[str, Any] = field(default_factory=dict)
    progress: Sequence[tuple[float, Mapping[str, int]]] = ()


def page(change: Mapping[str, Any], details: Details) -> str:
    """Return the page of a change.

    Args:
        change: the change as ``yateota_bulk_info`` returns it, with all its waves and runs.
        details: what is shown beside it.

    Returns:
        HTML that loads nothing and runs nothing. A change that has ended gives the same page each time.

    Raises:
        InvalidInputError: a library is missing.
    """
    check_libraries()
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"moment": moment, "number": number, "short_url": short_url}
    waves = change["waves"]
    # The texts of the charts are escaped.
    charts = {
        "progress_chart": markupsafe.Markup(progress_chart(details.progress, change["selected"])),
        "waves_chart": markupsafe.Markup(waves_chart(waves)) if waves else "",
    }
    return str(environment.from_string(TEMPLATE).render(change=change, **charts, **_parts(change, details)))


def _parts(change: Mapping[str, Any], details: Details) -> dict[str, Any]:
    """Return what the template shows, without the charts."""
    waves = change["waves"]
    return {
        "style": markupsafe.Markup(STYLE),  # it has quotes, and nothing from outside
        "verdict": verdict_of(change),
        "tiles": tiles_of(change),
        "shards": change.get("shards", []),
        "unknown": unknown_of(change, details.failures),
        "facts": _facts(change),
        "states": [state for state in STACKED if change["counts"][state]],
        "titles": _TITLES,
        "waves": waves,
        "wave_states": [state for state in STACKED if any(wave["counts"][state] for wave in waves)],
        "cohorts": details.cohorts,
        "reasons": details.reasons,
        "most": max((each["count"] for each in details.reasons), default=1),
        "failures": details.failures,
        "attempts": _attempts(change["attempts"] or {}),
        "exhausted": details.exhausted,
        "runs": _merged(change["runs"]),
    }


def _facts(change: Mapping[str, Any]) -> list[tuple[str, Any]]:
    selection = ", ".join(
        f"{name} {value}" for name, value in change["selection"].items() if not isinstance(value, list)
    )
    return [
        ("Requested by", change["requested_by"]),
        ("Approved by", change["approved_by"] or "nobody"),
        ("Plan digest", change["plan_digest"]),
        *_approval(change["approval"] or {}),
        *_audit(change["audit"]),
        ("Job", change["job_id"]),
        ("Selected", selection),
        ("Named more than once", change["duplicates"] or None),
        ("Planned", moment(change["planned"])),
        ("First sent", moment(change["started"]) or "never"),
        ("Nothing more to send", moment(change["finished"]) or "not yet"),
    ]


def _attempts(attempts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """List how the attempts stand; nothing if there is no more than one."""
    if not attempts:
        return []
    return [
        ("At most for each", attempts["maximum"]),
        ("Seconds between two", attempts["interval"] and f"{attempts['interval']:g}"),
        ("May need another", attempts["outstanding"]),
        ("The next is due", moment(attempts["next_due"]) or None),
        ("Exhausted", attempts["exhausted"]),
    ]


def _approval(approval: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """List what the record has on the approval; nothing if there is none."""
    if not approval:
        return []
    return [
        ("Plan approved", f"{moment(approval['at'])} by {approval['by']}"),
        ("Approved in job", approval["job"]),
        ("Approval note", approval["note"]),
        ("Digest approved", approval["digest"]),
    ]


def _audit(audit: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """List the head of the audit chain, and what a check of the chain has found."""
    found = {
        AuditStatus.INTACT: "the record fits its audit chain",
        AuditStatus.ALTERED: f"the record was altered: {altered_place(audit['wave'])}{audit['problem']}",
        AuditStatus.NONE: "there is no audit chain: release 1.0.0 planned the change",
    }
    shards = audit.get("shards", ())
    heads = [(f"Audit chain of {shard['api_url']}, node {shard['node']}", shard["head"]) for shard in shards]
    return [("Audit chain", audit["head"]), *heads, ("Audit", found.get(audit["status"]))]


def _merged(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Merge consecutive runs of the same job: with a gate, a role makes one run for each wave."""
    merged = []
    for _key, group in itertools.groupby(runs, lambda run: tuple(run.get(name) for name in _RUN_OWNER)):
        same = list(group)
        first, last = same[0], same[-1]
        numbers = str(first["run"]) if first is last else f"{first['run']} to {last['run']}"
        merged.append({**last, "numbers": numbers, "started": first["started"]})
    return merged
