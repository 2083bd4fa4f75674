# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit chain: what a run does fits it, and what anybody else does to the database is named by its wave."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from ansible_collections.simops.yateota.plugins.module_utils._ledger import purging
from ansible_collections.simops.yateota.plugins.module_utils._ledger.audit import audit
from ansible_collections.simops.yateota.plugins.module_utils._ledger.chain_entries import (
    PRIVATE,
    RUN_FACTS,
    START,
    LinkDigest,
    entries,
    planned_rows,
    salted,
)
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import Change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import Ledger, open_read_only
from ansible_collections.simops.yateota.plugins.module_utils._ledger.tables import all_tables, participants
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk_info
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask, StartSandbox

from yateota_sandbox import Sandbox

pytestmark = pytest.mark.any_database

SELECTION = {"campaign_id": 167}
LEFT_OUT = 35  # of 80: those that have not failed
WAVES = {"canary": 4, "wave_size": 30, "concurrency": 1}
PLAN, CANARY, SECOND, THIRD, RESENT = range(5)
INTACT = {"status": "intact", "wave": None, "unlinked": 0, "problem": None}
NOT_COVERED = {
    "yateota_participants": {
        # The server's states as last read change after the change has ended.
        *("state_now", "read_at", "reading", "moved_at", "found"),
        # When a next attempt is due. What was sent is in the attempts' own rows.
        *("attempt", "due_at", "exhausted_at"),
    },
    "yateota_earlier_sends": set(),
    "yateota_waves": {"last_place"},  # participants of other waves may be before it
    "yateota_runs": {"number", "change", "finished", "outcome"},
    "yateota_links": set(),
    "yateota_changes": {
        *("number", "status", "approved_by", "created", "started", "finished", "reading", "read_at", "judged_from"),
        *("lease_token", "lease_holder", "lease_place", "lease_pid", "lease_expires", "lease_boot", "lease_ends"),
        *("compacted_at", "stage"),
        *("held_at", "held_by", "held_reason", "released_at", "released_by", "stopped_at", "stopped_by", "stop_reason"),
        *("executed", "bad", "is_sending", "aborted_at", "abort_reason", "recorded_at", "none_waiting_before"),
    },
}
"""The columns that the chain leaves out; what it covers is all the rest, those of coming releases too."""


