# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what a ledger holds, for the module ``yateota_bulk_info``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from .._core.change_id import alike
from .._core.cohorts import cohorts_result
from .._core.errors import InvalidInputError, YateotaError
from .._core.rollout_policy import BAD_RULE
from .._core.states import RowState
from .._core.task_result import TaskResult
from .._ledger.change import Change, Server, find_change
from .._ledger.cohorts import failures_of
from .._ledger.database import Ledger, open_read_only
from .._ledger.fleet import change_of_all_shards, shard_rows
from .._ledger.listing import changes_of, join_shards, recorded_ids
from .._ledger.queries import LATEST, Report
from .._report.metrics import change_metrics, check_metrics, write_metrics
from .auditing import altered_error, audit_result, check_head
from .early_checks import check_seconds
from .fleet import WholeReport
from .forecast import forecast
from .further_attempts import attempts_result, recorded_attempts
from .report_file import PAGE, check_report, nearest, write_page, write_rows

Shown = Callable[[Mapping[str, Any]], Any]
"""A function that returns a result, or a part of one, as it may be shown."""


def run_info(options: Mapping[str, Any], check_mode: bool, shown: Shown, server: Server | None = None) -> TaskResult:
    """Read one change, or list all.

    Args:
        options: the module's options, as it documents them.
        check_mode: no report is written.
        shown: masks what the page shows.
        server: the server whose shard is read where a change has several; None for the whole.

    Raises:
        YateotaError: the ledger cannot be read, or does not hold the change.
    """
    check_seconds(options, "ledger_timeout")
    check_head(options)
    if options["report_check"]:
        check_report({**options, "report_dest": nearest(options["report_dest"])}, check_mode=True)
        return TaskResult({"changed": False})
    _check_files(options, check_mode)
    ledger = open_read_only(options["ledger"], options["ledger_password"], options["ledger_timeout"])
    if ledger is None:
        missing = f"ledger '{options['ledger']}' does not exist: give the one that the changes were recorded in."
        return TaskResult({"ledger_found": False}, InvalidInputError(missing))
    with contextlib.closing(ledger):
        result: dict[str, Any] = {"changed": False}
        error: YateotaError | None = None
        if options["change_id"]:
            result = _one(ledger, options, check_mode, shown, server)
            error = altered_error(result["change"])
        if options["change_id"] and not options["metrics_dest"]:
            return TaskResult(result, error)
        listed = [{**each, "forecast": _forecast(ledger, each)} for each in changes_of(ledger)]
        if not options["change_id"]:
            result["changes"] = join_shards(listed)
        if options["metrics_dest"]:
            result["changed"] |= write_metrics(options["metrics_dest"], change_metrics(listed), check_mode)
            if not check_mode:
                result["metrics"] = options["metrics_dest"]
        return TaskResult(result, error)


def _check_files(options: Mapping[str, Any], check_mode: bool) -> None:
    """Refuse files that could not be written, before anything is read."""
    if options["report_dest"]:
        check_report(options, check_mode)
    if options["metrics_dest"]:
        check_metrics(options["metrics_dest"], check_mode)


def _one(
    ledger: Ledger, options: Mapping[str, Any], check_mode: bool, shown: Shown, server: Server | None
) -> dict[str, Any]:
    """Return the result for one change, and write its report."""
    change, is_whole = _recorded(ledger, options["change_id"], server)
    result, facts = _whole_result_and_facts(change) if is_whole else _result_and_facts(change)
    result["change"]["audit"] = facts["audit"] = audit_result(change, options, is_whole)
    if options["report_dest"]:
        if options["format"] == PAGE:
            result["changed"] = write_page(change, options, check_mode, shown(facts), result["cohorts"], is_whole)
        else:
            result["changed"] = write_rows(change, options, check_mode, is_whole)
        if not check_mode:
            result["report"] = options["report_dest"]
    return result


def _forecast(ledger: Ledger, listed: Mapping[str, Any]) -> dict[str, Any] | None:
    """Forecast the end of a listed change that has something more to send."""
    server = listed["api_url"], listed["node"]
    change = find_change(ledger, listed["change_id"], server) if listed["counts"][RowState.PLANNED] else None
    return forecast(change) if change else None


def _recorded(ledger: Ledger, change_id: str, server: Server | None) -> tuple[Change, bool]:
    """Return the change, and whether all its shards are meant, of which there are several.

    A server that it is not recorded for does not matter.
    """
    own = find_change(ledger, change_id, server) if server else None
    change = own or find_change(ledger, change_id)
    if change is None:
        recorded = alike(change_id, recorded_ids(ledger))
        hint = f"it holds {recorded!r}, give that" if recorded else "leave it out to see which are"
        raise InvalidInputError(f"change_id {change_id!r} is not in the ledger '{ledger.shown}': {hint}.")
    return change, own is None and len(change.shards()) > 1


def _result_and_facts(change: Change) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the result, which shows the latest waves and runs, and the whole change."""
    report = Report(change, masked=False)
    counts = report.summary.counts
    facts = {
        **report.facts(),
        "selected": sum(counts.values()),
        "counts": counts,
        "states": report.summary.states,
        "attempts": attempts_result(change, report.summary.attempts, recorded_attempts(change.record())),
        "waves_done": report.waves_done(),
        "waves": report.waves(),
        "held_by": report.lease_holder(),
        "forecast": forecast(change),
        "runs": report.runs(),
    }
    return _result(change, report, facts, shard_rows([facts])), facts


def _whole_result_and_facts(change: Change) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the same of all shards of a change."""
    report = WholeReport(change, masked=False)
    facts = report.facts()
    shards = facts.pop("shards")
    return _result(change_of_all_shards(change), report, facts, shards), {**facts, "shards": shards}


def _result(
    change: Change, report: Report | WholeReport, facts: dict[str, Any], shards: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "changed": False,
        "change": {**facts, "waves": facts["waves"][-LATEST:], "runs": facts["runs"][-LATEST:]},
        "failures": report.failures(),
        "exhausted": report.exhausted(),
        "remaining": facts["counts"][RowState.PLANNED],
        "cohorts": cohorts_result(*failures_of(change, BAD_RULE)),
        "shards": shards,
    }
