# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source: what changes on a real server and in a real ledger, each once, also when the source is killed."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
import resource
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.simops.yateota.plugins.module_utils._api.transport import Connection
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError
from ansible_collections.simops.yateota.plugins.module_utils._events import source as source_module
from ansible_collections.simops.yateota.plugins.module_utils._events.detection import (
    Limits,
    change_events,
    server_events,
    unreachable_events,
)
from ansible_collections.simops.yateota.plugins.module_utils._events.readings import name_of
from ansible_collections.simops.yateota.plugins.module_utils._events.source import Server, Settings, Source
from ansible_collections.simops.yateota.plugins.module_utils._events.state_file import StateFile
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk
from ansible_collections.simops.yateota.tests.unit.plugins.servers import SECRET, Connect, StartSandbox

from yateota_sandbox import Sandbox

COLLECTION = Path(__file__).parents[4]
PLUGIN = COLLECTION / "extensions/eda/plugins/event_source/campaigns.py"
LIMITS = Limits(max_failed_percentage=20, minimum=5, stalled_after=900, unreachable_after=3)
Event = dict[str, Any]


# --- What has changed ----------------------------------------------------------


def campaign(state: str | None = "started", finished: int = 0, failed: int = 0, **others: Any) -> Event:
    ended = 100 * (finished + failed) / 40
    counts = {"participants": 40, "finished": finished, "failed": failed, "pending_build": 0, "pending_send": 0}
    return {"campaign_id": 5, "name": "Spring", "state": state, "canceled": 0, "progress": ended, **counts, **others}


def kinds(memory: Event, *looks: Event, now: float = 0.0, step: float = 1.0) -> list[list[str]]:
    """The kinds of events that each look at one campaign gives."""
    return [
        [kind for kind, _said in server_events(memory, [look], None, LIMITS, now + step * place)]
        for place, look in enumerate(looks)
    ]


def test_a_first_look_tells_what_is_so_and_not_what_has_changed() -> None:
    assert kinds({}, campaign("finished", 20, 20)) == [[]]
    assert kinds({}, campaign("paused", 20, 10)) == [[]]
    assert kinds({}, campaign("started", 20, 10)) == [["campaign_failing"]]


def test_states_are_told_once() -> None:
    looks = [campaign(), campaign("paused"), campaign("paused"), campaign("started"), campaign("finished", 40)]
    assert kinds({}, *looks, campaign("finished", 40), campaign("started")) == [
        [],
        ["campaign_state_changed"],
        [],
        ["campaign_state_changed"],
        ["campaign_finished"],
        [],
        ["campaign_state_changed"],
    ]


def test_a_campaign_that_appears_is_told() -> None:
    memory: Event = {}
    assert list(server_events(memory, [], None, LIMITS, 0)) == []
    ((kind, said),) = server_events(memory, [campaign()], None, LIMITS, 1)
    assert (kind, said["before"], said["campaign"]["state"]) == ("campaign_state_changed", {"state": None}, "started")
    memory = {"campaigns": {}}
    assert kinds(memory, campaign("finished", 40)) == [["campaign_finished"]]


def test_a_server_that_tells_no_states_finishes_by_its_counts() -> None:
    assert kinds({}, campaign(None, 10), campaign(None, 40), campaign(None, 40)) == [[], ["campaign_finished"], []]


def test_too_many_failures_are_told_once_until_they_are_few_again() -> None:
    looks = [
        campaign(failed=4),
        campaign(finished=4, failed=2),
        campaign(finished=4, failed=3),
        campaign("paused", 4, 3),
    ]
    again = [campaign("started", 4, 4), campaign("started", 30, 4), campaign("started", 30, 9)]
    assert kinds({}, *looks, *again) == [
        [],  # fewer than the minimum have ended
        ["campaign_failing"],
        [],
        ["campaign_state_changed"],
        ["campaign_state_changed"],  # it still fails, which is known
        [],
        ["campaign_failing"],
    ]