class Database:
    """A ledger's database, for whoever has its password."""

    def __init__(self, where: str) -> None:
        self.where = where
        url = where if "://" in where else f"sqlite:///{where}"
        self._engine = sa.create_engine(url, poolclass=sa.NullPool)

    def run(self, statement: str) -> int:
        """Execute a statement; return how many rows it has changed."""
        with self._engine.begin() as connection:
            return int(connection.exec_driver_sql(statement).rowcount)

    def connect(self) -> sa.Connection:
        return self._engine.connect()

    @contextlib.contextmanager
    def altered(self, *statements: Any) -> Iterator[dict[str, Any]]:
        """Alter it, and yield what an audit finds; it is as before afterwards."""
        before = self.rows()
        with self._engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement) if isinstance(statement, str) else statement)
        yield self.audited()
        with self._engine.begin() as connection:
            for table in reversed(all_tables()):
                connection.execute(table.delete())
            for table in all_tables():
                if before[table.name]:
                    connection.execute(table.insert(), before[table.name])

    def head(self) -> Any:
        """Return the digest of the last link."""
        return self.rows()["yateota_links"][-1]["digest"]

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return all rows of all tables."""
        with self._engine.connect() as connection:
            return {
                table.name: [
                    dict(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()
                ]
                for table in all_tables()
            }

    def audited(self, head: str | None = None) -> dict[str, Any]:
        """Audit the change."""
        return audit(Change(self._ledger, 1), head)

    @functools.cached_property
    def _ledger(self) -> Ledger:
        ledger = open_read_only(self.where, None)
        assert ledger
        return ledger

    def close(self) -> None:
        if "_ledger" in self.__dict__:
            self._ledger.close()


@pytest.fixture
def database(ledger: str) -> Iterator[Database]:
    with contextlib.closing(Database(ledger)) as found:
        yield found


@pytest.fixture
def info(run_task: RunTask, ledger: str) -> Callable[..., dict[str, Any]]:
    """Run the info module."""

    def run(**options: Any) -> dict[str, Any]:
        return run_task(yateota_bulk_info, "http://127.0.0.1:9/api.php", ledger=ledger, change_id="CHG1", **options)

    return run


@pytest.fixture
def applied(bulk: Bulk, database: Database, sandbox: Sandbox) -> Database:
    """A change of a canary and two waves, approved; one was refused, and one sent again, whose outcome was unknown."""
    limits: dict[str, Any] = {"rollout": WAVES, "abort": {"minimum_executed": 1000}}
    bulk("planned", requested_by="alice", require_approval=True, selection=SELECTION, **limits)
    bulk("approved", approved_by="bob", job_id="72", action=None, selection=None)
    sandbox.fault(request="action_participant", nth=6, kind="drop_after")
    sandbox.fault(request="action_participant", nth=8, kind="drop_before")
    sandbox.fault(request="action_participant", nth=9, kind="code", code=404, message="SIM 17 is gone")
    bulk("applied", selection=None, **limits)
    counts = bulk("applied", selection=None, **limits, unknown="resend")["change"]["counts"]
    assert (counts["done"], counts["refused"] + counts["skipped"]) == (44, 1 + LEFT_OUT)
    # The plan, its approval, three waves, a settled outcome, and the wave of the one that was sent again.
    assert database.audited() == {**INTACT, "head": database.head(), "links": 7}
    return database


# --- What a run does fits ---------------------------------------------------------------------------------------------


def test_the_result_has_the_head_and_the_info_module_checks_it(
    bulk: Bulk, info: Callable[..., dict[str, Any]], database: Database
) -> None:
    planned = bulk("planned")["change"]["audit"]
    assert (planned["status"], planned["links"], len(planned["head"])) == ("unchecked", 1, 64)
    assert info()["change"]["audit"] == planned
    applied = bulk("applied", rollout=WAVES)["change"]["audit"]
    assert (applied["links"], applied["head"]) == (4, database.head())
    assert info(audit=True)["change"]["audit"] == {**INTACT, "links": 4, "head": applied["head"]}
    for head in (planned["head"], applied["head"][:12].upper()):
        assert not info(audit_head=head).get("failed")
    assert bulk("applied")["change"]["audit"] == applied


def test_a_change_that_is_held_resumed_and_settled_fits(bulk: Bulk, database: Database, sandbox: Sandbox) -> None:
    bulk("planned", selection=SELECTION)
    for nth, kind in ((3, "drop_after"), (17, "drop_before"), (18, "http_502")):
        sandbox.fault(request="action_participant", nth=nth, kind=kind)
    run: dict[str, Any] = {"selection": None, "rollout": WAVES, "resume_aborted": True}
    bulk("applied", **run, max_waves=1)
    assert database.audited()["status"] == "intact"
    bulk("held", action=None, selection=None, reason="look")
    assert bulk("applied", **run)["failure"]["kind"] == "held"
    bulk("released", action=None, selection=None)
    bulk("applied", **run, max_waves=1, abort={"threshold_percentage": 1, "minimum_executed": 1})
    assert database.audited()["status"] == "intact"
    bulk("applied", **run, unknown="resend")
    bulk("applied", **run, unknown="resend")
    bulk("verified", action=None, selection=None)
    checked = database.audited()
    assert (checked["status"], checked["unlinked"]) == ("intact", 0)


def test_a_refusal_that_is_taken_back_from_an_ended_wave_fits_and_its_participant_is_sent_for(
    bulk: Bulk, database: Database, sandbox: Sandbox
) -> None:
    sandbox.fault(request="action_participant", kind="code", code=402, message="Missing parameter 'x'", times=3)
    stopped = bulk("applied", rollout={"canary": 1, "wave_size": 10, "concurrency": 1}, abort={"minimum_executed": 50})
    assert stopped["change"]["counts"]["planned"] == 44
    assert database.audited()["status"] == "intact"
    done = bulk("applied", rollout={"wave_size": 10})["change"]
    assert (done["counts"]["done"], done["status"]) == (44, "applied")
    assert database.audited()["status"] == "intact"


def test_a_plan_that_is_made_again_begins_a_new_chain(bulk: Bulk, database: Database) -> None:
    first = bulk("planned", selection=SELECTION)["change"]["audit"]["head"]
    second = bulk("planned", replan=True)["change"]["audit"]
    assert (second["links"], second["head"] == first) == (1, False)
    assert database.audited() == {**INTACT, "links": 1, "head": second["head"]}
    bulk("applied", rollout=WAVES, max_waves=1)
    bulk("planned", replan=True, rollout={"wave_size": 7})
    assert database.audited() == {**INTACT, "links": 3, "head": database.head()}


def test_attempts_of_a_killed_run_fit_however_they_are_settled(bulk: Bulk, database: Database) -> None:
    bulk("applied", rollout={**WAVES, "canary": 1}, max_waves=1)
    # As a run leaves them that is killed after it has marked them, before the first of their requests is sent.
    database.run(
        "UPDATE yateota_participants SET state = 'sending', run = 1, wave = 1, state_before = 'failed', sent_at = 1 + "
        "(SELECT max(sent_at) FROM yateota_participants) WHERE seq IN (5, 6)"
    )
    database.run("UPDATE yateota_waves SET last_place = 6")
    database.run("UPDATE yateota_runs SET finished = NULL")
    bulk("applied", rollout=WAVES, max_waves=1, unknown="report", abort={"minimum_executed": 1000})
    checked = database.audited()
    assert (checked["status"], checked["unlinked"]) == ("intact", 0)
    bulk("applied", rollout=WAVES, unknown="resend", abort={"minimum_executed": 1000})
    checked = database.audited()
    assert (checked["status"], checked["unlinked"]) == ("intact", 0)
    assert len(database.rows()["yateota_earlier_sends"]) == 2


def test_each_server_of_a_change_has_a_chain_and_one_approval_is_in_all(
    run_task: RunTask, start_sandbox: StartSandbox, bulk: Bulk, database: Database
) -> None:
    def info(**options: Any) -> dict[str, Any]:
        return run_task(yateota_bulk_info, "", ledger=database.where, change_id="CHG1", **options)

    boxes = [start_sandbox() for _each in range(2)]
    for box in boxes:
        bulk("planned", box, requested_by="alice", require_approval=True)
    heads = [shard["head"] for shard in info(audit=True)["change"]["audit"]["shards"]]
    approved = bulk("approved", boxes[0], approved_by="bob", confirm_count=88, action=None, selection=None)
    assert approved["changed"], approved
    assert info(audit=True)["change"]["audit"]["status"] == "intact"
    for box in boxes:
        assert bulk("applied", box, selection=None)["change"]["counts"]["done"] == 44
    whole = info(audit_head=heads[1])["change"]["audit"]
    assert (whole["status"], whole["head"], whole["unlinked"]) == ("intact", None, 0)
    assert len({shard["head"] for shard in whole["shards"]} - set(heads)) == 2
    database.run("UPDATE yateota_changes SET approved_at = approved_at - 1 WHERE number = 2")
    failed = info(audit=True)
    assert failed["failure"]["kind"] == "altered"
    assert ": approved_at of the change is not what was recorded" in failed["msg"]


def test_rows_of_a_killed_run_are_told_apart(applied: Database) -> None:
    """No run explains rows behind the last link, unless one is under way or was killed."""
    move = "UPDATE yateota_participants SET link = 6 WHERE wave = 4"
    killed = "UPDATE yateota_runs SET finished = NULL WHERE number = (SELECT max(number) FROM yateota_runs)"
    unlink = "DELETE FROM yateota_links WHERE link = 6"
    unended = "UPDATE yateota_waves SET finished = NULL WHERE wave = 4"
    with applied.altered(unlink, unended, move, killed) as found:
        assert (found["status"], found["unlinked"], found["links"]) == ("intact", 1, 6)
    with applied.altered(unlink, unended, move) as found:
        assert (found["status"], found["problem"]) == (
            "altered",
            "1 rows were written after the last link, and no run explains them",
        )


# --- What anybody else does is named ----------------------------------------------------------------------------------


def changed(value: Any, kind: sa.types.TypeEngine[Any]) -> Any:
    """Return another value of a column, as near as possible."""
    if isinstance(kind, sa.JSON):
        return {"other": True} if value is None else [value]
    if isinstance(kind, sa.Boolean):
        return not value
    if isinstance(kind, sa.Integer):
        return 1 if value is None else value + 1000
    if isinstance(kind, sa.Double):
        return 1.0 if value is None else value + 0.001
    return "x" if value is None else value[:-1] + ("x" if value[-1] != "x" else "y")


def covered() -> list[tuple[str, str]]:
    """Return each table's columns that the chain covers."""
    return [
        (table.name, column.name)
        for table in all_tables()
        if table.name in NOT_COVERED
        for column in table.columns
        if column.name not in NOT_COVERED[table.name] and column.name != "change"
    ]


