# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The four states of the bulk module: a change planned, applied, verified, purged."""

from __future__ import annotations

import contextlib
import getpass
import math
import os
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any

from .._ansible.arguments import connection
from .._ansible.module import Result, Task
from .._api.delivery import UnexpectedError
from .._core.change_id import alike, check_alone, check_change_id
from .._core.entries import kinds_of
from .._core.errors import ApiError, InvalidInputError, OutcomeUnknownError, TransportError, YateotaError
from .._core.identification import NAMINGS, PARTICIPANT, SIM, doubt
from .._core.identifiers import described
from .._core.signals import stops_on_signals
from .._ledger.attempts import Sends
from .._ledger.change import ABORTED, APPLIED, PURGED, VERIFIED, Change, create_change, find_change, recorded_ids
from .._ledger.database import Ledger, look_into, open_ledger, scratch_ledger
from .._ledger.identity import Doubles
from .._ledger.lease import Lease, least_seconds
from .._ledger.listing import changes_of
from .._ledger.queries import REPORT_COLUMNS, SHOWN, Report, iso
from .._ledger.tables import BAD_STATES, DONE, PLANNED, SENDING, UNKNOWN
from .._report.rows import Export, RowWriter
from .foresight import check_ledger, check_report, nearest
from .options import Rollout
from .rollout import ENDED, Run, check_resumable
from .selection import Selection, same_selection, words
from .states_reader import StateReader

_VERIFY_INTERVAL = 5.0  # seconds between two readings, more where a reading takes longer


