# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever happens while requests are sent, the task ends, and reports each outcome as it is. Both engines."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._api.transport import Transport
from ansible_collections.simops.yateota.plugins.module_utils._change.options import RolloutOptions
from ansible_collections.simops.yateota.plugins.module_utils._change.sending import SenderPool
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import ApiError
from ansible_collections.simops.yateota.plugins.module_utils._core.refusals import ALIKE_LIMIT, About, Refusals, about
from ansible_collections.simops.yateota.plugins.module_utils._direct import sending as acting
from ansible_collections.simops.yateota.plugins.module_utils._ledger.attempts import Attempts
from ansible_collections.simops.yateota.plugins.modules import yateota_participant
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk, acted_on, nonzero_counts
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask

from yateota_sandbox import Sandbox

C167 = range(185, 265)
PATIENCE_SECONDS = 60.0
ENDINGS = [MemoryError, RuntimeError, KeyboardInterrupt, SystemExit]


def in_time(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a task comes to, which has to come to its end."""
    results: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: results.append(call()), daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    assert results, "it waits forever, or broke down"
    return results[0]


@pytest.fixture(params=["sqlite"])
def ledger(tmp_path: Path) -> str:
    """One database is enough here: what is stored is tested elsewhere."""
    return str(tmp_path / "ledger.sqlite")


@pytest.fixture
def direct(run_task: RunTask, sandbox: Sandbox) -> Callable[..., dict[str, Any]]:
    """Retry ten participants without a ledger."""

    def run(**options: Any) -> dict[str, Any]:
        ten = [{"participant_id": each} for each in C167 if sandbox.participant(each)["state"] == "failed"][:10]
        given = {"state_lookup": "never", "concurrency": 1, "action": "retry", "participants": ten}
        return run_task(yateota_participant, sandbox, **(given | options))

    return run


# --- What nothing foresees --------------------------------------------------------------------------------------------


def break_post(monkeypatch: pytest.MonkeyPatch, error: type[BaseException], nth: int) -> None:
    """Have the n-th write end in this exception after its answer has come."""
    turn, post = itertools.count(1), Transport.post

    def broken(self: Transport, body: bytes, *rest: Any) -> Any:
        reply = post(self, body, *rest)
        if b'"action_' in body and next(turn) == nth:
            raise error
        return reply

    monkeypatch.setattr(Transport, "post", broken)


@pytest.mark.parametrize("error", ENDINGS)
@pytest.mark.parametrize("concurrency", [1, 3])
def test_an_exception_in_a_sender_ends_the_run(
    bulk: Bulk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], concurrency: int
) -> None:
    with monkeypatch.context() as trouble:
        break_post(trouble, error, 5)
        result = in_time(lambda: bulk("applied", rollout={"concurrency": concurrency}))
    assert (result["failed"], result["failure"]["kind"]) == (True, "outcome_unknown")
    assert f"was ended by an unexpected {error.__name__}, and nothing more was sent" in result["msg"]
    counts = nonzero_counts(result)
    assert counts["unknown"] == 1
    assert counts["done"] + 1 == len(sandbox.writes()) < 5 + 4
    assert counts["planned"] == 44 - len(sandbox.writes())
    (unknown,) = result["failures"]
    assert unknown["message"] == (
        f"an unexpected {error.__name__} ended its request: nothing proves whether it was carried out"
    )
    assert nonzero_counts(in_time(lambda: bulk("applied"))) == {
        "done": 44
    }  # the lease is free, and its state settles the one
    assert set(acted_on(sandbox).values()) == {1}


@pytest.mark.parametrize("error", ENDINGS)
def test_an_exception_in_the_ledgers_thread_ends_the_run(
    bulk: Bulk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    turn, collect = itertools.count(1), SenderPool.collect

    def broken(self: SenderPool, number: int, seconds: float) -> Any:
        if next(turn) == 3:
            raise error
        return collect(self, number, seconds)

    with monkeypatch.context() as trouble:
        trouble.setattr(SenderPool, "collect", broken)
        result = in_time(lambda: bulk("applied"))
    assert (result["failed"], result["failure"]["kind"]) == (True, "outcome_unknown")
    assert f"Change CHG1 was ended by an unexpected {error.__name__}" in result["msg"]
    assert nonzero_counts(result) == {"done": len(sandbox.writes()), "planned": 44 - len(sandbox.writes())}
    assert nonzero_counts(in_time(lambda: bulk("applied"))) == {"done": 44}
    assert set(acted_on(sandbox).values()) == {1}


def test_an_exception_of_the_ledger_loses_no_outcome(
    bulk: Bulk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn, exchange = itertools.count(1), Attempts.record

    def broken(self: Attempts, *sends: Any) -> None:
        if next(turn) == 2:
            raise MemoryError
        exchange(self, *sends)

    with monkeypatch.context() as trouble:
        trouble.setattr(Attempts, "record", broken)
        result = in_time(lambda: bulk("applied"))
    assert nonzero_counts(result) == {"done": len(sandbox.writes()), "planned": 44 - len(sandbox.writes())}
    assert nonzero_counts(in_time(lambda: bulk("applied"))) == {"done": 44}


@pytest.mark.parametrize("engine", ["bulk", "direct"])
def test_no_thread_can_be_started(
    bulk: Bulk, direct: Bulk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    start = threading.Thread.start

    def full(self: threading.Thread) -> None:
        if self.name.startswith(("yateota-sender", "ThreadPool")):
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", full)
    result = in_time(lambda: bulk("applied") if engine == "bulk" else direct())
    assert "was ended by an unexpected RuntimeError" in result["msg"]
    assert not sandbox.writes()
    assert (nonzero_counts(result) if engine == "bulk" else result["summary"]["failed"]) in ({"planned": 44}, 10)


@pytest.mark.parametrize("error", ENDINGS)
def test_an_exception_while_a_list_is_sent_loses_no_result(
    direct: Bulk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    break_post(monkeypatch, error, 3)
    result = in_time(direct)
    assert (result["failed"], result["failure"]["kind"]) == (True, "outcome_unknown")
    assert [entry["outcome"] for entry in result["results"]] == ["acted"] * 2 + ["unknown"] + ["failed"] * 7
    assert f"was ended by an unexpected {error.__name__}" in result["results"][2]["message"]
    assert "came to 2 acted, 7 failed, 1 unknown" in result["msg"]
    assert len(sandbox.writes()) == 3


def test_an_exception_while_an_outcome_is_looked_up_loses_no_result(
    direct: Bulk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.fault(request="action_participant", kind="drop_before", nth=3)
    settle = acting.settle_unknown

    def broken(*given: Any) -> None:
        with monkeypatch.context() as trouble:
            trouble.setattr(acting, "look_up", lambda *_: {}["nowhere"])
            settle(*given)

    monkeypatch.setattr(yateota_participant, "settle_unknown", broken)
    result = direct(state_lookup="always", campaign_id=167)
    assert result["summary"] == {"acted": 9, "unchanged": 0, "refused": 0, "failed": 0, "unknown": 1}


@pytest.mark.parametrize("engine", ["bulk", "direct"])
def test_a_signal_ends_the_pause_that_a_server_asks_for(
    bulk: Bulk, direct: Bulk, sandbox: Sandbox, engine: str
) -> None:
    sandbox.fault(request="action_participant", kind="http_429", seconds=30, nth=3, times=99)
    begun = time.monotonic()

    def end() -> None:
        while len(sandbox.writes()) < 3:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end, daemon=True).start()
    result = bulk("applied", rollout={"concurrency": 1}) if engine == "bulk" else direct()
    assert time.monotonic() - begun < 25
    assert (result["failed"], result["failure"]["kind"]) == (True, "transport")
    assert "stopped by a signal" in result["msg"]
    if engine == "bulk":
        assert nonzero_counts(result) == {"done": 2, "planned": 42}
    else:
        assert result["summary"] == {"acted": 2, "unchanged": 0, "refused": 0, "failed": 8, "unknown": 0}


# --- Refusals of every request ----------------------------------------------------------------------------------------

LOCK = [
    {"code": 403},
    {"code": 403, "message": "Forbidden"},
    {"code": 401, "message": "Unknown request 'action_participant'"},
    {"code": 401, "message": "Unknown node 'ota'"},
    {"code": 401, "message": "Invalid value 'retry' for parameter 'action'"},
    {"code": 404, "message": "Node ota not found"},
    {"code": 999, "message": "The database is read-only"},
]


@pytest.mark.parametrize("refusal", LOCK, ids=str)
def test_a_refusal_of_the_request_itself_stops_the_run_and_is_booked_on_nobody(
    bulk: Bulk, direct: Bulk, sandbox: Sandbox, refusal: dict[str, Any]
) -> None:
    sandbox.fault(request="action_participant", kind="code", nth=5, times=99, **refusal)
    result = bulk("applied", rollout={"concurrency": 1})
    assert (result["failed"], result["failure"]["kind"]) == (True, "api")
    assert result["failure"]["code"] == refusal["code"]
    assert result["msg"].endswith("Nothing more was sent.")
    assert nonzero_counts(result) == {"done": 4, "planned": 40}
    assert result["change"]["sent"] == 4
    assert len(sandbox.writes()) == 5

    listed = direct()
    assert [entry["message"] for entry in listed["results"][1:]] == [
        "not sent: sending had stopped before its turn; msg says why"
    ] * 9
    assert len(sandbox.writes()) == 6

    sandbox.clear_faults()
    assert nonzero_counts(bulk("applied")) == {"done": 44}
    assert set(acted_on(sandbox).values()) == {1}


def test_a_server_that_takes_no_writes(bulk: Bulk, direct: Bulk, sandbox: Sandbox) -> None:
    sandbox.set(refuse_writes=True)
    assert nonzero_counts(bulk("applied")) == {"planned": 44}
    assert direct()["summary"]["failed"] == 10
    assert len(sandbox.writes()) <= 4 + 1
    sandbox.set(refuse_writes=False)
    assert nonzero_counts(bulk("applied")) == {"done": 44}


def test_refusals_alike_from_the_start_are_the_servers(bulk: Bulk, direct: Bulk, sandbox: Sandbox) -> None:
    fault = {"request": "action_participant", "kind": "code", "code": 402, "message": "Missing parameter 'x' (4711)"}
    sandbox.fault(**fault, times=99)
    result = bulk("applied", rollout={"concurrency": 1})
    assert "The server refuses every request alike: action_participant (retry) for" in result["msg"]
    assert (nonzero_counts(result), result["change"]["sent"]) == ({"planned": 44}, 0)
    assert len(sandbox.writes()) == 3
    assert [entry["action"] for entry in direct()["results"]] == ["retry"] * 3 + [None] * 7

    sandbox.clear_faults()
    sandbox.fault(**fault, times=2)
    sandbox.fault(**fault, nth=4, times=5)
    own = bulk("applied", rollout={"concurrency": 1}, abort={"threshold_percentage": 100})
    assert nonzero_counts(own) == {"done": 37, "refused": 7}


def test_refusals_of_two_kinds_that_were_under_way_are_all_taken_back() -> None:
    refusals = Refusals()
    for place, message in enumerate(["Missing parameter 'x'"] * ALIKE_LIMIT + ["Missing parameter 'y'"] * ALIKE_LIMIT):
        error = ApiError("refused", code=402, message=message)
        assert refusals.note_refusal(error, {}, place) == (place % ALIKE_LIMIT == ALIKE_LIMIT - 1)
    assert refusals.taken_back == list(range(2 * ALIKE_LIMIT))


def test_refusals_that_were_under_way_at_the_third_alike_are_taken_back_too() -> None:
    refusals = Refusals()
    error = ApiError("refused", code=401, message="Invalid value")
    noted = [refusals.note_refusal(error, {}, place) for place in range(ALIKE_LIMIT + 2)]
    assert noted == [False] * (ALIKE_LIMIT - 1) + [True] * 3
    assert refusals.taken_back == list(range(ALIKE_LIMIT + 2))


def test_refusals_alike_that_are_the_first_participants_own_hold_up_no_list(bulk: Bulk, sandbox: Sandbox) -> None:
    def applied(resume: bool) -> dict[str, Any]:
        sandbox.clear_faults()
        sandbox.fault(request="action_participant", kind="code", code=402, message="Missing parameter", times=3)
        options: dict[str, Any] = {"rollout": {"concurrency": 1}, "abort": {"threshold_percentage": 100}}
        return bulk("applied", **options, resume_aborted=resume)

    for resume in (True, False):  # nobody can have looked at refusals that are yet to come
        stuck = applied(resume)
        assert nonzero_counts(stuck) == {"planned": 44}
        assert stuck["msg"].endswith("are the reason, set resume_aborted to record it and continue.")
    assert nonzero_counts(applied(True)) == {"done": 41, "refused": 3}
    assert set(acted_on(sandbox).values()) == {1}


NOT_THE_API = [
    {"kind": "redirect", "location": "https://ota.example.net/api.php"},
    {"kind": "html"},
    {"kind": "http_404"},
]
AWAY = [{"kind": kind} for kind in ("timeout_before", "http_500", "http_503", "truncated", "no_result", "drop_before")]


def break_writes(sandbox: Sandbox, fault: dict[str, Any], nth: int = 1) -> None:
    """Have the n-th and all further writes meet this fault."""
    sandbox.clear_faults()
    sandbox.fault(request="action_participant", nth=nth, times=99, **fault)


@pytest.mark.parametrize("fault", NOT_THE_API, ids=str)
@pytest.mark.parametrize("nth", [1, 3])
def test_what_is_not_the_api_gets_one_write_from_the_start_and_three_afterwards(
    bulk: Bulk, direct: Bulk, sandbox: Sandbox, fault: dict[str, Any], nth: int
) -> None:
    done, most = nth - 1, 1 if nth == 1 else ALIKE_LIMIT
    break_writes(sandbox, fault, nth)
    listed = direct()
    not_sent = 10 - done - most
    assert listed["summary"] == {"acted": done, "unchanged": 0, "refused": 0, "failed": not_sent, "unknown": most}
    assert listed["failure"]["kind"] == "outcome_unknown"
    assert "Nothing more was sent, because the next requests would come to the same: find the cause" in listed["msg"]
    assert "api_url" in listed["msg"]

    break_writes(sandbox, fault, nth)
    result = bulk("applied", rollout={"concurrency": 1})
    assert result["failure"]["kind"] == "outcome_unknown"
    counts = nonzero_counts(result)
    # Those of the list are not failed any more.
    assert (counts.get("done", 0), counts["unknown"], counts["planned"]) == (done, most, 44 - done - (done + most))
    assert "Nothing more was sent, because the next requests would come to the same: find the cause" in result["msg"]

    sandbox.clear_faults()
    after = bulk("applied", rollout={"concurrency": 1}, abort={"threshold_percentage": 100})
    assert nonzero_counts(after)["unknown"] == most
    assert "planned" not in nonzero_counts(after)
    assert set(acted_on(sandbox).values()) == {1}


@pytest.mark.parametrize("fault", NOT_THE_API, ids=str)
def test_single_pages_between_answers_stop_nothing(
    bulk: Bulk, direct: Bulk, sandbox: Sandbox, fault: dict[str, Any]
) -> None:
    for nth in (2, 5, 8):  # two in a row each
        sandbox.fault(request="action_participant", nth=nth, times=2, **fault)
    listed = direct()
    assert listed["summary"] == {"acted": 4, "unchanged": 0, "refused": 0, "failed": 0, "unknown": 6}

    sandbox.clear_faults()
    for nth in (2, 5, 8):
        sandbox.fault(request="action_participant", nth=nth, times=2, **fault)
    result = bulk("applied", rollout={"concurrency": 1}, abort={"threshold_percentage": 100})
    assert nonzero_counts(result) == {"done": 44 - 4 - 6, "unknown": 6}
    assert set(acted_on(sandbox).values()) == {1}


def test_a_stop_by_unknown_outcomes_forgets_no_bad_attempts_of_before(bulk: Bulk, sandbox: Sandbox) -> None:
    options: dict[str, Any] = {
        "rollout": {"concurrency": 1},
        "abort": {"minimum_executed": 6, "threshold_percentage": 50},
    }
    sandbox.fault(request="action_participant", kind="code", code=404, message="Participant not found", nth=2, times=2)
    break_after = {"request": "action_participant", "kind": "http_404", "nth": 4, "times": 3}
    sandbox.fault(**break_after)
    first = bulk("applied", **options)
    assert nonzero_counts(first) == {"done": 1, "refused": 2, "unknown": 3, "planned": 38}
    sandbox.clear_faults()
    again = bulk("applied", **options)
    assert (again["change"]["status"], nonzero_counts(again)["planned"]) == ("aborted", 38)
    assert nonzero_counts(bulk("applied", **options, resume_aborted=True))["done"] == 39


def test_a_stop_at_the_start_of_a_later_run_forgets_no_attempts_of_earlier_ones(bulk: Bulk, sandbox: Sandbox) -> None:
    options: dict[str, Any] = {
        "rollout": {"concurrency": 1, "wave_size": 4},
        "abort": {"minimum_executed": 5, "threshold_percentage": 60},
        "max_waves": 1,
    }
    sandbox.fault(request="action_participant", kind="code", code=404, message="Participant not found", nth=2, times=2)
    assert nonzero_counts(bulk("applied", **options)) == {"done": 2, "refused": 2, "planned": 40}
    break_writes(sandbox, {"kind": "http_404"})
    assert nonzero_counts(bulk("applied", **options))["unknown"] == 1
    sandbox.clear_faults()
    again = bulk("applied", **options)
    assert (again["change"]["status"], nonzero_counts(again)["planned"]) == ("aborted", 39)


@pytest.mark.parametrize("fault", AWAY, ids=str)
@pytest.mark.parametrize("concurrency", [1, 3])
def test_outcomes_that_are_all_unknown_from_the_start_stop_the_run(
    bulk: Bulk, direct: Bulk, sandbox: Sandbox, fault: dict[str, Any], concurrency: int
) -> None:
    most = ALIKE_LIMIT + concurrency  # those under way
    break_writes(sandbox, fault)
    listed = direct(concurrency=concurrency)
    assert ALIKE_LIMIT <= listed["summary"]["unknown"] <= most
    assert listed["summary"]["unknown"] + listed["summary"]["failed"] == 10
    assert "The outcome of each request is unknown, for one reason: action_participant (retry) for" in listed["msg"]

    result = bulk("applied", rollout={"concurrency": concurrency})
    counts = nonzero_counts(result)
    assert ALIKE_LIMIT <= counts["unknown"] <= most
    assert counts == {"unknown": counts["unknown"], "planned": 44 - counts["unknown"]}
    assert result["failure"]["kind"] == "outcome_unknown"
    assert "The outcome of each request is unknown, for one reason: action_participant (retry) for" in result["msg"]

    sandbox.clear_faults()
    after = nonzero_counts(bulk("applied"))
    assert after == {"done": 44 - counts["unknown"], "unknown": counts["unknown"]}


@pytest.mark.parametrize("fault", AWAY, ids=str)
def test_unknown_outcomes_after_one_that_was_carried_out_stop_nothing(
    bulk: Bulk, direct: Bulk, sandbox: Sandbox, fault: dict[str, Any]
) -> None:
    break_writes(sandbox, fault, nth=2)
    assert direct()["summary"] == {"acted": 1, "unchanged": 0, "refused": 0, "failed": 0, "unknown": 9}
    break_writes(sandbox, fault, nth=2)
    result = bulk("applied", rollout={"concurrency": 1}, abort={"threshold_percentage": 100})
    assert nonzero_counts(result) == {"done": 1, "unknown": 42}


def test_two_unknown_outcomes_alike_and_one_of_another_kind_stop_nothing(
    bulk: Bulk, sandbox: Sandbox, direct: Bulk
) -> None:
    for nth, kind in ((1, "timeout_before"), (3, "http_500"), (4, "timeout_before"), (6, "truncated")):
        sandbox.fault(request="action_participant", kind=kind, nth=nth, times=2 if kind == "timeout_before" else 1)
    assert direct()["summary"]["unknown"] == 6
    assert direct()["summary"]["failed"] == 0


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (403, "", About.REQUEST),
        (403, "the card is locked", About.UNCLEAR),
        (403, "locked: 001010000000012", About.UNCLEAR),
        (401, "Can't retry participant 195: it is finished", About.PARTICIPANT),
        (401, "Messages that have status failed can not be hurried", About.PARTICIPANT),
        (401, "Invalid value '001010000000113' for parameter 'imsi'", About.PARTICIPANT),
        (401, "Request 'action_participant' is not supported", About.REQUEST),
        (401, "Invalid value", About.UNCLEAR),
        (402, "Missing parameter 'participant_id'", About.UNCLEAR),
        (404, "", About.PARTICIPANT),
        (404, "Participant not found", About.PARTICIPANT),
        (7, "", About.UNCLEAR),
        (7, "195 is gone", About.PARTICIPANT),
        (7, "1195 is gone", About.UNCLEAR),
    ],
)
def test_what_a_refusal_is_about(code: int, message: str, expected: About) -> None:
    assert about(code, message, {"participant_id": 195, "imsi": "001010000000113", "action": "retry"}) is expected


# --- The window and the lease -----------------------------------------------------------------------------------------


def test_the_window_is_asked_before_each_try(bulk: Bulk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.fault(request="action_participant", kind="http_429", seconds=1, nth=4, times=99)
    monkeypatch.setattr(RolloutOptions, "is_open", lambda *_: len(sandbox.writes()) < 4)
    result = bulk("applied", rollout={"concurrency": 1})
    assert (result["change"]["status"], result.get("failed")) == ("window_closed", None)
    assert nonzero_counts(result) == {"done": 3, "planned": 41}
    assert len(sandbox.writes()) == 4


@pytest.mark.parametrize(("timeout", "lease", "least"), [(10, 59, "60"), (20, 60, "120"), (0.5, 2.9, "3")])
def test_a_lease_that_a_request_could_outlast_is_refused(
    bulk: Bulk, sandbox: Sandbox, timeout: float, lease: float, least: str
) -> None:
    result = bulk("planned", timeout=timeout, lease_seconds=lease)
    assert (result["failed"], result["failure"]["kind"]) == (True, "invalid_input")
    assert f"lease_seconds must be {least} or more with timeout {timeout:g}, got {lease:g}" in result["msg"]
    assert sandbox.journal() == []
    assert bulk("planned", timeout=timeout, lease_seconds=float(least))["changed"]