def alter_each(database: Database, table: sa.Table, name: str) -> dict[str, set[Any]]:
    """Change a column in each sort of row, one row at a time; return the waves found altered, and the state missed."""
    found: dict[str, set[Any]] = {"waves": set(), "missed": set()}
    rows = database.rows()[table.name]
    if table.name == "yateota_runs":  # of runs that made an attempt or wrote a link, not of one that purged the change
        writers = {link["run"] for link in database.rows()["yateota_links"]}
        rows = [row for row in rows if row["number"] in writers]
    sorts = {(row.get("wave"), row.get("state"), row.get("facts") is None): row for row in rows}
    for row in sorts.values():
        if table.name == "yateota_changes" and row["change_id"] != "CHG1":
            continue
        which = [column == row[column.name] for column in table.primary_key]
        column = table.columns[name]
        with database.altered(table.update().where(*which).values({name: changed(row[name], column.type)})) as checked:
            if checked["status"] == "altered":
                found["waves"].add((row.get("wave") or 0, checked["wave"]))
            else:
                found["missed"].add((row.get("wave"), row.get("state")))
    return found


OF_THE_PLAN = {
    *("seq", "name", "campaign_id", "participant_id", "iccid", "imsi", "msisdn", "state_planned", "identity_digest")
}


@pytest.mark.parametrize("purges", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["whole", "purged"])
def test_each_column_that_the_chain_covers_is_checked(applied: Database, bulk: Bulk, purges: bool) -> None:
    if purges:
        bulk("purged", action=None, selection=None)
        assert applied.audited()["status"] == "intact"
    tables = {table.name: table for table in all_tables()}
    for table_name, name in covered():
        found = alter_each(applied, tables[table_name], name)
        assert not found["missed"], (table_name, name)
        if table_name == "yateota_participants":
            named = {(wave, PLAN if name in OF_THE_PLAN else wave) for wave in range(RESENT + 1)}
            if name == "settled":  # it says then that link 1 has a settlement, which is the approval's
                named |= {(wave, PLAN) for wave in range(RESENT + 1)}
            assert found["waves"] <= named, (table_name, name)