class BulkTask:
    """One task of the bulk module.

    Args:
        task: the options, and the means.
        rollout: the options of the rollout, checked.
        stopped: set from outside to stop cleanly.
    """

    def __init__(self, task: Task, rollout: Rollout, stopped: threading.Event) -> None:
        self._task = task
        self._task.connections = rollout.senders  # before its client is made, which may be to plan
        self._task.may_send = lambda: not stopped.is_set()
        self._params = task.params
        self._rollout = rollout
        self._stopped = stopped
        self._connection = connection(task.params)
        self._sent = self._pages = 0
        self._sending_seconds = 0.0
        self._is_empty = False
        self._extra: Result = {}

    def run(self) -> Result:
        """Bring the change to the state asked for.

        Raises:
            YateotaError: carries the result as it stands, where the change was found.
        """
        check_change_id(self._params["change_id"])
        where, password = self._params["ledger"], self._params["ledger_password"]
        patience = self._params["ledger_timeout"]
        if self._params["report_dest"]:
            check_report(self._params, self._task.check_mode, PAGE)  # one that cannot be made stops nothing half done
        if not self._task.check_mode:
            with contextlib.closing(open_ledger(where, password, patience, self._stopped, self._task.warn)) as ledger:
                return self._perform(ledger)
        check_ledger(where)
        self._task.client  # noqa: B018 (refuses a server's options that a real run could not use)
        ledger_there = look_into(where, password, patience, self._task.warn)
        if ledger_there:
            with contextlib.closing(ledger_there) as ledger:
                change = find_change(ledger, self._params["change_id"])
                if change and not change.is_being_planned():
                    self._check_is_the_same(change)
                    return self._foreseen(change)
                check_alone(self._params["change_id"], recorded_ids(ledger))
        with contextlib.closing(scratch_ledger(where)) as ledger:
            return self._perform(ledger)

    def _foreseen(self, change: Change) -> Result:
        """The result of check mode for a change that is recorded: it fails where the real run would."""
        self._warn_of_resending(change)
        would_change = self._would_change(change)
        try:
            self._check_may(change)
            if self._params["state"] == "applied" and not would_change:
                self._check_all_done(change)
        except YateotaError as error:
            error.details = self._failed_result(change, change.counts(), error)
            raise
        return self._result(change, changed=would_change)

    # --- The steps -------------------------------------------------------------------------------------------------

    def _perform(self, ledger: Ledger) -> Result:
        change = self._found_or_made(ledger)
        before = change.counts()
        self._warn_of_resending(change)
        try:
            with self._lease(change) as change.lease:
                change.read_clock()  # now that no other run adds to the record
                changed = self._bring(change)
                if self._is_empty:
                    result = self._result(change, changed=False, before=before)
                    change.discard()  # an empty one would say for ever that nothing is left to do
                    return result
                if self._params["state"] == "applied" and not self._task.check_mode:
                    self._check_all_done(change)
        except YateotaError as error:
            with contextlib.suppress(YateotaError):  # the failure that led here is the one to tell
                if not change.is_being_planned():
                    error.details = self._failed_result(change, before, error)
            raise
        return self._result(change, changed, before)

    def _found_or_made(self, ledger: Ledger) -> Change:
        change = find_change(ledger, self._params["change_id"])
        if change and not change.is_being_planned():
            self._check_is_the_same(change)
            return change
        if change is None:
            check_alone(self._params["change_id"], recorded_ids(ledger))
        self._check_may_plan(ledger)
        return create_change(ledger, self._params["change_id"], **self._facts(), selection={})

    def _check_may_plan(self, ledger: Ledger) -> None:
        if self._params["state"] not in ("planned", "applied"):
            raise InvalidInputError(
                f"change_id {self._params['change_id']!r} is not in the ledger '{ledger.shown}': plan it first."
            )
        for option in ("action", "selection"):
            if not self._params[option]:
                raise InvalidInputError(f"{option} is needed to plan change {self._params['change_id']}: give it.")

    def _facts(self) -> dict[str, Any]:
        return {
            "api_url": self._connection.api_url,
            "node": self._connection.node,
            "action": self._params["action"],
            "requested_by": self._requested_by(),
            "job_id": self._params["job_id"],
        }

    def _requested_by(self) -> str:
        if self._params["requested_by"]:
            return str(self._params["requested_by"])
        try:
            return getpass.getuser()
        except (KeyError, OSError):  # no such user in a container's list
            return f"uid {os.getuid()}"

    def _lease(self, change: Change) -> Lease:
        job = f", job {self._params['job_id']}" if self._params["job_id"] else ""
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(change.clock.now()))
        holder = f"{self._requested_by()} on {socket.gethostname()} (process {os.getpid()}{job}) since {since}"
        return Lease(change.ledger, change.number, self._params["change_id"], holder, self._params["lease_seconds"])

    def _bring(self, change: Change) -> bool:
        """Do what the state asks for, under the lease; whether anything has changed."""
        state = self._params["state"]
        plans = change.is_being_planned()
        if plans:
            self._check_may_plan(change.ledger)
        else:
            self._check_is_the_same(change)  # another run may have planned another since it was looked at
        run = change.begin_run(
            requested_by=self._requested_by(),
            approved_by=self._params["approved_by"],
            job_id=self._params["job_id"],
            host=socket.gethostname(),
            pid=os.getpid(),
        )
        outcome = "failed"
        try:
            if plans:
                self._plan(change)
            else:
                self._check_may(change)
            changed = plans and not self._is_empty
            if state == "applied" and not self._task.check_mode and not self._is_empty:
                changed = self._apply(change, run) or changed
            elif state == "verified":
                self._verify(change, run)
            elif state == "purged":
                changed = self._purge(change)
            outcome = change.record().status
        finally:
            with contextlib.suppress(YateotaError):
                change.end_run(run, outcome)
        return changed

    def _plan(self, change: Change) -> None:
        action = self._params["action"]
        selection = Selection(self._params["selection"], action, self._task.warn)
        try:
            change.begin_plan()
            description = selection.description()
            states = StateReader(change, self._task.reader, self._stopped)
            offered, kinds = 0, set()
            for rows in selection.rows(self._task.reader, states.count_page):
                change.add(rows, offered)
                offered += len(rows)
                kinds |= {"/".join(kinds_of(row["name"])) for row in rows}
            if selection.columns:
                description["columns"] = selection.columns
            description["identified_by"] = sorted(kinds)
            description["unit"] = NAMINGS[action].unit
            change.update(**self._facts(), selection=description)
            if not selection.listed:
                states.look_up()
            self._judge(change, selection, offered)
            self._pages += states.pages
        except BaseException:
            with contextlib.suppress(YateotaError):
                change.discard()
            raise
        if not offered:
            self._is_empty = True
            self._task.warn(
                f"selection is empty: {words(description)} matches no participant. Change {self._params['change_id']} "
                "is not recorded, and nothing is sent."
            )

    def _judge(self, change: Change, selection: Selection, offered: int) -> None:
        action = self._params["action"]
        change.refuse_misnamed(action)
        found = Doubles(change, action)
        if selection.listed and NAMINGS[action].unit == PARTICIPANT:
            change.judge_plan(action, offered, [])  # the ids of a list are each there once
            return
        found.drop()
        two = found.first_doubt()
        if two and NAMINGS[action].unit == SIM:
            raise InvalidInputError(f"{action} is refused, nothing was recorded or sent. {doubt(*two)}")
        if two:
            self._task.warn(doubt(*two))
        change.judge_plan(action, offered, found.named_again())

    def _part_sims(self, change: Change) -> None:
        """Have each SIM in a rerun's plan once, where a release recorded it that planned by participant.

        Raises:
            InvalidInputError: nothing recorded tells whether two of its entries are one SIM.
        """
        record = change.record()
        unit = NAMINGS[record.action].unit
        if unit != SIM or record.selection.get("unit") == unit:
            return
        found = Doubles(change, record.action, is_planned=True)
        found.drop()
        two = found.first_doubt()
        if two:
            raise InvalidInputError(
                f"Change {record.change_id} was planned by an older release, by participant instead of by SIM: nothing "
                f"more is sent for it. {doubt(*two)} Plan those whom its report does not show as done under another "
                "change_id."
            )
        change.update(selection={**record.selection, "unit": unit})

    def _apply(self, change: Change, run: int) -> bool:
        record, counts = change.record(), change.counts()
        # A run that was cut off after it planned its unknown anew leaves an ended change with somebody to be sent for.
        if record.status == PURGED or (record.status in ENDED and not counts[UNKNOWN] + counts[PLANNED]):
            return False
        self._part_sims(change)
        states = StateReader(change, self._task.reader, self._stopped)
        rolling = Run(
            change,
            Sends(change, run),
            self._task.client,
            states,
            self._rollout,
            self._stopped,
        )
        try:
            rolling.roll_out()
        except BaseException as error:
            if isinstance(error, YateotaError):
                raise
            raise UnexpectedError(error, f"Change {record.change_id}") from None
        finally:
            self._pages += states.pages
            self._sent, self._sending_seconds = rolling.sent, rolling.sending_seconds
        return bool(rolling.sent) or change.counts() != counts

    def _verify(self, change: Change, run: int) -> None:
        record = change.record()
        sends, states = Sends(change, run), StateReader(change, self._task.reader, self._stopped)
        sends.doubt_cut_off()
        report = Report(change, masked=False)
        deadline = time.monotonic() + self._params["verify_timeout"]
        while True:
            begun = time.monotonic()
            states.read(done_too=True)
            sends.settle_unknown(record.action)
            left, first = report.unfinished(record.action)
            now = time.monotonic()
            pause = min(max(_VERIFY_INTERVAL, now - begun), deadline - now)
            if not left or pause <= 0 or self._stopped.wait(pause):
                break
        self._pages += states.pages
        self._extra = {"unfinished": first, "remaining": left}
        if record.status in ENDED:
            change.update(status=APPLIED if left else VERIFIED)
        if left and self._stopped.is_set():
            raise TransportError(f"Change {record.change_id} was stopped by a signal: run it again to verify it.")

    def _purge(self, change: Change) -> bool:
        report = Report(change, masked=False)
        purges: bool = change.record().status != PURGED
        if purges:
            report.purge()
        if change.record().compacted_at is None:  # the last run may have found no room for it
            change.ledger.compact()
            change.update(compacted_at=change.clock.moment())
        change.ledger.empty_log()  # each time: in the last, a reader may have kept it
        for backup in change.ledger.backups():
            self._task.warn(f"'{backup}' is a backup of the ledger that may hold what was purged: delete it.")
        return purges

    # --- Checks ----------------------------------------------------------------------------------------------------

    def _check_is_the_same(self, change: Change) -> None:
        """Refuse a task whose options are of another change than the one recorded."""
        record = change.record()
        asked = {"api_url": self._connection.api_url, "node": self._connection.node, "action": self._params["action"]}
        for option, value in asked.items():
            recorded = getattr(record, option)
            if value is not None and value != recorded:
                raise InvalidInputError(
                    f"change_id '{record.change_id}' is recorded with {option} '{recorded}', not '{value}': "
                    "give that, or another change_id for another change."
                )
        if self._params["selection"] and record.status != PURGED:
            selection = Selection(self._params["selection"], record.action, self._task.warn).description()
            if not same_selection(record.selection, selection):
                raise InvalidInputError(
                    f"change_id '{record.change_id}' is recorded with another selection ({words(record.selection)}): "
                    "leave selection out to go on with it, or give another change_id."
                )

    def _check_may(self, change: Change) -> None:
        """Refuse what a recorded change's status does not allow."""
        record, state, counts = change.record(), self._params["state"], change.counts()
        if state == "applied":
            if record.status == ABORTED:
                check_resumable(change, self._rollout)
            elif record.status == PURGED and (counts[PLANNED] or (self._rollout.resend and counts[UNKNOWN])):
                raise InvalidInputError(
                    f"Change {record.change_id} is purged: who is left of it is not known any more."
                )
        elif state == "verified" and record.status == PURGED:
            raise InvalidInputError(f"Change {record.change_id} is purged: its participants cannot be read any more.")
        elif state == "purged" and record.status not in (*ENDED, ABORTED, PURGED):
            raise InvalidInputError(
                f"Change {record.change_id} is {record.status}, it has not ended: apply it to its end, then purge it."
            )

    def _would_change(self, change: Change) -> bool:
        state, counts = self._params["state"], change.counts()
        if state == "applied":
            return counts[PLANNED] > 0 or (self._rollout.resend and counts[UNKNOWN] + counts[SENDING] > 0)
        return state == "purged" and str(change.record().status) != PURGED

    def _warn_of_resending(self, change: Change) -> None:
        """Warn of what a second rerun does, where some would be sent for once more."""
        counts = change.counts()
        doubtful = counts[UNKNOWN] + counts[SENDING]
        resends = self._rollout.resend and self._params["state"] in ("planned", "applied")
        if doubtful and resends and change.record().action == "rerun":
            self._task.warn(
                f"unknown=resend sends rerun once more for up to {doubtful} SIMs: where the first was carried out, "
                "their OTA counters are reset a second time, which can lock a SIM out of OTA. Look at them first."
            )

    def _check_all_done(self, change: Change) -> None:
        """Fail where a change has come to its end and not all went well.

        Raises:
            OutcomeUnknownError, ApiError: some are unknown; some are refused or failed.
        """
        counts = change.counts()
        bad = {state: counts[state] for state in BAD_STATES if counts[state]}
        if counts[PLANNED] or not bad:
            return
        first = Report(change, masked=False).failures()[0]
        said = ", ".join(f"{count} {state}" for state, count in bad.items())
        kind = OutcomeUnknownError if UNKNOWN in bad else ApiError
        raise kind(
            f"Change {self._params['change_id']} has ended with {counts[DONE]} done, {said}. "
            f"The first: {described(first)}: {first['message']}.",
            request="action_participant",
            code=first["code"],
            message=first["message"],
        )

    # --- The result ------------------------------------------------------------------------------------------------

    def _failed_result(self, change: Change, before: Mapping[str, int], failure: YateotaError) -> Result:
        try:
            self._learn_who_is_named(change, str(failure), failure.message or "")
            return self._result(change, changed=self._sent > 0, before=before)
        except YateotaError as error:  # the failure that led here is the one to tell
            self._task.warn(str(error))
            return error.details or {"changed": self._sent > 0}

    def _learn_who_is_named(self, change: Change, *texts: str) -> None:
        """Have the change's identifiers masked in texts that may come from anywhere."""
        if self._task.masking:
            self._task.masking.learn(Report(change, masked=False).named_in([*self._task.warnings, *texts]))

    def _result(self, change: Change, changed: bool, before: Mapping[str, int] | None = None) -> Result:
        self._learn_who_is_named(change)
        report = Report(change, masked=False)
        counts = change.counts()
        done = report.waves_done()
        result = {
            "changed": changed,
            "change": {
                **report.facts(),
                "selected": sum(counts.values()),
                "counts": counts,
                "states": report.states(),
                "waves_done": done,
                "waves_total": done + self._waves_left(change, report),
                "waves": report.waves(SHOWN),
                "window_opens": iso(self._rollout.waits_until(change.clock.now())),
                "pages_read": self._pages,
                "sent": self._sent,
                "rate": round(self._sent / self._sending_seconds, 1) if self._sent else 0.0,
            },
            "failures": report.failures(),
            "remaining": counts[PLANNED],
            **self._extra,
            "diff": {"before": dict(before or counts), "after": counts},
        }
        if self._params["report_dest"] and not self._task.check_mode:
            try:
                write_report(change, self._task, result["change"])
            except YateotaError as error:
                error.details = result
                raise
            result["report"] = self._params["report_dest"]
        return result

    def _waves_left(self, change: Change, report: Report) -> int:
        """How many waves are left, by the present sizes; the one that is under way is one of them."""
        total, waiting = report.waves_begun(), report.waiting()
        left = total - report.waves_done()
        if not total and waiting and self._rollout.canary:
            left, waiting = 1, max(0, waiting - self._rollout.canary)
        return left + math.ceil(waiting / self._rollout.wave_size)


