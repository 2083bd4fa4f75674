#!/usr/bin/python
# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: yateota_bulk
short_description: Act on thousands of YateOTA participants under a change, none twice and none lost
version_added: 1.0.0
description:
  - Selects participants (SIMs), records them in a ledger, and sends one action for each of them in waves.
  - Every attempt is recorded before its request is sent. If a run is killed, or loses the server or the ledger, the same task resumes it, and
    no participant is acted on twice.
  - A participant is V(unknown) if its request was sent and its outcome is not known. If its new state proves the outcome, it is settled. Otherwise
    it is reported, and a request is sent again only with O(unknown=resend).
  - A participant that the action would not change is V(skipped), with the reason. A participant that the plan leaves out stays left out.
  - With O(state=applied) the task fails when a change has ended with participants that are refused, failed, unknown or exhausted, when it is
    aborted, and when it is interrupted. RV(change) shows which of them applies.
notes:
  - O(action=rerun) first resets the SIM's OTA counter. A wrong reset can lock a SIM out of OTA, and the API cannot make a second reset harmless.
  - All older campaigns of the SIM then run again. A SIM is one row of the plan, whatever campaigns and identifiers it is selected by.
  - The ledger holds subscribers' identifiers, never a secret. Only its owner can read a SQLite file, which is set to the mode 0600.
  - O(state=purged) removes the identifiers.
  - States are read from lists, because the API cannot look up a single participant. RV(change.pages_read) is the number of pages read.