@pytest.mark.slow
def test_columns_that_the_chain_leaves_out_may_change(applied: Database) -> None:
    tables = {table.name: table for table in all_tables()}
    for table_name, names in NOT_COVERED.items():
        for name in names - {"number", "change"}:
            assert alter_each(applied, tables[table_name], name)["waves"] == set(), (table_name, name)


ALTERATIONS: list[tuple[list[str], int]] = [
    (["DELETE FROM yateota_participants WHERE seq = {second}"], PLAN),
    (["DELETE FROM yateota_earlier_sends"], SECOND),
    (["DELETE FROM yateota_links WHERE link = 3"], SECOND),
    (["DELETE FROM yateota_links WHERE link = 6"], RESENT),
    (["DELETE FROM yateota_links"], PLAN),
    (["DELETE FROM yateota_waves WHERE wave = 2"], SECOND),
    (
        [
            "INSERT INTO yateota_participants (change, seq, name, state, found, attempt) "
            "VALUES (1, 999, '//1/9', 'planned', 1, 0)"
        ],
        PLAN,
    ),
    (
        [
            "INSERT INTO yateota_earlier_sends (change, seq, sent_at, outcome, wave, link) "
            "VALUES (1, {second}, 1.5, 'done', 2, 3)"
        ],
        SECOND,
    ),
    (
        [
            "INSERT INTO yateota_earlier_sends (change, seq, sent_at, outcome, wave) "
            "VALUES (1, {second}, 1.5, 'done', 3)"
        ],
        THIRD,
    ),
    (
        [
            "UPDATE yateota_participants SET seq = 998 WHERE seq = {second}",
            "UPDATE yateota_participants SET seq = {second} WHERE seq = {third}",
            "UPDATE yateota_participants SET seq = {third} WHERE seq = 998",
        ],
        PLAN,
    ),
    # The answers of two attempts, of which one was refused.
    (
        [
            "UPDATE yateota_participants SET state = 'done', code = 0, message = NULL WHERE code = 404",
            "UPDATE yateota_participants SET state = 'refused', code = 404, message = 'SIM 17 is gone' "
            "WHERE seq = {third}",
        ],
        SECOND,
    ),
    (["UPDATE yateota_participants SET state = 'planned' WHERE seq = {third}"], THIRD),
    (["UPDATE yateota_participants SET state = 'planned', link = NULL WHERE seq = {third}"], THIRD),
    (["UPDATE yateota_participants SET state = 'planned' WHERE seq = {out}"], PLAN),
    (["UPDATE yateota_participants SET state = 'planned', link = NULL, reason = NULL WHERE seq = {out}"], PLAN),
    (["UPDATE yateota_participants SET link = 7 WHERE seq = {third}"], THIRD),
]