PAGE = "html"
"""The form of a report that is a page to be read, and not one row for each participant."""


def _report_file(task: Task) -> Export:
    return Export(task.params["report_dest"], task.check_mode, "report_dest")


def write_report(change: Change, task: Task, told: Mapping[str, Any]) -> bool:
    """Write ``report_dest``; whether its content is new. In check mode it is only compared.

    Args:
        change: the change.
        task: says where to write, and in which form.
        told: what results tell of the change, with all its waves and runs where the form is ``PAGE``.

    Raises:
        InvalidInputError: it cannot be written.
    """
    report = Report(change, task.params["mask_identifiers"])
    with _report_file(task) as export:
        if task.params["format"] == PAGE:
            from .._report.page import page  # loads the charts' library, which no other task needs

            export.file.write(page(task.shown(told), report.failures(), report.reasons()))
        else:
            writer = RowWriter(export.file, task.params["format"], REPORT_COLUMNS)
            for row in report.rows():
                writer.write(row)
    return export.changed


def tell(task: Task) -> Result:
    """What the ledger holds: the code of the read-only twin of the bulk module.

    Raises:
        YateotaError: the ledger cannot be read, or does not hold the change.
    """
    where, change_id = task.params["ledger"], task.params["change_id"]
    check_seconds(task, "ledger_timeout")
    if task.params["report_check"]:
        check_report({**task.params, "report_dest": nearest(task.params["report_dest"])}, check_mode=True, page=PAGE)
        return {"changed": False}
    if task.params["report_dest"]:
        check_report(task.params, task.check_mode, PAGE)
    ledger = look_into(where, task.params["ledger_password"], task.params["ledger_timeout"])
    if ledger is None:
        missing = InvalidInputError(f"ledger '{where}' is not there: give the one that the changes were recorded in.")
        missing.details = {"ledger_found": False}
        raise missing
    with contextlib.closing(ledger):
        if not change_id:
            return {"changed": False, "changes": changes_of(ledger)}
        change = find_change(ledger, change_id)
        if change is None:
            recorded = alike(change_id, recorded_ids(ledger))
            hint = f"it holds {recorded!r}, give that" if recorded else "leave it out to see which are"
            raise InvalidInputError(f"change_id {change_id!r} is not in the ledger '{ledger.shown}': {hint}.")
        report, counts = Report(change, masked=False), change.counts()
        told = {
            **report.facts(),
            "selected": sum(counts.values()),
            "counts": counts,
            "states": report.states(),
            "waves_done": report.waves_done(),
            "waves": report.waves(),
            "held_by": report.held_by(),
            "runs": report.runs(),
        }
        result = {
            "changed": False,
            "change": {**told, "waves": told["waves"][-SHOWN:], "runs": told["runs"][-SHOWN:]},
            "failures": report.failures(),
            "remaining": counts[PLANNED],
        }
        if task.params["report_dest"]:
            result["changed"] = write_report(change, task, told)
            if not task.check_mode:
                result["report"] = task.params["report_dest"]
        return result


def check_seconds(task: Task, *options: str) -> None:
    """Refuse seconds without an end."""
    for option in options:
        if task.params[option] == math.inf:
            raise InvalidInputError(f"{option} inf is not valid: give a number of seconds.")


def run_bulk(task: Task, rollout: Rollout) -> Result:
    """The module's code.

    Raises:
        YateotaError: carries the result as it stands, where the change was found.
    """
    check_seconds(task, "lease_seconds", "verify_timeout", "ledger_timeout")
    timeout, seconds = task.params["timeout"], task.params["lease_seconds"]
    if seconds < round(least_seconds(timeout), 3):
        raise InvalidInputError(
            f"lease_seconds {seconds:g} is too short for timeout {timeout:g}: a request could outlast the lease. "
            f"Give {least_seconds(timeout):g} or more seconds, or a shorter timeout."
        )
    stopped = threading.Event()
    with stops_on_signals(stopped):
        return BulkTask(task, rollout, stopped).run()
