#!/usr/bin/python
# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: yateota_bulk_info
short_description: Show the status of a change or of all changes in a ledger, and write reports
version_added: 1.0.0
description:
  - Returns the progress of a change, also while it runs, or lists the changes in a ledger.
  - It reads only the ledger, not the server, and changes neither.
options:
  change_id:
    description: The change. Without it, all changes of the ledger are listed.
    type: str
  api_url:
    description:
      - Nothing is sent to the server. Where O(change_id) is recorded for several servers, only its part on this one is read.
      - Without it, and with a server that the change is not recorded for, the change is read as a whole.
    type: str
    required: false
  ledger:
    description: As in M(simops.yateota.yateota_bulk). If not set, the environment variable E(YATEOTA_LEDGER) is used.
    type: str
    required: true
  ledger_password:
    description: As in M(simops.yateota.yateota_bulk). If not set, the environment variable E(YATEOTA_LEDGER_PASSWORD) is used.
    type: str
  ledger_timeout:
    description: How many seconds to wait for a ledger that cannot be reached or is locked. V(0) does not wait. Must be 0 or more.
    type: float
    default: 60
  report_dest:
    description: File to write a report to, as in M(simops.yateota.yateota_bulk). Requires O(change_id). The module is changed if the file's content is.
    type: path
  format:
    description:
      - The format of O(report_dest). V(csv) with a header line, or V(jsonl), one JSON object per line, with one row for each participant.
      - V(html) is a page with the verdict, the progress over time, the waves, the SIMs that fail more often, the failures by reason and the
        runs. It loads nothing, is light or dark as the reader's system, and can be printed and read on a phone.
    type: str
    choices: [csv, jsonl, html]
    default: csv
  report_check:
    description:
      - Only check that the report can be written, before there is anything to report. The libraries of its O(format) must be installed, and
        its folder, or its nearest existing parent folder, must be writable. The ledger is not read, and nothing is written.
    type: bool
    default: false
  metrics_dest:
    description:
      - File to write metrics of the ledger's changes to, in a folder of the textfile collector of Prometheus's node exporter. It has all changes,
        also with O(change_id). It is replaced as a whole, and every user may read it. The module is changed if the file's content is.
      - C(yateota_changes) counts the changes by status. For each change that is not at an end there are also C(yateota_change_status),
        C(yateota_change_participants) by row state, C(yateota_change_rate), C(yateota_change_forecast_seconds) and
        C(yateota_change_forecast_fits), and C(yateota_change_lease_age_seconds) and C(yateota_change_lease_remaining_seconds) of the run that has it.
        A change that covers several servers has them for each server. No label has an identifier of a SIM or the name of a person.
    type: path
    version_added: 1.1.0
  audit:
    description:
      - Check the audit chain of the change, and fail if its record was altered in the ledger. The report is written nevertheless.
      - The chain is a SHA-256 over the plan, and for each wave over the one before and the wave's attempts. It cannot show that
        somebody has altered the record and computed the whole chain again, unless O(audit_head) was noted before.
      - Requires O(change_id). A change that release 1.0.0 planned has no chain, and does not fail.
    type: bool
    default: false
    version_added: 1.1.0
  audit_head:
    description:
      - The head of the chain as it was noted outside the ledger before, such as in the ticket, or 12 or more characters of its beginning.
        Checks the chain as with O(audit), and also fails if the chain does not contain this head.
      - A chain only grows, so that a head that was noted in the middle of the change stays in it.
    type: str
    version_added: 1.1.0
  mask_identifiers:
    description: Show all but the last 4 digits of subscribers' identifiers as C(*), in the result and in the report.
    type: bool
    default: false
requirements:
  - SQLAlchemy >= 2.0
  - psycopg >= 3.1 (for PostgreSQL)
  - Jinja2 >= 3.0 (for O(format=html))
  - prometheus_client >= 0.20 (for metrics)
extends_documentation_fragment:
  - simops.yateota.connection
  - simops.yateota.connection.actiongroup
  - simops.yateota.connection.reads
author:
  - The simops.yateota contributors (@simops)
"""

EXAMPLES = r"""
- name: List the changes of a ledger
  simops.yateota.yateota_bulk_info:
    ledger: /var/lib/yateota/ledger.sqlite

- name: Tell how a change stands
  simops.yateota.yateota_bulk_info:
    ledger: /var/lib/yateota/ledger.sqlite
    change_id: CHG0012345
    mask_identifiers: true

- name: Write the metrics of all changes where the node exporter finds them
  simops.yateota.yateota_bulk_info:
    ledger: /var/lib/yateota/ledger.sqlite
    metrics_dest: /var/lib/prometheus/node-exporter/yateota_changes.prom

