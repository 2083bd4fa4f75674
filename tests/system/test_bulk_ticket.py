"""Changes that ask a ticket before each wave: the examples for ServiceNow and Jira, against stand-ins over HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.simops.yateota.plugins.filter import change_progress
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, Ansible, Run
from ansible_collections.simops.yateota.tests.system.test_bulk_role import FAILED, all_once
from ansible_collections.simops.yateota.tests.system.tickets import (
    BASIC,
    SECRET,
    USER,
    Jira,
    ServiceNow,
    TicketSystem,
    approval,
    serving,
)

EXAMPLES = COLLECTION / "docs/examples"
GIVEN = {"bulk_change_campaign_id": 167, "bulk_change_state": "failed", "bulk_change_approved_by": "m.lee"}
GIVEN |= {"bulk_change_requested_by": "noc", "bulk_change_canary": 5, "bulk_change_wave_size": 20}
WAVES = 3
REPORTS = ["CHG-7.csv", "CHG-7.jsonl", "CHG-7.html"]


@dataclass
class Desk:
    """A ticket system, and changes that ask it.

    Attributes:
        example: the folder of its example.
        ticket: the stand-in.
        ansible: runs playbooks against the sandbox, with a ledger that is not there yet.
    """

    example: str
    ticket: Any
    ansible: Ansible

    def change(self, *arguments: str, secret: str = SECRET, **given: Any) -> Run:
        """Run the example's playbook."""
        environ = {"SN_HOST": self.ticket.url, "SN_USERNAME": USER, "SN_PASSWORD": secret}
        environ |= {"JIRA_URL": self.ticket.url, "JIRA_USER": USER, "JIRA_TOKEN": secret}
        change = {**GIVEN, "bulk_change_id": "CHG-7", **given}
        return self.ansible(EXAMPLES / self.example / "change.yml", change, *arguments, environ=environ)

    def hold(self) -> None:
        """Somebody puts the ticket on hold."""
        if isinstance(self.ticket, ServiceNow):
            self.ticket.record |= {"on_hold": "true", "on_hold_reason": "CAB asks why"}
        else:
            self.ticket.status = "On hold"

    def release(self) -> None:
        if isinstance(self.ticket, ServiceNow):
            self.ticket.record["on_hold"] = "false"
        else:
            self.ticket.status = "Implementing"

    @property
    def state(self) -> str:
        return str(self.ticket.record["state"] if isinstance(self.ticket, ServiceNow) else self.ticket.status)


@pytest.fixture
def ansible(ansible_playbook: Ansible, tmp_path: Path) -> Ansible:
    return Ansible(tmp_path, {**ansible_playbook.server, "YATEOTA_LEDGER": str(tmp_path / "ledger.sqlite")})


@pytest.fixture
def desk(request: pytest.FixtureRequest, ansible: Ansible) -> Iterator[Desk]:
    """The desk of the example that the test names."""
    ticket: TicketSystem = {"servicenow": ServiceNow, "jira": Jira}[request.param]("CHG-7")
    with serving(ticket):
        yield Desk(request.param, ticket, ansible)


both = pytest.mark.parametrize("desk", ["servicenow", "jira"], indirect=True)
# Of what differs little between the two, one is enough for each change of the collection.
slow_for_jira = pytest.mark.parametrize(
    "desk", ["servicenow", pytest.param("jira", marks=pytest.mark.slow)], indirect=True
)
QUICK = {"servicenow-state"}

# --- Both examples ---------------------------------------------------------------------------------------------------


@slow_for_jira
def test_each_wave_asks_and_the_end_closes_the_ticket(desk: Desk, sandbox: Any, tmp_path: Path) -> None:
    reports = {"bulk_change_report_directory": str(tmp_path / "reports")}
    done = desk.change("-vvv", **reports)
    assert done.ok, done.output
    assert all_once(sandbox)
    notes = desk.ticket.written("note")
    assert [note.partition(".")[0] for note in notes[:WAVES]] == [f"Wave {number} begins" for number in (1, 2, 3)]
    assert f"5 of {FAILED} done" in notes[1]
    assert "Change CHG-7 is applied: 44 done." in notes[WAVES]
    assert re.search(r"Audit chain: [0-9a-f]{64}", notes[WAVES])
    assert len(notes) == WAVES + 1
    assert desk.ticket.written("attachment") == REPORTS
    assert desk.ticket.files == {name: (tmp_path / "reports" / name).read_bytes() for name in REPORTS}
    assert desk.state in ("3", "Completed")
    assert SECRET not in done.output
    assert BASIC not in done.output

    written = list(desk.ticket.writes)
    sandbox.clear_journal()
    again = desk.change(**reports)
    assert again.ok, again.output
    assert (sandbox.writes(), desk.ticket.writes) == ([], written)