options:
  change_id:
    description:
      - The change, for example its ticket number. A ledger has it once for each server and node, each time for the same action and limits.
      - The part of a server is a shard, with its own plan, waves and runs. O(state=planned) adds the shard of a server.
      - At most 200 characters, without blanks around them and without control or format characters. One that differs from a recorded one only
        by case, blanks or Unicode form is refused.
    type: str
    required: true
  state:
    description:
      - V(planned) selects the participants and records them. Nothing is sent.
      - V(approved) records who approves the plan, when and in which job, bound to the plan's digest. Who planned the change cannot approve it.
      - V(applied) plans, if that is not done, and acts until nothing remains to be done.
      - V(held) holds the change on all its servers, with a O(reason). Nothing is sent for it, by any run, until it is released. A run in progress
        sends its last request within a second, records what came of those under way, and fails with the kind C(held).
      - V(released) ends the hold. The next run with V(applied) continues where the last one ended.
      - V(stopped) ends the change, with a O(reason). The remaining participants are never sent for, and stay V(planned) in its report. It
        cannot be released.
      - V(held), V(released) and V(stopped) need no run to end, and are the only ones that can be used while one is in progress, also while it
        makes the plan.
      - V(verified) reads the new states, counts them in RV(change.states), and lists the participants in RV(unfinished) that were sent for and have
        not reached the action's goal. The task succeeds nevertheless, so check RV(remaining), which is 0 only if all have.
      - V(purged) removes the identifiers of a change that has ended, and keeps its counts.
    type: str
    required: true
    choices: [planned, approved, applied, held, released, stopped, verified, purged]  # from _core.states.DESIRED_STATUSES
  action:
    description: The action, as in M(simops.yateota.yateota_participant). Required to plan; later it must be the recorded one.
    type: str
    choices: [cancel, hurry, retry, retry_build, rerun]  # from _core.states.Action
  selection:
    description:
      - The participants to act on. Required to plan. It is read and recorded once, before the first action; later give the recorded one, or omit it.
      - A participant that is selected twice is recorded once, and counted in RV(change.duplicates).
      - If an entry without a campaign names a SIM that another entry names too, it is recorded as refused, and not acted on.
      - If two entries may be one participant, such as an IMSI and an ICCID without a campaign, or an ICCID with and without its check digit, the plan
        is refused.
    type: dict
    suboptions:
      campaign_id:
        description:
          - The participants of this campaign.
          - With O(selection.participants) or O(selection.source), the campaign of entries that name none.
        type: raw
      state:
        description: Only the campaign's participants in this state, at the time of planning.
        type: str
        choices: [unallocated, pending_build, pending_send, waiting_por, finished, failed, canceled]  # from _core.states.ServerState
      participants:
        description: A list of participants, each with at least one of the identifiers.
        type: list
        elements: dict
        suboptions:
          participant_id:
            description: The participant's id.
            type: raw
          iccid:
            description: The SIM's ICCID, as text.
            type: raw
          imsi:
            description: The SIM's IMSI, as text.
            type: raw
          msisdn:
            description: The phone number, as text.
            type: raw
          campaign_id:
            description: The participant's campaign.
            type: raw
          state:
            description: Ignored. It is accepted so that participants can be given as M(simops.yateota.yateota_participant_info) returns them.
            type: str
          extra:
            description: Ignored, as O(selection.participants[].state).
            type: dict
      source:
        description:
          - A file of participants. CSV with a header line (separated by commas, semicolons or tabs, in UTF-8 or UTF-16), a JSON array, JSON
            lines, any of them compressed as C(.gz), or a workbook (C(.xlsx)). The content decides which of them it is.
          - The columns C(participant_id), C(iccid), C(imsi), C(msisdn) and C(campaign_id) are read, also under their usual names, such as
            C(SIM number), C(Phone number) or C(Campaign). RV(change.selection) shows which were found. Other columns are ignored.
          - Blanks, dashes and apostrophes around and between digits are removed.
          - The file is refused, with the line numbers, if digits are lost, if columns contradict each other, if a row is wider than the
            header, or if a column's name is only similar to one of those above. Then nothing is recorded.
        type: path
  ledger:
    description:
      - The database for the change. The whole path of a SQLite file, or the URL of a PostgreSQL database, such as
        V(postgresql+psycopg://user@host/database).
      - The file and the tables are created if they are missing.
      - If not set, the environment variable E(YATEOTA_LEDGER) is used.
    type: str
    required: true
  ledger_password:
    description:
      - The password of the ledger's database, if it is not given by other means of PostgreSQL.
      - If not set, the environment variable E(YATEOTA_LEDGER_PASSWORD) is used.
    type: str
  ledger_timeout:
    description:
      - How many seconds to wait for a ledger that cannot be reached or is locked. Nothing is sent meanwhile; the outcomes of earlier requests are
        recorded when the ledger is available again.
      - After this time the run ends, and the same command continues from there. V(0) does not wait. Must be 0 or more.
        SIGTERM and Ctrl-C end the wait earlier, unless there are outcomes to record.
    type: float
    default: 60
  rollout:
    description: How fast and in which steps to send.
    type: dict
    suboptions:
      canary:
        description: The size of the first wave. Without it the first wave is as large as the others. Must be 1 or more.
        type: int
      wave_size:
        description: The size of a wave. Must be 1 or more.
        type: int
        default: 1000
      maximum_per_second:
        description: The highest number of requests to send in a second. Must be more than 0.
        type: float
      concurrency:
        description:
          - How many requests the server is to serve at once. Its front end serves 3 at a time by default. Must be 1 or more.
          - One more request is on its way, so that the server need not wait for it. With V(1) there is strictly one at a time.
          - Fewer are sent at once while the server answers faster than this machine can send, because more would slow it down.
        type: int
        default: 3
      rate_scope:
        description:
          - What O(rollout.maximum_per_second) is for. V(change) is the change on this server. V(fleet) is the change on all its servers together,
            among those that are sending at the time.
        type: str
        choices: [change, fleet]  # from _change.options.SCOPES
        default: change
        version_added: 1.1.0
      soak:
        description: Seconds to wait after a wave before its participants' new states are read. Must be 0 or more.
        type: float
        default: 0
      success_percentage:
        description:
          - The percentage of a wave's participants that must reach the action's goal (C(finished), or C(canceled) with
            O(action=cancel)) before the next wave begins. Must be 0 to 100.
          - Participants that a request was sent for count. O(rollout.soak) is needed with it, and is then the longest wait. As soon as enough
            have reached it, the next wave begins.
          - If there are fewer when the soak is over, the change is V(held) by C(the rollout), with the reason, and nothing of the next wave is
            sent. O(state=released) accepts the wave, and the next run continues with the next one. A run that was interrupted during a soak
            judges that wave when it is resumed.
          - A participant that had reached the goal before O(action=rerun) counts as soon as a reading has shown it in another state since its
            request, and otherwise when the soak is over.
          - During the soak the states are read after 1 second, then whenever a quarter of the wait so far has passed, and for a tenth of the
            time at most.
          - The last wave is waited for and judged too. There is no next wave to hold, so that a warning shows what it lacks.
        type: float
        version_added: 1.1.0
  abort:
    description:
      - When to abort. The change is then V(aborted), nothing more is sent, and it is resumed only with O(resume_aborted).
      - Participants that a request was sent for count. Bad ones are refused, failed or unknown, and after a soak those whose state is V(failed).
      - With O(attempts), each attempt counts, and without a soak none is bad because its participant came back failed.
    type: dict
    suboptions:
      threshold_percentage:
        description: Abort when at least this percentage is bad. 100 aborts only when all are. Must be more than 0 and up to 100.
        type: float
        default: 10
      minimum_executed:
        description: The number of requests sent before the threshold applies. Must be 1 or more.
        type: int
        default: 20
      count_unanswered:
        description:
          - Also count participants as bad that are still C(waiting_por), so that the SIM has not answered, O(rollout.soak) seconds after their
            request. O(rollout.soak) is needed with it.
        type: bool
        default: false
        version_added: 1.1.0
      on_reason:
        description:
          - Only count attempts as bad that have one of these reasons. A whole number is a code of the server's answer. Another text is a part of
            its message, in upper or lower case.
          - The server gives no reason for a state. Participants that are C(failed) after a soak do not count then, and those of
            O(abort.count_unanswered) do.
        type: list
        elements: raw
        version_added: 1.1.0
      scope:
        description:
          - Whose requests count. V(change), those for the change on this server. V(fleet), those for the change on all its servers together.
          - With V(fleet), the change is aborted on all of them at once. Their runs send their last requests within a second, and
            O(resume_aborted) with any of them resumes all.
        type: str
        choices: [change, fleet]  # from _change.options.SCOPES
        default: change
        version_added: 1.1.0
  stage:
    description:
      - The stage of this server in a change on several. It is recorded with O(state=planned), and is 1 by default.
      - A server of stage 2 begins when the change has ended on all servers of stage 1. Until then its runs end at once, without a failure,
        and its part of the change is V(waiting_for_stage). They fail if no server has stage 1, or if too many requests were bad there by
        O(abort), however few there were; O(resume_aborted) lets it begin nevertheless. Must be 1 or more.
    type: int
    version_added: 1.1.0
  attempts:
    description:
      - Give participants another attempt where the first did not help, up to a number of attempts. A later run with O(state=applied) makes them, as
        soon as O(attempts.interval) has passed, and inside the O(window). Until then the change is V(waiting), and such a run does nothing.
      - With V(retry), participants that came back V(failed) get one. With V(retry_build), those that are still V(unallocated). With V(hurry),
        those that are still V(pending_build) or V(pending_send). Their states are read again before each attempt.
      - One that has had its last attempt, and would get another, is exhausted. RV(exhausted) lists it.
      - An attempt whose outcome is unknown counts. Nothing is sent after it, unless its outcome is proven, or with O(unknown=resend).
      - Only with the actions V(retry), V(retry_build) and V(hurry). Participants without a campaign have one attempt, as their states cannot be read.
      - A task without this option follows the plan.
    type: dict
    version_added: 1.1.0
    suboptions:
      maximum:
        description: How many attempts a participant gets at most, the first included. Must be 1 or more.
        type: int
        default: 3
      interval:
        description: The fewest seconds between two attempts for one participant. Must be more than 0.
        type: float
        default: 21600
  resume_aborted:
    description:
      - Continue an aborted change. Its abort counts begin at 0 again.
      - It also continues after the server has refused all of the first participants in the same way. These refusals are then recorded for the participants.
      - It also lets a server of a later O(stage) begin though too many requests went wrong in an earlier one, or no server has that.
    type: bool
    default: false
  window:
    description:
      - When to send. Everything given must allow a moment. It is asked before every try of every request.
      - Outside it nothing is sent. At its end the run stops, and the change is V(window_closed) until a later run resumes it.
    type: dict
    suboptions:
      start:
        description: ISO 8601 with a zone, such as V(2026-06-01T22:00:00+02:00).
        type: str
      end:
        description: As O(window.start). Nothing is sent from this moment on.
        type: str
      hours:
        description:
          - Hours of the day, such as V(22:00-05:00), by the clock of O(window.time_zone). With several, any of them allows a moment.
          - Hours over midnight belong to the day on which they start. The end is not part of them.
          - What the clock on the wall shows decides. Hours that are skipped when clocks are set forward do not come that night. Hours that come twice when
            clocks are set back count both times.
        type: list
        elements: str
      days:
        description: Days of the week, by the clock of O(window.time_zone). Every day by default.
        type: list
        elements: str
        choices: [mon, tue, wed, thu, fri, sat, sun]  # from _change.hours.DAYS
      time_zone:
        description: The zone of the clock that O(window.hours) and O(window.days) are read by, such as V(Europe/Berlin). Needed with them.
        type: str
      calendar:
        description:
          - An iCalendar file on the machine that runs the module. Recurring events are expanded. O(window.calendar_means) says what its events mean.
          - Canceled events do not count. A tentative event counts as a freeze, and not as a window.
          - Whole days, and times without a zone, are of the zone that the file states (X-WR-TIMEZONE), else of O(window.time_zone).
          - The task fails before anything is sent where the file cannot be read, has no event, or has one that is not certain to be read as it is meant.
          - A file that has changed is read again before each wave, and once a second while the run waits.
        type: path
      calendar_means:
        description:
          - What the events of O(window.calendar) are. Needed with it.
          - V(allowed), nothing is sent outside them. V(frozen), nothing is sent during them.
        type: str
        choices: [allowed, frozen]  # from _change.calendars.MEANINGS
  wait_for_window:
    description:
      - Wait for the next opening of O(window) where it is closed when the run begins. Without it, the run ends at once, and says when the window opens.
      - The run keeps its lease while it waits, so that no other run begins. SIGTERM and Ctrl-C end the wait.
      - The change is V(window_closed) meanwhile. A run that comes to the window's end stops, with and without this.
    type: bool
    default: false
  unknown:
    description:
      - What to do with participants whose outcome is unknown.
      - V(report) never sends for them again. V(resend) sends once more if their state does not prove that the action was carried out.
      - If a rerun was carried out, V(resend) resets the SIM's OTA counter a second time, which can lock the SIM out of OTA. A warning says so.
    type: str
    choices: [report, resend]
    default: report
  recheck_after:
    description: Read the states again before a wave if the last reading is older than this many seconds. Must be 0 or more.
    type: float
    default: 300
  max_waves:
    description: Stop after this many waves. The next run continues with the next wave, so that a play can show its progress by wave. Must be 1 or more.
    type: int
  progress:
    description:
      - With O(state=applied), show the progress of the change in a line after each wave.
      - The lines are for people. They are written to standard error, so that they appear in a terminal and in the output of an AWX job, and do
        not change the output of callbacks such as C(json). The result covers all waves.
      - In the controller's process, one run sends all waves. A module in an interpreter of its own is run for each wave, as with O(max_waves=1).
        In both, O(unknown=resend) applies only to participants that were unknown before the task.
    type: bool
    default: false
    version_added: 1.1.0
  verify_timeout:
    description:
      - With O(state=verified), read again for up to this many seconds until all participants that the server has accepted the action for have
        reached the action's goal. Must be 0 or more.
      - A SIM that was C(finished) before its rerun may still be shown so before the server has begun with it. Until it is seen in another state, it
        counts only when this many seconds have passed since the last request of the change, or 5 minutes if this is 0.
    type: float
    default: 0
  lease_seconds:
    description:
      - A run has the lease of the change, and renews it three times in this time. If a lease holder dies silently, its change is free after this time.
      - Nothing is sent after two thirds of this time without a renewal, or after the lease has run out.
      - At least 6 times O(timeout), so that no request outlasts the lease. Must be 1 or more.
    type: float
    default: 60
  requested_by:
    description: The person who requests the change, for the record. By default the user who runs the module.
    type: str
  reason:
    description:
      - Why the change is held or stopped. Required with O(state=held) and O(state=stopped). It is shown to all who run the change meanwhile.
      - Name no subscriber in it, since O(state=purged) keeps it.
    type: str
    version_added: 1.1.0
  approved_by:
    description:
      - Who approved the change, for the record. The run keeps it, and the change too once the run has sent, unless its plan is approved.
      - With O(state=approved) who approves, O(requested_by) by default.
    type: str
  require_approval:
    description:
      - Whether nothing is sent for the change before O(state=approved). It is recorded when the change is planned, and stays.
      - A recorded approval binds, whether one is required or not. It is void when the plan is another than the one approved, and limits
        looser than those approved are refused.
    type: bool
    default: false
    version_added: 1.1.0
  replan:
    description:
      - With O(state=planned), plan a recorded change again, with the limits and the selection of this task. An approval is void then.
      - Once something was sent, its selection stays, and only the limits are recorded again. The limits are O(rollout), O(abort), O(window) and
        O(attempts).
    type: bool
    default: false
    version_added: 1.1.0
  approval_note:
    description: What the approver has to say, for the record.
    type: str
    version_added: 1.1.0
  confirm_count:
    description: >-
      With O(state=approved), the number of participants or SIMs that the plan acts on. Required with O(action=rerun), and for several
      servers. Must be 0 or more.
    type: int
    version_added: 1.1.0
  approval_scope:
    description:
      - With O(state=approved), what is approved. V(change) is the change on all its servers. It needs O(confirm_count), the number of SIMs on
        all of them, and is void when one of them is planned afterwards.
      - V(shard) is its part on this server alone.
    type: str
    choices: [change, shard]
    default: change
    version_added: 1.1.0
  allow_self_approval:
    description: Whether who planned the change may approve it too.
    type: bool
    default: false
    version_added: 1.1.0
  job_id:
    description: The job that runs this task, such as a job of AWX, for the record.
    type: str
  report_dest:
    description:
      - File to write a report to, with one row for each participant. Its folder must exist. It is written under a temporary name and moved into
        place when it is complete. Only its owner can read it, even if others could read the file that was there before.
      - It is also written if the task fails after the change was found.
    type: path
  format:
    description:
      - The format of O(report_dest), V(csv) with a header line, or V(jsonl), one JSON object per line.
      - In V(csv), text that a spreadsheet would run as a formula, and the C(+) of a phone number, get an apostrophe in front, also within a text behind
        a character that separates cells in some spreadsheets, such as the semicolon.
        O(selection.source) removes it again.
    type: str
    choices: [csv, jsonl]  # from _report.rows.FORMATS
    default: csv
  mask_identifiers:
    description:
      - Show all but the last 4 digits of subscribers' identifiers as C(*), in the result, in the report, and in messages about
        failures.
    type: bool
    default: false
requirements:
  - SQLAlchemy >= 2.0
  - psycopg >= 3.1 (for PostgreSQL)
  - openpyxl >= 3.1 (for workbooks)
  - icalendar >= 6.3 (for window.calendar)
  - recurring-ical-events >= 3.6 (for window.calendar)
  - tzdata (for window.time_zone, on machines without a time zone database)
extends_documentation_fragment:
  - simops.yateota.connection
  - simops.yateota.connection.actiongroup
  - simops.yateota.connection.writes
author:
  - The simops.yateota contributors (@simops)
"""

EXAMPLES = r"""
- name: Plan to retry the failed participants of a campaign
  simops.yateota.yateota_bulk:
    api_url: https://ota.example.net/api.php
    api_secret: "{{ vault_yateota_secret }}"
    ledger: /var/lib/yateota/ledger.sqlite
    change_id: CHG0012345
    state: planned
    action: retry
    selection:
      campaign_id: 167
      state: failed
  register: plan

- name: Approve the plan, as another person than the one who planned it
  simops.yateota.yateota_bulk:
    ledger: /var/lib/yateota/ledger.sqlite
    change_id: CHG0012345
    state: approved
    approved_by: j.doe
    approval_note: Looked at the plan with the SIMs' owner

- name: Hold the change, from another terminal
  simops.yateota.yateota_bulk:
    ledger: /var/lib/yateota/ledger.sqlite
    change_id: CHG0012345
    state: held
    reason: The SMSC has queued for ten minutes

- name: Let it continue with the next run
  simops.yateota.yateota_bulk:
    ledger: /var/lib/yateota/ledger.sqlite
    change_id: CHG0012345
    state: released

- name: Retry them, 50 first, and abort when 5 percent are bad
  simops.yateota.yateota_bulk:
    ledger: /var/lib/yateota/ledger.sqlite
    change_id: CHG0012345
    state: applied
    rollout:
      canary: 50
      wave_size: 1000
      soak: 120
    abort:
      threshold_percentage: 5
    window:
      end: "2026-06-02T05:00:00+02:00"
    approved_by: "{{ approver }}"

- name: Retry them each night, up to three times, with a task that a schedule runs each hour
  simops.yateota.yateota_bulk:
    ledger: /var/lib/yateota/ledger.sqlite
    change_id: CHG0012345
    state: applied
    attempts:
      maximum: 3
      interval: 72000
    window:
      hours: ["22:00-05:00"]
      time_zone: Europe/Berlin

- name: Send in the nights before working days, but not while the company's calendar has a freeze
  simops.yateota.yateota_bulk:
    ledger: /var/lib/yateota/ledger.sqlite
    change_id: CHG0012345
    state: applied
    window:
      hours: ["22:00-05:00"]
      days: [sun, mon, tue, wed, thu]
      time_zone: Europe/Berlin
      calendar: /etc/yateota/freezes.ics
      calendar_means: frozen

- name: List the participants that have not finished, and write a report
  simops.yateota.yateota_bulk:
    ledger: /var/lib/yateota/ledger.sqlite
    change_id: CHG0012345
    state: verified
    verify_timeout: 600
    report_dest: /var/lib/yateota/CHG0012345.csv
    mask_identifiers: true
"""

RETURN = r"""
change:
  description: The current state of the change.
  returned: success, and failure once the change is found
  type: dict
  contains:
    change_id:
      description: As given.
      type: str
    status:
      description:
        - V(planned), nothing is sent yet. V(approved), the plan was approved, and nothing is sent yet.
          V(in_progress), sending continues or was interrupted. V(applied), nothing remains to be sent.
        - V(waiting), nothing is to be sent now, and RV(change.attempts) shows when the next attempt is due.
        - V(verified), the server has also carried the action out for all that were sent for, and all of them have reached the action's goal.
          V(aborted), too many were bad. V(window_closed), the window ended.
          V(waiting_for_stage), an earlier O(stage) has not ended, or not well. V(purged).
        - V(held), nothing is sent until it is released, and RV(change.held) names the person. V(stopped), nothing is sent any more.
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
    selection:
      description:
        - The source of the participants. A list of participants is recorded by its number of entries and its digest, a file by its path and its digest.
        - C(columns) are the columns read from a file, with their names there.
      type: dict
    requested_by:
      description: The person who planned it.
      type: str
    approved_by:
      description: The person who approved its plan, otherwise the approver that the latest run that sent requests has named.
      type: str
    plan_digest:
      description:
        - The SHA-256 of its plan. It covers the action, the server, the node, each participant selected in order, which of them the plan
          leaves out and why, and the limits.
        - Null for a change that release 1.0.0 planned, until it is approved.
      type: str
    audit:
      description:
        - The audit chain of the change, as M(simops.yateota.yateota_bulk_info) returns it, not checked.
        - Note C(head) outside the ledger, such as in the ticket. O(simops.yateota.yateota_bulk_info#module:audit_head) shows later that
          nothing before it was altered.
      type: dict
    require_approval:
      description: Whether nothing is sent for it without an approval.
      type: bool
    approval:
      description: The approval of its plan. Null where there is none.
      type: dict
      contains:
        by:
          description: Who approved it.
          type: str
        at:
          description: When.
          type: str
        job:
          description: In which job.
          type: str
        note:
          description: What the approver had to say.
          type: str
        digest:
          description: The plan's digest when it was approved.
          type: str
        fleet_digest:
          description: The SHA-256 over the digests of all servers' plans. Null where the part of one server was approved alone.
          type: str
    job_id:
      description: The job that planned it.
      type: str
    selected:
      description: The number of participants recorded, or of SIMs with O(action=rerun).
      type: int
    duplicates:
      description: How many entries of the selection named a participant (a SIM with O(action=rerun)) that was already recorded.
      type: int
    counts:
      description:
        - How many participants are C(planned), C(sending), C(done), C(skipped), C(refused), C(failed), C(unknown). Each is in exactly one.
        - C(refused) are those that the action does not apply to, according to their state or to the server's answer. C(failed) are those for which
          the server answered with another error.
      type: dict
    states:
      description:
        - How many participants that were acted on are in each server state, as last read after the attempt.
          C(unread) are those that were not read since.
      type: dict
    attempts:
      description: How its O(attempts) stand. Null if it is planned without, and none were made.
      type: dict
      contains:
        maximum:
          description: The O(attempts.maximum) that counts, of this task or of the plan.
          type: int
        interval:
          description: The O(attempts.interval) that counts.
          type: float
        outstanding:
          description: How many participants were acted on and may need another attempt, or wait for the outcome of the last.
          type: int
        next_due:
          description: When the first of them may get its next attempt. If it has passed, it gets one as soon as its state shows that it needs one.
          type: str
        is_due:
          description: Whether this moment has come.
          type: bool
        exhausted:
          description: How many have had the most attempts allowed, and would need another.
          type: int
    waves_done:
      description: How many waves have ended.
      type: int
    waves_total:
      description: The expected number of waves, with the present size of a wave.
      type: int
    waves:
      description: The latest 10 waves. The HTML report of M(simops.yateota.yateota_bulk_info) shows all.
      type: list
      elements: dict
      contains:
        wave:
          description: Its number, from 1 on.
          type: int
        size:
          description: How many participants are in it.
          type: int
        counts:
          description: As RV(change.counts), for this wave.
          type: dict
        started:
          description: When it began.
          type: str
        finished:
          description: When it ended, including its soak. Null if it has not ended.
          type: str
        success_percentage:
          description: The percentage of it that had reached the goal when it was judged by O(rollout.success_percentage). Null if it was not.
          type: float
    held:
      description: Who holds the change, so that nothing is sent for it. Null where nobody does, or the hold is released.
      type: dict
      contains:
        by:
          description: The O(requested_by) of the task that did it, or C(the rollout) for a wave that lacks O(rollout.success_percentage).
          type: str
        since:
          description: Since when.
          type: str
        reason:
          description: Why.
          type: str
    stopped:
      description: Who stopped the change, so that nothing is sent for it any more, as RV(change.held). Null where nobody has.
      type: dict
    window_opens:
      description:
        - When the O(window) of this task opens next, in UTC, where it is closed. Nothing is sent before.
        - Null where it is open, and where it does not open within 400 days.
      type: str
    window_opens_local:
      description: The same moment by the clock of O(window.time_zone), with its offset.
      type: str
    forecast:
      description:
        - When the change ends, if a run continues now, or when the window opens, and again at each further opening, at a rate that stays.
        - It counts the participants that are planned, not attempts that are still to fail.
        - Null if nothing remains to be sent, if a person must act first (a held or aborted change), if no rate is known yet, or if the end is
          more than 10 years away.
      type: dict
      contains:
        ends:
          description: When the last wave ends, its soak included. Null if no further window opens, if no rate is known, or if it is more than 10 years
            away.
          type: str
        ends_local:
          description: The same moment by the clock of the window's time zone, with its offset.
          type: str
        seconds:
          description: The seconds until then.
          type: int
        sending_seconds:
          description: The seconds of these in which requests are sent.
          type: int
        pause_seconds:
          description: The seconds between waves, for the soak and what the latest waves took beside.
          type: int
        closed_seconds:
          description: The seconds in which the window is closed.
          type: int
        waves:
          description: How many waves remain.
          type: int
        rate:
          description: The requests per second that it is computed with. Null if it is not known.
          type: float
        basis:
          description:
            - Where the rate comes from. V(measured) in the latest 10 waves of the change, V(earlier_change) in those of the latest other change
              on the same server and node, V(limit) is O(rollout.maximum_per_second).
          type: str
        upper_bound:
          description: Whether waves may end earlier, because the soak is only the longest wait.
          type: bool
        fits:
          description: Whether everything is sent before the window closes for the first time.
          type: bool
        closes:
          description: When it closes, if the change does not fit.
          type: str
        remaining_then:
          description: About how many participants remain then.
          type: int
        sentence:
          description: The forecast in words.
          type: str
    pages_read:
      description: How many pages of participants this task read.
      type: int
    sent:
      description: How many requests this task sent for participants.
      type: int
    rate:
      description: Participants per second, over the time in which this task was sending.
      type: float
    planned:
      description: When the plan was complete. Times are ISO 8601 in UTC.
      type: str
    started:
      description: When the first wave began.
      type: str
    finished:
      description: When nothing more was to be sent.
      type: str
  sample:
    change_id: CHG0012345
    status: applied
    action: retry
    api_url: https://ota.example.net/api.php
    node: ota
    selection: {campaign_id: 167, state: failed}
    requested_by: noc
    approved_by: j.doe
    plan_digest: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
    audit:
      status: unchecked
      head: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
      links: 5
      wave: null
      unlinked: null
      problem: null
    require_approval: true
    approval:
      by: j.doe
      at: "2026-06-01T19:59:40Z"
      job: "4712"
      note: null
      digest: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
      fleet_digest: fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9
    job_id: "4711"
    selected: 44
    duplicates: 0
    counts: {planned: 0, sending: 0, done: 43, skipped: 1, refused: 0, failed: 0, unknown: 0}
    states: {pending_send: 43}
    attempts: null
    waves_done: 2
    waves_total: 2
    waves:
      - wave: 1
        size: 5
        counts: {planned: 0, sending: 0, done: 5, skipped: 0, refused: 0, failed: 0, unknown: 0}
        started: "2026-06-01T20:00:01Z"
        finished: "2026-06-01T20:00:02Z"
        success_percentage: null
    held: null
    stopped: null
    window_opens: null
    window_opens_local: null
    forecast: null
    pages_read: 1
    sent: 43
    rate: 141.2
    planned: "2026-06-01T19:58:12Z"
    started: "2026-06-01T20:00:01Z"
    finished: "2026-06-01T20:00:03Z"
failures:
  description: The first 20 participants that are unknown, failed or refused, in this order.
  returned: success, and failure once the change is found
  type: list
  elements: dict
  contains:
    participant_id:
      description: The identifiers and the campaign, as recorded.
      type: int
    campaign_id:
      description: As recorded.
      type: int
    iccid:
      description: As recorded.
      type: str
    imsi:
      description: As recorded.
      type: str
    msisdn:
      description: As recorded.
      type: str
    state:
      description: V(unknown), V(failed) or V(refused).
      type: str
    code:
      description: The code of the server's answer, null if none came.
      type: int
    message:
      description: The server's message, or the reason.
      type: str
  sample: []
exhausted:
  description: The first 20 participants that have had the most O(attempts) allowed, and would need another, as RV(failures).
  returned: success, and failure once the change is found
  type: list
  elements: dict
  sample: []
unfinished:
  description: With O(state=verified), the first 20 participants that were sent for and have not reached the action's goal, as RV(failures).
  returned: O(state=verified)
  type: list
  elements: dict
  sample: []
shards:
  description: The servers that the change is recorded for, each with its part, as M(simops.yateota.yateota_bulk_info) returns them.
  returned: with the states that concern the plan or all servers, that is not with V(applied), V(verified) and V(purged)
  type: list
  elements: dict
  sample: []
remaining:
  description:
    - How many participants are V(planned), without those that are V(sending).
    - With O(state=verified), also how many of those sent for have not reached the action's goal, or are C(unknown), C(failed) or C(refused) by the
      server.
  returned: success, and failure once the change is found
  type: int
  sample: 0
report:
  description: The file written.
  returned: O(report_dest) is set, not in check mode
  type: str
  sample: /var/lib/yateota/CHG0012345.csv
failure:
  description:
    - What went wrong, for playbooks to decide on. When the change has ended with participants that are unknown, its kind is V(outcome_unknown).
    - A run that stops before the end has the kind of what stopped it. RV(change.counts) shows whether participants are unknown.
    - With a change that somebody holds or has stopped, its kind is V(held) or V(stopped).
  returned: failure
  type: dict
  sample:
    kind: invalid_input
    request: null
    code: null
    http_status: null
    message: null
"""

import functools
import threading
from typing import Any

from ansible.module_utils.basic import env_fallback

from ..module_utils._ansible.module import LIBRARIES as COMMON_LIBRARIES
from ..module_utils._ansible.module import Task, run_module
from ..module_utils._change.bulk_task import BulkTask
from ..module_utils._change.limits import limits_of
from ..module_utils._change.options import rollout_options
from ..module_utils._change.task import run_bulk
from ..module_utils._core.bounds import check_bounds
from ..module_utils._core.signals import stops_on_signals
from ..module_utils._core.task_result import TaskResult

LIBRARIES = (*COMMON_LIBRARIES, "sqlalchemy")

# Generated by `make generate` from DOCUMENTATION: do not edit.
ARGUMENTS: dict[str, Any] = {
    "change_id": {"type": "str", "required": True},
    "state": {
        "type": "str",
        "required": True,
        "choices": ["planned", "approved", "applied", "held", "released", "stopped", "verified", "purged"],
    },
    "action": {"type": "str", "choices": ["cancel", "hurry", "retry", "retry_build", "rerun"]},
    "selection": {
        "type": "dict",
        "options": {
            "campaign_id": {"type": "raw"},
            "state": {
                "type": "str",
                "choices": [
                    "unallocated",
                    "pending_build",
                    "pending_send",
                    "waiting_por",
                    "finished",
                    "failed",
                    "canceled",
                ],
            },
            "participants": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "participant_id": {"type": "raw"},
                    "iccid": {"type": "raw"},
                    "imsi": {"type": "raw"},
                    "msisdn": {"type": "raw"},
                    "campaign_id": {"type": "raw"},
                    "state": {"type": "str"},
                    "extra": {"type": "dict"},
                },
            },
            "source": {"type": "path"},
        },
    },
    "ledger": {"type": "str", "required": True, "fallback": (env_fallback, ["YATEOTA_LEDGER"])},
    "ledger_password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["YATEOTA_LEDGER_PASSWORD"])},
    "ledger_timeout": {"type": "float", "default": 60},
    "rollout": {
        "type": "dict",
        "options": {
            "canary": {"type": "int"},
            "wave_size": {"type": "int", "default": 1000},
            "maximum_per_second": {"type": "float"},
            "concurrency": {"type": "int", "default": 3},
            "rate_scope": {"type": "str", "choices": ["change", "fleet"], "default": "change"},
            "soak": {"type": "float", "default": 0},
            "success_percentage": {"type": "float"},
        },
    },
    "abort": {
        "type": "dict",
        "options": {
            "threshold_percentage": {"type": "float", "default": 10},
            "minimum_executed": {"type": "int", "default": 20},
            "count_unanswered": {"type": "bool", "default": False},
            "on_reason": {"type": "list", "elements": "raw"},
            "scope": {"type": "str", "choices": ["change", "fleet"], "default": "change"},
        },
    },
    "stage": {"type": "int"},
    "attempts": {
        "type": "dict",
        "options": {"maximum": {"type": "int", "default": 3}, "interval": {"type": "float", "default": 21600}},
    },
    "resume_aborted": {"type": "bool", "default": False},
    "window": {
        "type": "dict",
        "options": {
            "start": {"type": "str"},
            "end": {"type": "str"},
            "hours": {"type": "list", "elements": "str"},
            "days": {"type": "list", "elements": "str", "choices": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]},
            "time_zone": {"type": "str"},
            "calendar": {"type": "path"},
            "calendar_means": {"type": "str", "choices": ["allowed", "frozen"]},
        },
    },
    "wait_for_window": {"type": "bool", "default": False},
    "unknown": {"type": "str", "choices": ["report", "resend"], "default": "report"},
    "recheck_after": {"type": "float", "default": 300},
    "max_waves": {"type": "int"},
    "progress": {"type": "bool", "default": False},
    "verify_timeout": {"type": "float", "default": 0},
    "lease_seconds": {"type": "float", "default": 60},
    "requested_by": {"type": "str"},
    "reason": {"type": "str"},
    "approved_by": {"type": "str"},
    "require_approval": {"type": "bool", "default": False},
    "replan": {"type": "bool", "default": False},
    "approval_note": {"type": "str"},
    "confirm_count": {"type": "int"},
    "approval_scope": {"type": "str", "choices": ["change", "shard"], "default": "change"},
    "allow_self_approval": {"type": "bool", "default": False},
    "job_id": {"type": "str"},
    "report_dest": {"type": "path"},
    "format": {"type": "str", "choices": ["csv", "jsonl"], "default": "csv"},
    "mask_identifiers": {"type": "bool", "default": False},
}
BOUNDS: dict[str, dict[str, float]] = {
    "ledger_timeout": {"least": 0},
    "rollout.canary": {"least": 1},
    "rollout.wave_size": {"least": 1},
    "rollout.maximum_per_second": {"above": 0},
    "rollout.concurrency": {"least": 1},
    "rollout.soak": {"least": 0},
    "rollout.success_percentage": {"least": 0, "most": 100},
    "abort.threshold_percentage": {"above": 0, "most": 100},
    "abort.minimum_executed": {"least": 1},
    "stage": {"least": 1},
    "attempts.maximum": {"least": 1},
    "attempts.interval": {"above": 0},
    "recheck_after": {"least": 0},
    "max_waves": {"least": 1},
    "verify_timeout": {"least": 0},
    "lease_seconds": {"least": 1},
    "confirm_count": {"least": 0},
}
# End of the generated part.
RULES: dict[str, Any] = {}


def run(task: Task) -> TaskResult:
    """Bring the change to the state asked for."""
    check_bounds(task.params, BOUNDS)
    rollout, stopped = rollout_options(task.params, ARGUMENTS), threading.Event()
    client = functools.cache(lambda: task.connect(rollout.senders, lambda: not stopped.is_set()))
    asked = BulkTask(
        options=task.params,
        rollout=rollout,
        limits=limits_of(task.params, ARGUMENTS),
        api_url=task.server.api_url,
        node=task.server.node,
        check_mode=task.check_mode,
        client=client,
        reader=functools.cache(lambda: task.reader_of(client(), rollout.concurrency)),
        warn=task.warn,
        warned=task.warned,
        stopped=stopped,
        progress=task.progress,
    )
    with stops_on_signals(stopped):
        return run_bulk(asked)


def main() -> None:
    """Run as a module."""
    run_module(ARGUMENTS, run, RULES, LIBRARIES)


if __name__ == "__main__":
    main()