- name: Check that nobody has altered its record since the ticket got the head of its audit chain
  simops.yateota.yateota_bulk_info:
    ledger: /var/lib/yateota/ledger.sqlite
    change_id: CHG0012345
    audit: true
    audit_head: 7d3f5b0c91aa

- name: Write it as a page
  simops.yateota.yateota_bulk_info:
    ledger: /var/lib/yateota/ledger.sqlite
    change_id: CHG0012345
    report_dest: /var/lib/yateota/CHG0012345.html
    format: html
"""

RETURN = r"""
changes:
  description: The ledger's changes, the oldest first.
  returned: success without O(change_id)
  type: list
  elements: dict
  contains:
    change_id:
      description: The change.
      type: str
    status:
      description: As in M(simops.yateota.yateota_bulk). C(planning) is a change whose plan is not complete.
      type: str
    action:
      description: The action.
      type: str
    api_url:
      description: The server.
      type: str
    node:
      description: The node.
      type: str
    requested_by:
      description: The person who planned it.
      type: str
    approved_by:
      description: The person who approved its plan, otherwise the approver that the latest run that sent requests has named.
      type: str
    plan_digest:
      description: The SHA-256 of its plan, as M(simops.yateota.yateota_bulk) returns it.
      type: str
    require_approval:
      description: Whether nothing is sent for it without an approval.
      type: bool
    approval:
      description: The approval of its plan, as M(simops.yateota.yateota_bulk) returns it. Null where there is none.
      type: dict
    job_id:
      description: The job that planned it.
      type: str
    planned:
      description: When the plan was complete.
      type: str
    started:
      description: When the first wave began.
      type: str
    finished:
      description: When nothing more was to be sent.
      type: str
    selected:
      description: How many participants are in it.
      type: int
    counts:
      description: How many of them are in each state, as in M(simops.yateota.yateota_bulk).
      type: dict
    held_by:
      description: The run that has the lease at present (not a hold, see C(held)), null if there is none.
      type: str
    held:
      description: Who holds the change, so that nothing is sent for it, as in M(simops.yateota.yateota_bulk). Null where nobody does.
      type: dict
    stopped:
      description: Who stopped the change, as in M(simops.yateota.yateota_bulk). Null where nobody has.
      type: dict
    lease:
      description: >-
        C(age) is the seconds since the run began that has the lease, C(remaining) the seconds until the lease ends if it is not renewed, negative
        if the run has died. Null if there is none.
      type: dict
    exhausted:
      description: How many participants have had the most attempts allowed, and would need another.
      type: int
    next_due:
      description: When the next attempt of the change is due, null if none is to come.
      type: str
    rate:
      description: Answers per second over the last minute, null if no run has the change.
      type: float
    servers:
      description: For how many servers it is recorded. The other values are totals, and null where they differ.
      type: int
    shards:
      description: These servers, each with its part of the change, as in RV(shards).
      type: list
      elements: dict
    seconds_remaining:
      description: Seconds until requests for all planned participants are sent at that rate, without waits between waves. Null if not known.
      type: int
    forecast:
      description: When it ends, as in RV(change.forecast). Null where nothing remains to be sent.
      type: dict
  sample: []
change:
  description: The change, as M(simops.yateota.yateota_bulk) returns it, without the values that concern that module's own task.
  returned: success with O(change_id)
  type: dict
  contains:
    change_id:
      description: As given.
      type: str
    status:
      description: As in M(simops.yateota.yateota_bulk).
      type: str
    counts:
      description: As in M(simops.yateota.yateota_bulk).
      type: dict
    states:
      description: As in M(simops.yateota.yateota_bulk).
      type: dict
    attempts:
      description: As in M(simops.yateota.yateota_bulk), with the options of the plan.
      type: dict
    waves:
      description: The latest 10 waves. The report with O(format=html) shows all.
      type: list
      elements: dict
    held_by:
      description: The run that has the lease at present (not a hold, see C(held)), null if there is none.
      type: str
    held:
      description: Who holds the change, so that nothing is sent for it, as in M(simops.yateota.yateota_bulk). Null where nobody does.
      type: dict
    stopped:
      description: Who stopped the change, as in M(simops.yateota.yateota_bulk). Null where nobody has.
      type: dict
    forecast:
      description:
        - When the change ends, as M(simops.yateota.yateota_bulk) returns it, with the limits that were recorded with the plan.
        - Null also if an older release planned it, and if the calendar of its window cannot be read on this machine.
      type: dict
    audit:
      description: The audit chain of the change.
      type: dict
      contains:
        status:
          description:
            - V(intact) if the record fits the chain, and V(altered) if it does not.
            - V(unchecked) without O(audit). V(none) if there is no chain, because release 1.0.0 planned the change.
          type: str
        head:
          description: The digest of its last link, a SHA-256, to be noted outside the ledger. Null if there is no chain.
          type: str
        links:
          description: How many links it has.
          type: int
        wave:
          description: The first wave that does not fit, V(0) for the plan. Null if all fit, and if only O(audit_head) does not.
          type: int
        unlinked:
          description: How many rows no link covers yet, of a run that is under way or was killed. Null without O(audit).
          type: int
        problem:
          description: What does not fit. Null if all does.
          type: str
        shards:
          description:
            - For a change on several servers, the same for each server, with its C(api_url) and C(node), as each has a chain of its own.
            - C(head) of the whole is null then. C(status) is the worst.
          type: list
          elements: dict
    runs:
      description: The latest 10 runs of the change, in order. The report with O(format=html) shows all.
      type: list
      elements: dict
      contains:
        run:
          description: Its number, as in the report's column C(run).
          type: int
        requested_by:
          description: The person who requested it.
          type: str
        approved_by:
          description: The approver named for this run.
          type: str
        job_id:
          description: The job that ran it.
          type: str
        host:
          description: The machine that it ran on.
          type: str
        started:
          description: When it began.
          type: str
        finished:
          description: When it ended, null if it has not ended or was killed.
          type: str
        outcome:
          description: The status of the change at its end, or V(failed) if it ended with a failure. V(held) or V(stopped) where that ended it.
          type: str