def test_a_campaign_without_progress_has_stalled() -> None:
    still, moved = campaign(finished=4), campaign(finished=5)
    assert kinds({}, still, still, still, moved, moved, moved, step=600) == [
        [],
        [],
        ["campaign_stalled"],
        [],
        [],
        ["campaign_stalled"],
    ]
    assert kinds({}, campaign("paused"), campaign("paused"), step=2000) == [[], []]
    flags = campaign(finished=True, failed=False, progress=None)  # type: ignore[arg-type]
    assert kinds({}, flags, flags, step=2000) == [[], []]


def test_a_campaign_that_is_not_listed_for_a_moment_is_not_told_again() -> None:
    memory: Event = {}
    assert kinds(memory, campaign("started"), campaign("finished", 40)) == [[], ["campaign_finished"]]
    assert list(server_events(memory, [], None, LIMITS, 0)) == []  # a server that starts may list none
    assert kinds(memory, campaign("finished", 40)) == [[]]


def test_a_campaign_that_is_watched_from_now_on_has_not_changed() -> None:
    """Otherwise a retry would be planned for each campaign that has ever finished."""
    memory: Event = {}
    others = [{**campaign("finished", 20, 20), "campaign_id": each} for each in (6, 7)]

    def look(*seen: Event, only: list[int]) -> list[Any]:
        found = server_events(memory, seen, None, LIMITS, 0, only)
        return [(kind, said["campaign"]["campaign_id"]) for kind, said in found]

    assert look(campaign(), only=[5]) == []
    assert look(campaign(), others[0], only=[5, 6]) == []
    assert look(campaign(), *others, only=[]) == []
    new = {**campaign("finished", 20, 20), "campaign_id": 8}
    assert look(campaign("finished", 40), *others, new, only=[]) == [("campaign_finished", 5), ("campaign_finished", 8)]


def test_an_event_names_no_number_that_may_be_a_phones() -> None:
    memory: Event = {"campaigns": {}}
    ((_kind, said),) = server_events(memory, [{**campaign(), "name": "For +882990000011"}], None, LIMITS, 0)
    assert said["campaign"]["name"] == "For +*"
    assert "extra" not in said["campaign"]
    busy = {"operational": False, "state": "Busy with 001010000000011"}
    ((_kind, said),) = server_events({}, None, busy, LIMITS, 0)
    assert said["status"]["detail"] == "Busy with *"


def test_a_node_is_down_once_and_up_once() -> None:
    memory: Event = {}
    well, ill = {"operational": True, "state": "Full service"}, {"operational": False, "state": "Stopping"}

    def look(node: Event) -> list[Any]:
        return [(kind, said["status"]["reason"]) for kind, said in server_events(memory, None, node, LIMITS, 0)]

    def away() -> list[Any]:
        return [
            (kind, said["status"]["reason"]) for kind, said in unreachable_events(memory, "Connection refused", LIMITS)
        ]

    assert [look(well), look(ill), look(ill)] == [[], [("node_down", "not_operational")], []]
    assert [look({}), away(), away(), look(well)] == [[("node_up", "not_operational")], [], [], []]
    assert [away(), away(), away(), away()] == [[], [], [("node_down", "unreachable")], []]
    assert [look(ill), look(well)] == [[("node_down", "not_operational")], [("node_up", "not_operational")]]


def change(status: str, unknown: int = 0, **others: Any) -> Event:
    facts = {"change_id": "CHG1", "action": "retry", "api_url": "https://ota/api.php", "node": "ota", "selected": 9}
    facts |= {"counts": {"unknown": unknown}, "exhausted": 0, "next_due": None, "held": None, "stopped": None}
    return {**facts, "status": status, **others}


def test_changes() -> None:
    memory: Event = {}
    held = {"by": "ann", "since": "2026-01-01T00:00:00Z", "reason": "The SMSC queues"}
    looks = [
        ([], []),
        ([change("planned")], ["change_status_changed"]),
        ([change("in_progress", 2)], ["change_status_changed", "change_unknowns"]),
        ([change("held", 3, held=held)], ["change_held"]),
        ([change("held", 3, held=held)], []),
        ([change("aborted", 0)], ["change_aborted"]),
        ([change("in_progress", 1)], ["change_status_changed", "change_unknowns"]),
        ([change("applied", 1)], ["change_finished"]),
        ([change("verified", 1)], ["change_status_changed"]),
    ]
    for seen, expected in looks:
        events = list(change_events(memory, seen))
        assert [kind for kind, _said in events] == expected
        assert '"ann"' not in json.dumps(events)
    assert [kind for kind, _said in change_events({}, [change("applied", 1)])] == []
    assert [kind for kind, _said in change_events({}, [change("in_progress", 1)])] == ["change_unknowns"]