def test_what_was_deleted_added_or_swapped_is_named_by_its_wave(applied: Database) -> None:
    rows = applied.rows()["yateota_participants"]
    places = {
        "second": next(row["seq"] for row in rows if (row["wave"], row["state"], row["settled"]) == (2, "done", None)),
        "third": next(row["seq"] for row in rows if row["wave"] == THIRD),
        "out": next(row["seq"] for row in rows if row["link"] == 0),
    }
    for statements, wave in ALTERATIONS:
        with applied.altered(*(statement.format(**places) for statement in statements)) as found:
            assert (found["status"], found["wave"]) == ("altered", wave), statements


def test_an_altered_change_fails_the_info_module_which_still_writes_the_report(
    applied: Database, info: Callable[..., dict[str, Any]], tmp_path: Any
) -> None:
    report = tmp_path / "report.html"
    applied.run("UPDATE yateota_participants SET code = 1 WHERE wave = 2 AND state = 'done'")
    assert not info().get("failed")
    failed = info(audit=True, report_dest=str(report), format="html")
    assert (failed["failed"], failed["failure"]["kind"]) == (True, "altered")
    assert "The record of change CHG1 was altered in the ledger: wave 2: link 3 does not fit its rows." in failed["msg"]
    assert failed["change"]["audit"]["wave"] == SECOND
    page = report.read_text()
    assert failed["change"]["audit"]["head"] in page
    assert "wave 2: link 3 does not fit its rows" in page


def test_a_head_that_is_no_head_is_refused(info: Callable[..., dict[str, Any]]) -> None:
    for wrong in ("7d3f", "not a digest at all", "g" * 12):
        said = info(audit_head=wrong)["msg"]
        assert "audit_head must be the head of an audit chain, or 12 or more characters of its beginning" in said
        assert f"got '{wrong}'" in said


def test_a_chain_that_is_computed_again_fits_but_lacks_the_head_that_was_noted(applied: Database) -> None:
    """It proves nothing against who owns the database, unless its head was noted elsewhere."""
    noted = applied.head()
    applied.run("UPDATE yateota_participants SET state = 'done', code = 0, message = NULL WHERE code = 404")
    forge(applied)
    assert applied.audited()["status"] == "intact"
    for head in (noted, noted[:12]):
        checked = applied.audited(head)
        assert (checked["status"], checked["wave"]) == ("altered", None)
        assert f"the chain has no link {head}" in checked["problem"]