@pytest.mark.slow
@both
def test_a_ticket_put_on_hold_stops_the_change_before_the_next_wave(desk: Desk, sandbox: Any) -> None:
    desk.ticket.on_note = lambda count: desk.hold() if count == 1 else None
    held = desk.change()
    assert not held.ok
    assert len(sandbox.writes()) == 5
    assert "CHG-7 does not allow wave 2: its stat" in held.words or "it is on hold (CAB asks why)" in held.words
    assert "Change CHG-7 is held: 39 planned, 5 done. " in held.words
    assert "does not allow wave 2" in desk.ticket.written("note")[-1]  # the ticket says why nothing more is sent
    assert desk.ticket.written("state") == []

    desk.release()
    refused = desk.change()
    assert not refused.ok
    assert "Change CHG-7 is held by noc since " in refused.words
    assert len(sandbox.writes()) == 5
    released = desk.ansible("bulk_release", {"change_id": "CHG-7"})
    assert released.ok, released.output
    done = desk.change()
    assert done.ok, done.output
    assert all_once(sandbox)


@slow_for_jira
def test_a_ticket_system_that_goes_down_stops_the_change(desk: Desk, sandbox: Any) -> None:
    desk.ticket.on_note = lambda _count: setattr(desk.ticket, "down", True)
    stopped = desk.change()
    assert not stopped.ok
    assert sandbox.writes() == []  # what was written could not be read again
    assert "HTTP Error 503: Service Unavailable" in stopped.words
    assert "The finish tasks failed: Cannot read " in stopped.words


Prepare = Callable[[Any], Any]


def set_record(**fields: str) -> Prepare:
    return lambda ticket: ticket.record.update(fields)


REFUSALS: list[tuple[str, str, Prepare, str]] = [
    ("servicenow", "state", set_record(state="-2"), "its state is Scheduled, expected Implement"),
    ("servicenow", "window over", lambda ticket: ticket.plan(-4, -1), "its planned window is 20"),
    ("servicenow", "no window", set_record(start_date="", end_date=""), "its planned window is to UTC, and now it is"),
    ("servicenow", "approval", set_record(approval="requested"), "its approval is Requested, expected Approved"),
    (
        "servicenow",
        "approver",
        lambda ticket: ticket.approvals[0].update({"approver.user_name": "NOC"}),
        "nobody but the requester has approved it",
    ),
    ("servicenow", "note", lambda ticket: ticket.pretends.add("note"), "and has not kept it: check that this user"),
    ("servicenow", "down", lambda ticket: setattr(ticket, "down", True), "HTTP Error 503: Service Unavailable"),
    ("servicenow", "other", set_record(number="CHG-8"), "ServiceNow change request CHG-7 is not there, or this user"),
    ("jira", "state", lambda ticket: setattr(ticket, "status", "Declined"), "its status is Declined, expected Impl"),
    ("jira", "window over", lambda ticket: ticket.plan(-4, -1), "its planned window is 20"),
    ("jira", "no window", lambda ticket: ticket.fields.clear(), "its planned window is to , and now it is"),
    (
        "jira",
        "approval",
        lambda ticket: ticket.approvals.append(approval("pending", "Jo")),
        "its approvals are approved and pending, expected approved",
    ),
    ("jira", "note", lambda ticket: ticket.pretends.add("note"), "Cannot read the new comment on Jira request CHG-7:"),
    ("jira", "other", lambda ticket: setattr(ticket, "key", "CHG-8"), "Cannot read Jira request CHG-7: Issue does not"),
]


@pytest.mark.parametrize(
    ("desk", "prepare", "says"),
    [
        pytest.param(desk, *what, id=f"{desk}-{name}", marks=() if f"{desk}-{name}" in QUICK else pytest.mark.slow)
        for desk, name, *what in REFUSALS
    ],
    indirect=["desk"],
)
def test_a_ticket_that_does_not_allow_it_leaves_nothing_sent(
    desk: Desk, prepare: Prepare, says: str, sandbox: Any
) -> None:
    prepare(desk.ticket)
    refused = desk.change()
    assert not refused.ok
    assert says in refused.words
    assert "Change CHG-7 is held: 44 planned. " in refused.words
    assert sandbox.writes() == []
    assert desk.ticket.written("state") == []