@pytest.mark.parametrize("halt", ["held", "stopped"])
def test_the_reason_of_a_halt_identifies_no_sim(halt: str) -> None:
    reason = "The SIM 8949000000000000017 (+49 171 2345678) fails: see INC-4711."
    facts = {"by": "ann", "since": "2026-01-01T00:00:00Z", "reason": reason}
    memory: Event = {}
    list(change_events(memory, [change("in_progress")]))
    ((_kind, said),) = change_events(memory, [change(halt, **{halt: facts})])
    assert said["change"][halt]["reason"] == "The SIM * (+49 171 *) fails: see INC-4711."
    assert facts["reason"] == reason


def test_a_change_that_is_held_again_between_two_looks_is_told_again() -> None:
    memory: Event = {}
    first, second = ({"by": "the rollout", "since": f"2026-01-01T0{hour}:00:00Z", "reason": "x"} for hour in (1, 2))
    looks = [change("in_progress"), *(change("held", held=each) for each in (first, first, second, second))]
    told = [[kind for kind, _said in change_events(memory, [seen])] for seen in looks]
    assert told == [[], ["change_held"], [], ["change_held"], []]


def test_a_ledger_that_is_away_for_a_moment_is_not_told_again() -> None:
    memory: Event = {}
    told = [
        [kind for kind, _said in change_events(memory, seen)] for seen in ([change("applied")], [], [change("applied")])
    ]
    assert told == [[], [], []]


def test_a_change_that_waits_says_when_to_run_it_again_and_who_has_spent_all_attempts() -> None:
    memory: Event = {}
    due = "2026-06-02T20:00:00.000Z"
    looks = [
        ([change("in_progress")], []),
        ([change("waiting", next_due=due)], ["change_waiting"]),
        ([change("waiting", next_due=due)], []),
        ([change("in_progress", next_due=due)], ["change_status_changed"]),
        ([change("waiting", next_due=due, exhausted=2)], ["change_waiting", "change_exhausted"]),
        ([change("waiting", next_due=due, exhausted=5)], []),
        ([change("applied", exhausted=7)], ["change_finished"]),
    ]
    for seen, expected in looks:
        events = list(change_events(memory, seen))
        assert [kind for kind, _said in events] == expected
        assert all(
            (said["change"]["next_due"], said["change"]["exhausted"]) == (seen[0]["next_due"], seen[0]["exhausted"])
            for _kind, said in events
        )
    assert [kind for kind, _said in change_events({}, [change("waiting", exhausted=1)])] == ["change_exhausted"]
    assert [kind for kind, _said in change_events({}, [change("applied", exhausted=1)])] == []


# --- The source on a real server -----------------------------------------------


@pytest.fixture
def state_file(tmp_path: Path) -> str:
    return str(tmp_path / "events.json")


def settings(state_file: str, *boxes: Sandbox, **others: Any) -> Settings:
    servers = [Server(f"box{place}", Connection(box.url, SECRET, retries=0)) for place, box in enumerate(boxes)]
    limits = Limits(max_failed_percentage=20, minimum=20, stalled_after=1e9, unreachable_after=3)
    nothing = {"ledger": None, "ledger_password": None, "campaigns": (), "interval": 0.02, "limits": limits}
    return Settings(servers=servers, state_file=state_file, **{**nothing, **others})


def polls(box: Sandbox) -> int:
    """How often a source has read a server: it asks for the node's status last."""
    return sum(entry["request"] == "get_node_status" for entry in box.journal())