shards:
  description:
    - The servers that the change is recorded for, each with its part of the change. One where only one server is read.
  returned: success with O(change_id)
  type: list
  elements: dict
  contains:
    api_url:
      description: The server.
      type: str
    node:
      description: The node.
      type: str
    stage:
      description: The stage of the server.
      type: int
    status:
      description: The status of the change on this server.
      type: str
    selected:
      description: How many participants are in it.
      type: int
    counts:
      description: How many of them are in each state.
      type: dict
    held_by:
      description: The run that has the lease at present (not a hold, see C(held)), null if there is none.
      type: str
    plan_digest:
      description: The SHA-256 of its plan.
      type: str
    planned:
      description: When its plan was complete.
      type: str
    started:
      description: When its first wave began.
      type: str
    finished:
      description: When nothing more was to be sent.
      type: str
failures:
  description: As M(simops.yateota.yateota_bulk) returns them. Those of a change on several servers have C(api_url) and C(node) too.
  returned: success with O(change_id)
  type: list
  elements: dict
exhausted:
  description: As M(simops.yateota.yateota_bulk) returns them.
  returned: success with O(change_id)
  type: list
  elements: dict
remaining:
  description: How many participants remain.
  returned: success with O(change_id)
  type: int
  sample: 0
cohorts:
  description:
    - Which participants fail more often than the others, among those that requests were sent for.
    - A cohort is a group of participants with the same first digits of the ICCID (7 for the issuer, 9 and 11 for batches), the same first
      digits of the IMSI (5 and 6, because an MNC has 2 or 3 digits and the IMSI does not show which),
      the same campaign, the same wave, or the same hour of the latest attempt.
    - Only groups of 20 and more are compared. No whole identifier is returned.
  returned: success with O(change_id)
  type: dict
  contains:
    size:
      description: How many participants an attempt was made for.
      type: int
    failed:
      description: How many of them are refused, failed or unknown, or were accepted and have failed since.
      type: int
    percentage:
      description: The share of failures in percent. Null if RV(cohorts.size) is 0.
      type: float
    compared:
      description: How many cohorts were compared with the rest.
      type: int
    complete:
      description: V(false) if there were more than 20,000 groups of a kind. Small groups may be missing then, and counts may be too low.
      type: bool
    worst:
      description:
        - The 20 worst of the cohorts that fail more often than all other participants, by the lower limit of the lift. Empty if none does.
        - Chance alone would name any of them in fewer than 1 of 40 analyses, by Fisher's exact test with the correction of Bonferroni for the
          number of cohorts compared.
        - A longer prefix is left out if it fails no more often than a shorter one that is listed, and a shorter one if it fails more often only
          because of longer ones.
      type: list
      elements: dict
      contains:
        kind:
          description: What the participants have in common, one of V(iccid_prefix), V(imsi_prefix), V(campaign), V(wave) and V(hour).
          type: str
        value:
          description: The prefix, the number of the campaign or wave, or the beginning of the hour in UTC.
          type: str
        size:
          description: How many participants it has.
          type: int
        failed:
          description: How many of them failed.
          type: int
        percentage:
          description: The share of failures in percent.
          type: float
        percentage_low:
          description: The lower limit of its 95 % interval, after Wilson.
          type: float
        percentage_high:
          description: The upper limit.
          type: float
        rest_percentage:
          description: The share of failures of all other participants.
          type: float
        lift:
          description: RV(cohorts.worst[].percentage) divided by RV(cohorts.worst[].rest_percentage). Null if none of the rest failed.
          type: float
        lift_low:
          description: The lower limit of its 95 % interval, that of the logarithm of the ratio, with half a failure added on both sides.
          type: float
        lift_high:
          description: The upper limit.
          type: float
        sentence:
          description: The finding in words.
          type: str
    reasons:
      description:
        - The 20 most frequent codes and messages of the server among the failures, those of 20 and more participants.
        - Numbers that may identify a SIM are left out of a message. All participants with such a message failed, so that it has no lift.
      type: list
      elements: dict
      contains:
        code:
          description: The server's code, null if there was none.
          type: int
        message:
          description: The server's message, or the reason that the ledger has.
          type: str
        failed:
          description: How many participants it concerns.
          type: int
        percentage:
          description: Their share of all failures in percent.
          type: float
        percentage_low:
          description: The lower limit of its 95 % interval, after Wilson.
          type: float
        percentage_high:
          description: The upper limit.
          type: float
        sentence:
          description: The same in words.
          type: str
  sample:
    size: 2000
    failed: 202
    percentage: 10.1
    compared: 14
    complete: true
    worst:
      - kind: iccid_prefix
        value: "894310100"
        size: 400
        failed: 124
        percentage: 31.0
        percentage_low: 26.66
        percentage_high: 35.7
        rest_percentage: 7.42
        lift: 4.18
        lift_low: 3.23
        lift_high: 5.38
        sentence: "SIMs 894310100: 31 % failed, 4.2 times the rest"
    reasons: []