def forge(database: Database) -> None:
    """Compute every link again, as somebody does who knows the code and owns the database."""
    rows = database.rows()
    salt = rows["yateota_changes"][0]["salt"]
    started = {wave["wave"]: wave for wave in rows["yateota_waves"]}
    known = {run["number"]: tuple(run[name] for name in RUN_FACTS) for run in rows["yateota_runs"]}
    previous = START
    for link in rows["yateota_links"]:
        wave = started.get(link["wave"], {})
        ended = (wave["finished"], wave["success_percentage"]) if link["ends_wave"] else None
        digest = LinkDigest(previous, link, wave.get("started"), ended, salt)
        with database.connect() as connection:
            if link["link"] == 0:
                digest.add_plan(connection.execute(planned_rows(1)))
            digest.add(row for row in connection.execute(entries(1)) if row.link == link["link"])
        previous = digest.end(known)
        database.run(f"UPDATE yateota_links SET digest = '{previous}' WHERE link = {link['link']}")  # noqa: S608


# --- Before sending, and after the purge ------------------------------------------------------------------------------


def test_one_that_the_plan_left_out_or_that_was_sent_for_is_not_sent_for_although_it_is_planned_in_the_database(
    bulk: Bulk, database: Database, sandbox: Sandbox
) -> None:
    bulk("planned", selection=SELECTION)
    for which in ("link = 0", "wave = 1"):
        bulk("applied", selection=None, rollout=WAVES, max_waves=1)
        sent = len(sandbox.writes())
        before = database.rows()["yateota_participants"]
        database.run(f"UPDATE yateota_participants SET state = 'planned', wave = NULL WHERE {which}")  # noqa: S608
        refused = bulk("applied", selection=None, rollout=WAVES)
        assert refused["failure"]["kind"] == "altered"
        assert "are planned again in the ledger" in refused["msg"]
        assert len(sandbox.writes()) == sent
        with database.connect() as connection:
            connection.execute(participants.delete())
            connection.execute(participants.insert(), before)
            connection.commit()
    assert bulk("applied", selection=None, rollout=WAVES)["change"]["counts"]["done"] == 45


def test_an_approval_binds_what_the_plan_left_out(bulk: Bulk, database: Database, sandbox: Sandbox) -> None:
    bulk("planned", selection=SELECTION, require_approval=True, requested_by="alice")
    bulk("approved", approved_by="bob", action=None, selection=None)
    database.run("UPDATE yateota_participants SET state = 'planned', link = NULL, reason = NULL WHERE link = 0")
    refused = bulk("applied", selection=None, rollout=WAVES)
    assert "The approval of change CHG1 is void" in refused["msg"]
    assert not sandbox.writes()


def test_the_purge_keeps_the_chain_and_no_means_to_find_an_identifier(
    bulk: Bulk, applied: Database, info: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "_EMPTIED", 79)  # the last of the 80 is in a statement of its own
    before, head = applied.rows(), applied.head()
    bulk("purged", action=None, selection=None)
    assert info(audit=True, audit_head=head)["change"]["audit"] == {**INTACT, "links": 7, "head": head}
    after = applied.rows()
    (change,) = after["yateota_changes"]
    assert change["salt"] is None
    digests = {row["identity_digest"] for row in after["yateota_participants"]}
    assert len(digests) == 80
    (failed,) = (row for row in after["yateota_participants"] if row["code"] == 404)
    assert (failed["message"], len(failed["message_digest"])) == (None, 64)
    kept = str(after)
    for row in before["yateota_participants"]:
        assert row["iccid"] not in kept
        # All that is public: who knows the identifiers still cannot recognize them.
        private = [row[name] for name in PRIVATE]
        assert not {salted("", private), salted("None", private)} & digests
    assert "SIM 17 is gone" not in kept