@pytest.mark.slow
@both
def test_a_wrong_secret_is_said_without_it(desk: Desk, sandbox: Any) -> None:
    refused = desk.change("-vvv", secret="wrong-Secret-0815")
    assert not refused.ok
    assert "User Not Authenticated" in refused.words or "Client must be authenticated to access" in refused.words
    assert "wrong-Secret-0815" not in refused.output
    assert sandbox.writes() == []


@pytest.mark.slow
@both
@pytest.mark.parametrize("write", ["attachment", "state"])
def test_a_write_at_the_end_that_is_not_done_is_a_failure(desk: Desk, write: str, sandbox: Any, tmp_path: Path) -> None:
    desk.ticket.pretends.add(write)
    done = desk.change(bulk_change_report_directory=str(tmp_path / "reports"), bulk_change_report_formats=["csv"])
    assert not done.ok
    assert all_once(sandbox)
    assert "Change CHG-7 is applied: 44 done. The finish tasks failed: " in done.words
    assert desk.state in ("-1", "Implementing")


@pytest.mark.slow
@both
def test_in_check_mode_the_ticket_is_read_and_not_written(desk: Desk, sandbox: Any) -> None:
    checked = desk.change("--check")
    assert checked.ok, checked.output
    assert desk.ticket.requests
    assert {request.split()[0] for request in desk.ticket.requests} == {"GET"}
    desk.hold()
    refused = desk.change("--check")
    assert not refused.ok
    assert "CHG-7 does not allow wave 1" in refused.words
    assert (sandbox.writes(), desk.ticket.writes) == ([], [])


@pytest.mark.slow
@pytest.mark.parametrize("desk", ["servicenow"], indirect=True)
def test_a_change_that_is_aborted_leaves_the_ticket_open(desk: Desk, sandbox: Any) -> None:
    sandbox.fault(request="action_participant", kind="code", code=403, message="the card is locked", times=2)
    aborted = desk.change(bulk_change_abort_minimum_executed=5)
    assert not aborted.ok
    assert len(sandbox.writes()) == 5
    assert "Change CHG-7 is aborted: 39 planned, 3 done, 2 refused." in desk.ticket.written("note")[-1]
    assert desk.state == "-1"


# --- Tasks of one's own ----------------------------------------------------------------------------------------------

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  roles: [simops.yateota.bulk_change]
"""
OWN = {**GIVEN, "bulk_change_id": "CHG1", "bulk_change_action": "retry"}
KEEP = """
- name: Keep what is known
  ansible.builtin.copy:
    content: "{{ bulk_change_progress | to_json }}"
    dest: "{{ playbook_dir }}/%s"
    mode: u=rw
"""


def own(ansible: Ansible, *arguments: str, gate: str = "", finish: str = "", **given: Any) -> Run:
    """Run the role in a play with these tasks beside it."""
    for name, tasks in (("gate", gate), ("finish", finish)):
        if tasks:
            (ansible.folder / f"{name}.yml").write_text(tasks)
            given = {f"bulk_change_{name}_tasks": f"{name}.yml", **given}
    (ansible.folder / "play.yml").write_text(PLAY)
    return ansible(ansible.folder / "play.yml", {**OWN, **given}, *arguments)


def known(ansible: Ansible, name: str) -> Any:
    return yaml.safe_load((ansible.folder / name).read_text())


@pytest.mark.slow
def test_what_the_tasks_know_is_documented(ansible: Ansible, sandbox: Any) -> None:
    (returned,) = yaml.safe_load(change_progress.RETURN).values()
    gate, finish = KEEP % "wave-{{ bulk_change_progress.wave }}.json", KEEP % "end.json"
    done = own(ansible, gate=gate, finish=finish, bulk_change_report_directory=str(ansible.folder / "reports"))
    assert done.ok, done.output
    waves = [known(ansible, f"wave-{number}.json") for number in (1, 2, 3)]
    end = known(ansible, "end.json")
    for progress in (*waves, end):
        assert progress.keys() == returned["contains"].keys()
        assert progress["change"]["selected"] == FAILED
    assert [progress["remaining"] for progress in (*waves, end)] == [44, 39, 19, 0]
    assert [progress["is_complete"] for progress in (*waves, end)] == [False, False, False, True]
    assert end["verdict"] == "Change CHG1 is applied: 44 done."
    assert end["reports"] == [str(ansible.folder / "reports" / f"CHG1.{form}") for form in ("csv", "jsonl", "html")]
    assert all_once(sandbox)


@pytest.mark.parametrize("arguments", [[], ["--check"]])
def test_tasks_that_are_not_there_are_refused_before_anything_is_sent(
    arguments: list[str], ansible: Ansible, sandbox: Any
) -> None:
    refused = own(ansible, *arguments, bulk_change_gate_tasks="none.yml", bulk_change_finish_tasks="none.yml")
    assert not refused.ok
    for name in ("gate", "finish"):
        assert f"bulk_change_{name}_tasks '{ansible.folder}/none.yml' cannot be read (No such file" in refused.words
    assert sandbox.journal() == []


def test_the_finish_tasks_know_of_a_plan_that_failed(ansible: Ansible, sandbox: Any) -> None:
    sandbox.fault(request="query_participants", kind="http_500", times=50)
    failed = own(ansible, finish=KEEP % "end.json", gate="- ansible.builtin.fail:\n")
    assert not failed.ok
    end = known(ansible, "end.json")
    assert (end["change_id"], end["is_complete"], end["change"]) == ("CHG1", False, {})
    assert "HTTP 500" in end["verdict"]
    assert sandbox.writes() == []


GONE = """
- name: Name a host that is away
  ansible.builtin.add_host: {{name: away, ansible_host: 127.0.0.1, ansible_port: 1, ansible_connection: ssh}}