report:
  description: The file written.
  returned: O(report_dest) is set, not in check mode
  type: str
  sample: /var/lib/yateota/CHG0012345.csv
metrics:
  description: The textfile written.
  returned: O(metrics_dest) is set, not in check mode
  type: str
  sample: /var/lib/prometheus/node-exporter/yateota_changes.prom
ledger_found:
  description: V(false) if there is no ledger at O(ledger) yet, as before the first change. Not returned otherwise.
  returned: failure, if there is no ledger yet
  type: bool
  sample: false
failure:
  description: What went wrong, for playbooks to decide on.
  returned: failure
  type: dict
  sample:
    kind: invalid_input
    request: null
    code: null
    http_status: null
    message: null
"""

import contextlib
from typing import Any

from ansible.module_utils.basic import env_fallback

from ..module_utils._ansible.module import LIBRARIES as COMMON_LIBRARIES
from ..module_utils._ansible.module import Task, run_module
from ..module_utils._change.info import run_info
from ..module_utils._core.bounds import check_bounds
from ..module_utils._core.errors import YateotaError
from ..module_utils._core.task_result import TaskResult

LIBRARIES = (*COMMON_LIBRARIES, "sqlalchemy")
# Generated by `make generate` from DOCUMENTATION: do not edit.
ARGUMENTS: dict[str, Any] = {
    "change_id": {"type": "str"},
    "api_url": {"type": "str"},
    "ledger": {"type": "str", "required": True, "fallback": (env_fallback, ["YATEOTA_LEDGER"])},
    "ledger_password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["YATEOTA_LEDGER_PASSWORD"])},
    "ledger_timeout": {"type": "float", "default": 60},
    "report_dest": {"type": "path"},
    "format": {"type": "str", "choices": ["csv", "jsonl", "html"], "default": "csv"},
    "report_check": {"type": "bool", "default": False},
    "metrics_dest": {"type": "path"},
    "audit": {"type": "bool", "default": False},
    "audit_head": {"type": "str"},
    "mask_identifiers": {"type": "bool", "default": False},
}
BOUNDS: dict[str, dict[str, float]] = {"ledger_timeout": {"least": 0}}
# End of the generated part.
RULES: dict[str, Any] = {
    "required_by": {"report_dest": ("change_id",), "audit_head": ("change_id",)},
    "required_if": [("report_check", True, ("report_dest",)), ("audit", True, ("change_id",))],
}


def run(task: Task) -> TaskResult:
    """Read the ledger."""
    check_bounds(task.params, BOUNDS)
    server = None
    if task.params["api_url"]:
        with contextlib.suppress(YateotaError):  # nothing is sent to it: what is wrong with it does not matter
            server = task.server.api_url, task.server.node
    return run_info(task.params, task.check_mode, task.shown, server)


def main() -> None:
    """Run as a module."""
    run_module(ARGUMENTS, run, RULES, LIBRARIES)


if __name__ == "__main__":
    main()
