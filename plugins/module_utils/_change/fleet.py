# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report on a change with shards on several servers as on one."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from .._core.states import BAD_STATES
from .._ledger.change import Change
from .._ledger.fleet import latest, shard_facts, shard_rows, shards_in, whole_facts
from .._ledger.queries import SHOWN, Report
from .forecast import forecast
from .further_attempts import attempts_result, recorded_attempts


class WholeReport:
    """The record of all shards of a change, with the methods of ``Report`` that results and reports use.

    Args:
        change: any of its shards.
        masked: as for ``Report``.
    """

    def __init__(self, change: Change, masked: bool) -> None:
        self._change = change
        self._shards = shards_in(change)
        self._reports = [(shard.record(), Report(shard, masked)) for shard in self._shards]

    def facts(self) -> dict[str, Any]:
        """Return the facts of the whole, with its counts, states, waves, runs and shards."""
        shards = shard_facts(self._change)
        reports = [report for _record, report in self._reports]
        states: Counter[str] = Counter()
        for report in reports:
            states.update(report.summary.states)
        selection = self._reports[0][0].selection
        same = all(record.selection == selection for record, _report in self._reports)
        return {
            **whole_facts(shards),
            "selection": selection if same else {},
            "duplicates": sum(record.duplicates for record, _report in self._reports),
            "states": dict(states),
            "attempts": _attempts(self._attempts_facts()),
            "forecast": latest([forecast(shard) for shard in self._shards]),
            "waves_done": sum(report.waves_done() for report in reports),
            "waves": self._by_time("waves", "started"),
            "runs": self._by_time("runs", "run"),
            "shards": shard_rows(shards),
        }

    def _attempts_facts(self) -> Iterator[dict[str, Any] | None]:
        for shard, (record, report) in zip(self._shards, self._reports, strict=True):
            yield attempts_result(shard, report.summary.attempts, recorded_attempts(record))

    def _by_time(self, what: str, order: str) -> list[dict[str, Any]]:
        """Return the waves or runs of all shards in order, each with its server."""
        found = [
            {**each, "api_url": record.api_url, "node": record.node}
            for record, report in self._reports
            for each in getattr(report, what)()
        ]
        return sorted(found, key=lambda each: each[order])

    def failures(self) -> list[dict[str, Any]]:
        """List the first participants in ``BAD_STATES``, the most urgent first, each with its server."""
        found = [
            {**failure, "api_url": record.api_url, "node": record.node}
            for record, report in self._reports
            for failure in report.failures()
        ]
        return sorted(found, key=lambda failure: BAD_STATES.index(failure["state"]))[:SHOWN]

    def exhausted(self) -> list[dict[str, Any]]:
        """List the first participants that have had all attempts allowed, each with its server."""
        return [
            {**each, "api_url": record.api_url, "node": record.node}
            for record, report in self._reports
            for each in report.exhausted()
        ][:SHOWN]

    def reasons(self) -> list[dict[str, Any]]:
        """List reasons for ``BAD_STATES``, the most frequent first, as ``Report.reasons``."""
        counted: Counter[tuple[Any, ...]] = Counter()
        for _record, report in self._reports:
            for each in report.reasons():
                counted[each["state"], each["code"], each["reason"]] += each["count"]
        frequent = counted.most_common()
        return [{"state": key[0], "code": key[1], "reason": key[2], "count": count} for key, count in frequent]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of all shards, each in the order of its selection."""
        return itertools.chain.from_iterable(report.rows() for _record, report in self._reports)


def _attempts(facts: Iterable[dict[str, Any] | None]) -> dict[str, Any] | None:
    """Join how the attempts of all shards stand; None if there are no further ones."""
    known = [each for each in facts if each]
    if not known:
        return None
    return {
        **known[0],
        **{name: sum(each[name] for each in known) for name in ("outstanding", "exhausted")},
        "next_due": min((each["next_due"] for each in known if each["next_due"]), default=None),
        "is_due": any(each["is_due"] for each in known),
    }


def report_on(change: Change, masked: bool, is_whole: bool) -> Report | WholeReport:
    """Return the report on a change on one server, or on all its shards."""
    return WholeReport(change, masked) if is_whole else Report(change, masked)