async def until(task: asyncio.Task[None], condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            if task.done():
                task.result()
            await asyncio.sleep(0.01)


def watch(given: Settings, *steps: Callable[[], Any] | int, box: Sandbox | None = None) -> list[Event]:
    """Run a source through steps, and return its events.

    A step is a number of further polls of the box, a condition to wait for (it returns false until it is met), or an
    act (it returns None).
    """
    queue: asyncio.Queue[Event] = asyncio.Queue()

    async def go() -> None:
        task = asyncio.create_task(Source(given, queue).run())
        try:
            for step in steps:
                if callable(step):
                    if await asyncio.to_thread(step) is False:
                        await until(task, step)
                else:
                    assert box
                    target = polls(box) + step
                    await until(task, lambda least=target: polls(box) >= least)  # type: ignore[misc]
        finally:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled() and task.exception():
                raise task.exception()  # type: ignore[misc]

    asyncio.run(go())
    return [queue.get_nowait() for _each in range(queue.qsize())]


def test_what_changes_is_reported_once_and_not_again_after_a_restart(
    sandbox: Sandbox, connect: Connect, state_file: str
) -> None:
    client = connect(sandbox)
    first = watch(
        settings(state_file, sandbox),
        3,
        lambda: client.call("action_campaign", {"campaign_id": 167, "action": "pause"}) and None,
        3,
        box=sandbox,
    )
    assert [(each["yateota"]["kind"], each["yateota"]["number"]) for each in first] == [
        ("campaign_failing", 1),
        ("campaign_state_changed", 2),
    ]
    failing = first[0]["yateota"]
    assert failing["campaign"]["failed_percentage"] == 59.5
    assert (failing["server"], failing["api_url"], failing["node"]) == ("box0", sandbox.url, "ota")
    assert first[0]["meta"] == {"uuid": failing["id"]}
    assert first[1]["yateota"]["before"] == {"state": "started"}

    # The next run reports what changed while no source ran.
    client.call("action_campaign", {"campaign_id": 167, "action": "stop"})
    second = watch(settings(state_file, sandbox), 3, box=sandbox)
    assert [(each["yateota"]["kind"], each["yateota"]["before"]) for each in second] == [
        ("campaign_state_changed", {"state": "paused"})
    ]
    assert len({each["yateota"]["id"] for each in first + second}) == 3
    assert watch(settings(state_file, sandbox), 2, box=sandbox) == []
    text = json.dumps(first + second) + Path(state_file).read_text()
    assert SECRET not in text
    assert Path(state_file).stat().st_mode & 0o777 == 0o600


def test_a_campaign_finishes(sandbox: Sandbox, state_file: str) -> None:
    found = watch(
        settings(state_file, sandbox, campaigns=[144], limits=Limits(None, 20, 1e9, 3)),
        2,
        lambda: sandbox.advance(10 * 86400),
        2,
        box=sandbox,
    )
    assert [(each["yateota"]["kind"], each["yateota"]["campaign"]["campaign_id"]) for each in found] == [
        ("campaign_finished", 144)
    ]


def test_many_servers_are_watched_at_once(start_sandbox: StartSandbox, state_file: str) -> None:
    boxes = [start_sandbox(), start_sandbox()]
    found = watch(settings(state_file, *boxes), lambda: min(map(polls, boxes)) >= 3)
    assert sorted((each["yateota"]["server"], each["yateota"]["kind"]) for each in found) == [
        ("box0", "campaign_failing"),
        ("box1", "campaign_failing"),
    ]


def test_a_server_that_is_away_is_told_and_read_more_seldom(
    sandbox: Sandbox, state_file: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pauses: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if seconds >= 5:  # the test and the sandbox have shorter ones
            pauses.append(seconds)
        await real(0.001)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    caplog.set_level(logging.WARNING)
    sandbox.fault(request="*", kind="http_503", times=12)
    found = watch(settings(state_file, sandbox, interval=5), 2, box=sandbox)
    assert [each["yateota"]["kind"] for each in found] == ["node_down", "node_up", "campaign_failing"]
    assert found[0]["yateota"]["status"]["reason"] == "unreachable"
    assert pauses[:8] == [10, 20, 40, 80, 160, 320, 640, 900]
    assert pauses[12] == 5
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "box0 cannot be read",
        "box0 can be read again.",
    ]
    assert SECRET not in caplog.text


def test_a_node_whose_engine_does_not_answer_is_down_and_its_campaigns_are_watched(
    sandbox: Sandbox, state_file: str
) -> None:
    sandbox.fault(request="get_node_status", kind="code", code=200, message="No engine", times=4)
    found = watch(settings(state_file, sandbox), 6, box=sandbox)
    assert [each["yateota"]["kind"] for each in found] == ["campaign_failing", "node_down", "node_up"]
    assert found[1]["yateota"]["status"]["reason"] == "unreachable"
    assert "No engine" in found[1]["yateota"]["status"]["detail"]


def test_servers_that_do_not_answer_keep_no_other_waiting(sandbox: Sandbox, state_file: str) -> None:
    """There are more of them than Python has threads by itself, and each keeps its thread for a minute."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/api.php"
        hanging = [Server(f"n{each}", Connection(url, SECRET, f"n{each}", timeout=60, retries=0)) for each in range(40)]
        given = settings(state_file, sandbox)
        given = dataclasses.replace(given, servers=[*hanging, *given.servers])
        found = watch(given, lambda: polls(sandbox) >= 3, silent.close)
    assert [each["yateota"]["kind"] for each in found] == ["campaign_failing"]


def test_what_a_server_does_not_report_is_logged_once(
    start_sandbox: StartSandbox, state_file: str, caplog: pytest.LogCaptureFixture
) -> None:
    box = start_sandbox(get_campaign=False)
    assert watch(settings(state_file, box), 3, box=box) == []
    assert [record.message for record in caplog.records] == [
        "box0: This server has no get_campaign, and its query_campaigns returns no ids or states: they are not known."
    ]


def test_changes_of_a_ledger(bulk: Bulk, ledger: str, state_file: str) -> None:
    given = settings(state_file, ledger=ledger)
    assert watch(given, lambda: "ledger" in Path(state_file).read_text()) == []
    bulk("applied", rollout={"wave_size": 20}, max_waves=1)
    bulk("held", reason="The SMSC queues", requested_by="ann")
    found = watch(given, lambda: '"outbox": []' in (text := Path(state_file).read_text()) and "held" in text)
    assert [each["yateota"]["kind"] for each in found] == ["change_held"]
    said = found[0]["yateota"]["change"]
    assert (said["change_id"], said["counts"]["done"], said["held"]["reason"]) == ("CHG1", 20, "The SMSC queues")
    assert '"ann"' not in json.dumps(found)


def test_another_ledger_is_looked_at_for_the_first_time(
    bulk: Bulk, ledger: str, state_file: str, tmp_path: Path
) -> None:
    other = str(tmp_path / "other.sqlite")
    watch(settings(state_file, ledger=other), lambda: "other.sqlite" in Path(state_file).read_text())
    bulk("applied")
    found = watch(settings(state_file, ledger=ledger), lambda: "applied" in Path(state_file).read_text())
    assert found == []


def test_a_ledger_is_remembered_without_its_user_and_password(tmp_path: Path) -> None:
    spelled = [
        "postgresql://ann:hunter2@db:5433/ota?sslmode=require",
        "postgresql+psycopg://bob@db:5433/ota?sslmode=require",
    ]
    assert {name_of(each) for each in spelled} == {"postgresql+psycopg://db:5433/ota?sslmode=require"}
    (tmp_path / "link").symlink_to(tmp_path / "ledger.sqlite")
    assert name_of(str(tmp_path / "link")) == str(tmp_path / "ledger.sqlite")


def test_an_event_leaves_when_it_is_confirmed(
    sandbox: Sandbox, state_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With feedback, an event that is not confirmed is handed over again, with its id."""
    monkeypatch.setattr(source_module, "_FEEDBACK_WITHIN", 0.05)
    queue: asyncio.Queue[Event] = asyncio.Queue()

    async def go() -> list[Event]:
        feedback: asyncio.Queue[Event] = asyncio.Queue(1)
        task = asyncio.create_task(Source(settings(state_file, sandbox), queue, feedback).run())
        try:
            first = await asyncio.wait_for(queue.get(), 60)
            again = await asyncio.wait_for(queue.get(), 60)
            await feedback.put(again)
            await until(task, lambda: json.loads(Path(state_file).read_text())["outbox"] == [])
        finally:
            task.cancel()
            await asyncio.wait([task])
        return [first, again]

    assert len({each["yateota"]["id"] for each in asyncio.run(go())}) == 1


# --- Killed --------------------------------------------------------------------

KILLED = """
import asyncio, json, os, runpy, signal, sys
plugin, state_file, url, out, when, number = sys.argv[1:]

class Queue:
    def __init__(self):
        self.taken = 0
    async def put(self, event):
        self.taken += 1
        last = self.taken == int(number)
        if last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        with open(out, "a") as file:
            file.write(json.dumps(event["yateota"]) + "\\n")
        if last and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)

servers = [{"api_url": url, "api_secret": "correct-horse"}]
args = {"servers": servers, "state_file": state_file, "interval": 1, "max_failed_percentage": 0.5, "minimum": 1}
asyncio.run(runpy.run_path(plugin)["main"](Queue(), args))
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_source_that_is_killed_loses_no_event(sandbox: Sandbox, state_file: str, tmp_path: Path, when: str) -> None:
    """Killed at its second event, before or after that was taken; the next run hands over what remains."""
    out = tmp_path / "out"

    def run(number: int, when: str) -> None:
        arguments = [sys.executable, "-c", KILLED, str(PLUGIN), state_file, sandbox.url, str(out), when, str(number)]
        killed = subprocess.run(arguments, env=os.environ, capture_output=True, text=True, timeout=120)
        assert killed.returncode == -signal.SIGKILL, killed.stderr

    run(2, when)
    assert [each["number"] for each in json.loads(Path(state_file).read_text())["outbox"]] == [2, 3, 4]
    run(3, "after")
    events = [json.loads(line) for line in out.read_text().splitlines()]
    # The campaigns that run and have failures. An event that was taken when the source was killed comes again.
    assert {each["campaign"]["campaign_id"] for each in events} == {142, 144, 167, 176}
    assert [each["number"] for each in events] == ([1, 2, 3, 4] if when == "before" else [1, 2, 2, 3, 4])
    assert len({each["id"] for each in events}) == 4


# --- The state file ------------------------------------------------------------


def test_a_state_file_is_for_one_source(state_file: str) -> None:
    first = StateFile(state_file)
    with pytest.raises(
        InvalidInputError, match="is in use by another event source: give each source a file of its own"
    ):
        StateFile(state_file)
    first.close()
    StateFile(state_file).close()


WHOLE = {"version": 1, "number": 3, "memory": {"ledger x": {}}, "outbox": []}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        *(json.dumps(WHOLE)[:size] for size in (5, 40, -1)),
        *(
            json.dumps({**WHOLE, **altered})
            for altered in (
                {"version": 2},
                {"number": None},
                {"memory": []},
                {"memory": {"ledger x": [1]}},
                {"outbox": ["x"]},
                {"outbox": [{"kind": "node_down"}]},
                {"outbox": [{"id": "x"}]},
            )
        ),
    ],
)
def test_a_state_file_that_cannot_be_read_is_refused(state_file: str, text: str) -> None:
    Path(state_file).write_text(text)
    with pytest.raises(InvalidInputError, match=r"cannot be read \(.*\): restore it\. Or remove it to begin again"):
        StateFile(state_file)


def test_a_full_disk_loses_no_event(state_file: str) -> None:
    """What could not be written is not handed over; what was handed over comes again with its id."""
    kept = StateFile(state_file)
    kept.add({"kind": "node_down"})
    kept.save()
    before = Path(state_file).read_text()
    most, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, hard))  # a write beyond it fails, as on a full disk
    try:
        kept.outbox.clear()
        with pytest.raises(InvalidInputError, match=r"cannot be written \(.*\): give a file in a writable folder with"):
            kept.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
        kept.close()
    assert Path(state_file).read_text() == before
    assert not [each for each in os.listdir(Path(state_file).parent) if each.startswith(".yateota-")]
    again = StateFile(state_file)
    assert [each["kind"] for each in again.outbox] == ["node_down"]
    again.close()


def test_a_copy_of_a_state_file_gives_other_ids(state_file: str, tmp_path: Path) -> None:
    StateFile(state_file).close()
    copy = tmp_path / "copy.json"
    copy.write_text(Path(state_file).read_text())
    ids = set()
    for path in (state_file, str(copy)):
        kept = StateFile(path)
        kept.add({"kind": "node_down"})
        ids.add(kept.outbox[0]["id"])
        kept.close()
    assert len(ids) == 2


def test_a_state_file_in_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="its folder does not exist"):
        StateFile(str(tmp_path / "none" / "events.json"))


# --- The plugin ----------------------------------------------------------------


@pytest.fixture(scope="module")
def plugin() -> Iterator[dict[str, Any]]:
    """The plugin as ansible-rulebook loads it."""
    yield runpy.run_path(str(PLUGIN))
    for name in [name for name in sys.modules if name.startswith("simops_yateota_module_utils")]:
        del sys.modules[name]


SERVERS = [{"api_url": "https://ota.example.net", "api_secret": SECRET}]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"servers": SERVERS}, "missing required arguments: state_file"),
        ({"state_file": "x"}, "servers and ledger are not set: give the servers to watch, the ledger, or both."),
        (
            {"servers": [{"api_secret": SECRET}], "state_file": "x"},
            "missing required arguments: api_url found in servers",
        ),
        ({"servers": SERVERS, "state_file": "x", "pause": 5}, "pause. Supported parameters include"),
        ({"servers": SERVERS, "state_file": "x", "interval": 0}, "interval 0 is not valid: give 1 or more."),
        ({"servers": SERVERS, "state_file": "x", "interval": "soon"}, "interval"),
        ({"servers": SERVERS, "state_file": "x", "max_failed_percentage": 101}, "101 is not valid: give 0 to 100."),
        ({"servers": [{"api_url": "ota"}], "state_file": "x"}, "api_url 'ota' is not valid"),
        ({"servers": SERVERS * 2, "state_file": "x"}, "twice: name each server and node once."),
        (
            {"servers": [*SERVERS, {**SERVERS[0], "api_url": "https://ota-2.example.net"}], "state_file": "x"},
            "servers has the name 'localhost' more than once: give each server a name of its own",
        ),
    ],
)
def test_bad_arguments_get_a_sentence(plugin: dict[str, Any], given: Event, sentence: str) -> None:
    # The plugin's own class: it imports the collection under a name of its own.
    with pytest.raises(plugin["InvalidInputError"]) as raised:
        asyncio.run(plugin["main"](asyncio.Queue(), given))
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)
    assert SECRET not in str(raised.value)


def test_the_plugin_takes_the_environment_and_the_arguments_of_rulebooks(
    plugin: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YATEOTA_API_SECRET", SECRET)
    given = {"servers": [{"api_url": "https://ota.example.net"}], "state_file": "x", "feedback": True}
    found = plugin["settings"]({**given, "eda_feedback_queue": asyncio.Queue()})
    (server,) = found.servers
    assert (server.name, server.connection.api_secret, server.connection.node) == ("localhost", SECRET, "ota")
    assert server.key == "https://ota.example.net/api.php ota"
    assert (found.interval, found.ledger, found.limits.minimum) == (60, None, 20)


def test_a_certificate_that_is_not_checked_is_logged(plugin: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    plugin["settings"]({"servers": [{**SERVERS[0], "validate_certs": False}], "state_file": "x"})
    (record,) = caplog.records
    assert record.message.startswith("localhost: validate_certs is false: the server's certificate is not checked")


def test_the_documentation_tells_the_arguments(plugin: dict[str, Any]) -> None:
    options = yaml.safe_load(plugin["DOCUMENTATION"])["options"]

    def compare(documented: Event, arguments: Event) -> None:
        assert documented.keys() == arguments.keys()
        for name, option in documented.items():
            argument = arguments[name]
            for key in ("type", "elements", "default", "required"):
                assert option.get(key) == argument.get(key), (name, key)

    compare(options, plugin["ARGUMENTS"])
    compare(options["servers"]["suboptions"], plugin["ARGUMENTS"]["servers"]["options"])


def test_galaxy_finds_the_source() -> None:
    listed = yaml.safe_load((COLLECTION / "meta/extensions.yml").read_text())["extensions"]
    folders = {each["args"]["ext_dir"] for each in listed}
    assert folders == {"eda/plugins/event_source"}
    assert PLUGIN.parent == COLLECTION / "extensions" / folders.pop()
