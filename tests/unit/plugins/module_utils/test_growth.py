# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run keeps of its change is that of the rows, and no wave looks at all of them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from ansible_collections.simops.yateota.plugins.module_utils._ledger import sqlite
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import Change, find_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_ledger, open_read_only
from ansible_collections.simops.yateota.plugins.module_utils._ledger.json_lines import line, lines
from ansible_collections.simops.yateota.plugins.module_utils._ledger.summary import Summary
from ansible_collections.simops.yateota.plugins.module_utils._ledger.tables import participants
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk

from yateota_sandbox import Sandbox

StartSandbox = Callable[..., Sandbox]


def by_hand(connection: sa.Connection, number: int) -> Counter[str]:
    """Count a change's participants in each row state, without the code that is tested."""
    rows = connection.execute(sa.select(participants.c.state).where(participants.c.change == number))
    return Counter(rows.scalars())


@pytest.fixture
def summaries(monkeypatch: pytest.MonkeyPatch) -> list[Summary]:
    """Compare each summary that a run is given with the rows, in all tasks of a test; give the summaries."""
    given: list[Summary] = []
    summary = Change.summary

    def compared(self: Change) -> Summary:
        found = summary(self)
        given.append(found)
        assert found == Change(self.ledger, self.number)._read_summary()
        with self.ledger.read() as connection:
            counted = by_hand(connection, self.number)
        assert Counter(found.counts) == counted
        assert sum(found.states.values()) == counted["done"]
        return found

    monkeypatch.setattr(Change, "summary", compared)
    return given


def test_what_a_run_keeps_is_that_of_the_rows_after_every_kind_of_step(
    bulk: Bulk, sandbox: Sandbox, start_sandbox: StartSandbox, summaries: list[Summary]
) -> None:
    for nth, kind in ((3, "drop_after"), (17, "drop_before"), (18, "http_502"), (30, "drop_after")):
        sandbox.fault(request="action_participant", nth=nth, kind=kind)
    run: dict[str, Any] = {"selection": None, "rollout": {"canary": 5, "wave_size": 20, "concurrency": 1}}
    lenient: dict[str, Any] = {**run, "resume_aborted": True, "abort": {"minimum_executed": 1000}}
    counts: list[dict[str, int]] = []

    def step(state: str, **options: Any) -> None:
        counts.append(bulk(state, **options)["change"]["counts"])

    step("planned")
    step("applied", **run, max_waves=1, abort={"threshold_percentage": 1, "minimum_executed": 1})
    step("applied", **lenient, max_waves=1)
    step("applied", **lenient, unknown="resend")
    step("applied", **lenient, unknown="resend")
    step("verified", action=None, selection=None)
    step("applied", action=None, selection=None, attempts={"maximum": 3, "interval": 0.001})
    step("purged", action=None, selection=None)
    assert {sum(each.values()) for each in counts} == {44}
    assert counts[-1]["done"] == 44
    other = start_sandbox()  # a shard has its own
    bulk("planned", other)
    assert bulk("applied", other, **run)["change"]["counts"]["done"] == 44
    assert len(summaries) > 20


def test_states_that_no_documentation_knows_are_counted_by_their_names(bulk: Bulk, ledger: str) -> None:
    bulk("applied")
    bulk("verified")
    with contextlib.closing(open_ledger(ledger, None)) as opened:
        with opened.write() as connection:
            odd = sa.case((participants.c.seq < 3, "asleep"), (participants.c.seq == 3, "out_of_range"))
            connection.execute(participants.update().where(participants.c.seq <= 3).values(state_now=odd))
        change = find_change(opened, "CHG1")
        assert change
        states = change.summary().states
    assert (states["asleep"], states["out_of_range"], sum(states.values())) == (3, 1, 44)


# --- No wave looks at the whole change --------------------------------------------------------------------------------


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Count what SQLite has computed, in thousands of its instructions: a measure that no other program disturbs."""
    done = 0
    connect = sqlite._connect

    def connected(*given: Any, **options: Any) -> sqlite3.Connection:
        def note() -> None:
            nonlocal done
            done += 1

        connection = connect(*given, **options)
        connection.set_progress_handler(note, 1000)
        return connection

    monkeypatch.setattr(sqlite, "_connect", connected)
    return lambda: done


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_a_wave_takes_less_than_one_look_at_all_participants(
    bulk: Bulk, start_sandbox: StartSandbox, ledger: str, computed: Callable[[], int]
) -> None:
    size = 5000
    sims = {"count": size, "imsi": "001010000000001", "iccid": "893101000000000001", "msisdn": "882990000001"}
    fields = {"campaign_id": 167, "name": "Many", "type": "RFM", "state": "started", "first_participant": 1000}
    box = start_sandbox(scenario={"sims": [sims], "campaigns": [{**fields, "initial": {"failed": size}}]})
    bulk("planned", box)
    taken = []
    for waves in (1, 11):
        begun = computed()
        result = bulk("applied", box, rollout={"wave_size": 5}, max_waves=waves, recheck_after=1e6)
        assert result["change"]["sent"] == 5 * waves
        taken.append(computed() - begun)
    opened = open_read_only(ledger, None)
    assert opened
    with contextlib.closing(opened), opened.read() as connection:
        begun = computed()
        connection.execute(sa.select(sa.func.count(participants.c.message))).scalar()
        look = computed() - begun
    assert look > 10
    assert taken[1] - taken[0] < 10 * look


@pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)
def test_postgresql_knows_a_large_plan_at_once(bulk: Bulk, start_sandbox: StartSandbox, ledger: str) -> None:
    """Without statistics, it compares each block of a reading with the whole change."""
    size = 2000
    sims = {"count": size, "imsi": "001010000000001", "iccid": "893101000000000001", "msisdn": "882990000001"}
    fields = {"campaign_id": 167, "name": "Many", "type": "RFM", "state": "started", "first_participant": 1000}
    bulk("planned", start_sandbox(scenario={"sims": [sims], "campaigns": [{**fields, "initial": {"failed": size}}]}))
    opened = open_read_only(ledger, None)
    assert opened
    with contextlib.closing(opened), opened.read() as connection:
        known = sa.text("SELECT reltuples FROM pg_class WHERE oid = CAST('yateota_participants' AS regclass)")
        assert connection.execute(known).scalar() == size


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_one_that_another_program_plans_again_before_the_next_wave_is_not_lost(
    bulk: Bulk, ledger: str, sandbox: Sandbox
) -> None:
    bulk("applied", rollout={"wave_size": 30}, max_waves=1)
    with contextlib.closing(sqlite3.connect(ledger)) as connection, connection:
        connection.execute("UPDATE yateota_participants SET state = 'planned', wave = NULL, link = NULL WHERE seq = 3")
    result = bulk("applied", rollout={"wave_size": 30})
    assert (result["change"]["status"], result["remaining"]) == ("applied", 0)
    assert [wave["size"] for wave in result["change"]["waves"]] == [29, 14, 1]


# --- Digests are those of release after release -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "rows",
    [
        [[1, "name", None, -5, 1.5]],
        [[1, "],["], [2, "a"]],
        [["]", "["], ["],[", None]],
        [(1, 'quoted " and \\ and "],["'), (2, "é\n")],
        [[], []],
        [],
    ],
)
def test_rows_that_are_encoded_together_are_as_each_by_itself(rows: list[Any]) -> None:
    assert lines(rows) == [line(row) for row in rows]