- name: Ask the host
  ansible.builtin.ping:
  delegate_to: away
  register: permission
{}
"""
TAKEN = """
  ignore_unreachable: true

- name: Check that the host has answered
  ansible.builtin.assert:
    that: permission is not unreachable
    fail_msg: The host is away.
"""


def test_a_host_that_is_away_opens_no_gate(ansible: Ansible, sandbox: Any) -> None:
    """Nor where a play ignores it. A task of the gate can have the change held, as the guide says."""
    play = ansible.folder / "ignoring.yml"
    play.write_text(PLAY.replace("gather_facts: false", "gather_facts: false\n  ignore_unreachable: true"))
    (ansible.folder / "gate.yml").write_text(GONE.format(""))
    ended = ansible(play, {**OWN, "bulk_change_gate_tasks": "gate.yml"})
    assert not ended.ok
    assert sandbox.writes() == []
    held = own(ansible, gate=GONE.format(TAKEN))
    assert not held.ok
    assert "Change CHG1 is held" in held.words
    assert "The host is away." in held.words
    assert sandbox.writes() == []


def test_tasks_that_hide_their_output_are_named(ansible: Ansible, sandbox: Any) -> None:
    gate = "- name: Ask in secret\n  ansible.builtin.fail:\n    msg: hidden-word\n  no_log: true\n"
    refused = own(ansible, gate=gate)
    assert not refused.ok
    assert "The task 'Ask in secret' failed, and its message is empty or hidden." in refused.words
    # Newer ansible-core itself shows it in its lines of errors.
    assert "hidden-word" not in "".join(line for line in refused.output.splitlines() if "[ERROR]" not in line)
    assert sandbox.writes() == []


@pytest.mark.slow
def test_a_change_that_is_through_asks_no_gate(ansible: Ansible, sandbox: Any) -> None:
    assert own(ansible).ok
    sandbox.clear_journal()
    again = own(ansible, gate="- ansible.builtin.fail:\n")
    assert again.ok, again.output
    verified = own(ansible, gate="- ansible.builtin.fail:\n", finish=KEEP % "end.json", bulk_change_only="verify")
    assert verified.ok, verified.output
    end = known(ansible, "end.json")
    assert (end["step"], end["is_complete"], end["wave"]) == ("verify", True, WAVES)
    assert sandbox.writes() == []


@pytest.mark.slow
def test_a_run_of_one_wave_leaves_the_rest_to_the_next(ansible: Ansible, sandbox: Any) -> None:
    asked = KEEP % "wave-{{ bulk_change_progress.wave }}.json"
    for number in range(1, WAVES + 1):
        done = own(ansible, gate=asked, finish=KEEP % "end.json", bulk_change_max_waves=1)
        assert done.ok, done.output
        assert len(list(ansible.folder.glob("wave-*.json"))) == number
        assert known(ansible, "end.json")["is_complete"] == (number == WAVES)
    assert all_once(sandbox)


@pytest.mark.slow
def test_the_gate_of_the_guide_runs_as_it_stands(ansible: Ansible, sandbox: Any) -> None:
    guide = (COLLECTION / "docs/tickets.md").read_text(encoding="utf-8")
    (gate,) = re.findall(r"^```yaml\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    refused = own(ansible, gate=gate)
    assert not refused.ok
    assert "Change CHG1 is held: 44 planned. CHG1.allowed is not there, so wave 1 is not sent." in refused.words
    assert sandbox.writes() == []
    (ansible.folder / "CHG1.allowed").touch()
    assert ansible("bulk_release", {"change_id": "CHG1"}).ok
    assert own(ansible, gate=gate).ok
    assert all_once(sandbox)
