# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ledgers that release 1.0.0 made, upgraded in place and read as they are.

`ledgers/` holds what that release's own code recorded on each database: ten changes on the small scenario, each named
by how far it had come. KILLED was ended by SIGKILL between the first and the second answer.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError
from ansible_collections.simops.yateota.plugins.module_utils._ledger import migrations
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import find_change, find_or_create_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_ledger, open_read_only
from ansible_collections.simops.yateota.plugins.module_utils._ledger.tables import SCHEMA_VERSION, all_tables
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk_info
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask

from yateota_sandbox import Sandbox

from .conftest import SERVER, Bulk

LEDGERS = Path(__file__).parent / "ledgers"
CHANGES = ("PLANNED", "WAVES", "KILLED", "ABORTED", "WINDOW", "UNKNOWN", "RESENT", "APPLIED", "VERIFIED", "PURGED")
"""As they were recorded."""


def engine_of(where: str) -> sa.Engine:
    return sa.create_engine(where if "://" in where else f"sqlite:///{where}", poolclass=sa.NullPool)


def content(where: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, in order."""
    found = {}
    with contextlib.closing(engine_of(where).connect()) as connection:
        for name in sorted(sa.inspect(connection).get_table_names()):
            rows = [dict(row) for row in connection.execute(sa.text(f"SELECT * FROM {name}")).mappings()]  # noqa: S608
            found[name] = sorted(rows, key=str)
    return found


def schema(where: str) -> dict[str, Any]:
    """What the database knows of each table, apart from the order of columns."""
    found = {}
    with contextlib.closing(engine_of(where).connect()) as connection:
        inspector = sa.inspect(connection)
        for name in inspector.get_table_names():
            columns = {
                column["name"]: (str(column["type"]), column["nullable"], column.get("default"), column.get("identity"))
                for column in inspector.get_columns(name)
            }
            unique = {tuple(each["column_names"]) for each in inspector.get_unique_constraints(name)}
            indexes = {(each["name"], tuple(each["column_names"])) for each in inspector.get_indexes(name)}
            foreign = {
                (tuple(each["constrained_columns"]), each["referred_table"], tuple(each["referred_columns"]))
                for each in inspector.get_foreign_keys(name)
            }
            key = inspector.get_pk_constraint(name)["constrained_columns"]
            options = inspector.get_table_options(name) if connection.dialect.name == "sqlite" else {}
            found[name] = (columns, unique, indexes, foreign, key, options)
    return found


@pytest.fixture
def older(ledger: str, sandbox: Sandbox) -> str:
    """The ledger of release 1.0.0, of changes on this sandbox."""
    kind = "postgresql" if "://" in ledger else "sqlite"
    script = (LEDGERS / f"1.0.0-{kind}.sql").read_text().replace("http://sandbox.invalid/api.php", sandbox.url)
    if kind == "sqlite":
        with contextlib.closing(sqlite3.connect(ledger)) as file:
            file.executescript(f"PRAGMA journal_mode = WAL; {script}")
        Path(ledger).chmod(0o600)
    else:
        with engine_of(ledger).begin() as connection:
            assert connection.connection.driver_connection is not None
            connection.connection.driver_connection.execute(script)
    return ledger


def backups(where: str) -> list[Path]:
    return sorted(Path(where).parent.glob("ledger.sqlite.*version*")) if "://" not in where else []


# --- Upgraded ---------------------------------------------------------------------------------------------------------


def test_an_older_ledger_is_upgraded_and_keeps_what_it_holds(older: str) -> None:
    before = content(older)
    open_ledger(older, None).close()
    after = content(older)
    assert after["yateota_ledger"] == [{"version": SCHEMA_VERSION}]
    assert len(after["yateota_changes"]) == len(CHANGES)
    for name in set(before) - {"yateota_ledger"}:
        known = set(before[name][0])
        kept = [{column: value for column, value in row.items() if column in known} for row in after[name]]
        assert sorted(kept, key=str) == before[name]
    assert {(row["require_approval"], row["held_at"]) for row in after["yateota_changes"]} == {(False, None)}
    assert {row["attempt"] for row in after["yateota_participants"]} == {0}


def test_an_upgraded_ledger_is_as_a_new_one(older: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    new = str(tmp_path / "new.sqlite") if "://" not in older else another_database()
    open_ledger(new, None).close()
    open_ledger(older, None).close()
    upgraded, made = schema(older), schema(new)
    assert set(upgraded) == {table.name for table in all_tables()}
    assert upgraded == made


def another_database() -> str:
    url = sa.make_url(SERVER.url).set(drivername="postgresql+psycopg")
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS another CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA another")
    return url.update_query_dict({"options": "-csearch_path=another"}).render_as_string(hide_password=False)


def test_a_file_is_backed_up_before_and_its_user_told(older: str) -> None:
    before, said = content(older), list[str]()
    open_ledger(older, None, warn=said.append).close()
    (notice,) = said
    assert f"was upgraded from schema version 1 to {SCHEMA_VERSION}. Older releases refuse it." in notice
    if "://" in older:
        assert "restore the backup that you made with pg_dump before" in notice
    else:
        (copy,) = backups(older)
        assert f"The backup from before is '{copy}'" in notice
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert content(str(copy)) == before
        with contextlib.closing(sqlite3.connect(copy)) as file:
            assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    open_ledger(older, None, warn=said.append).close()
    assert said == [notice]


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_a_file_that_cannot_be_backed_up_is_left_as_it_is(older: str) -> None:
    before = content(older)
    Path(f"{older}.backup").mkdir()
    with pytest.raises(
        InvalidInputError, match=r"is of an older release and cannot be backed up .* Nothing was changed"
    ):
        open_ledger(older, None)
    assert content(older) == before


def test_of_several_that_open_it_at_once_one_upgrades_it(older: str) -> None:
    said = list[str]()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _number: open_ledger(older, None, 30, warn=said.append).close(), range(8)))
    assert len(said) == 1
    assert len(backups(older)) == ("://" not in older)
    assert len(content(older)["yateota_changes"]) == len(CHANGES)


def end_of_process(*_any: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("before_the_commit", [True, False], ids=["columns added", "all but committed"])
def test_one_that_is_killed_in_its_upgrade_leaves_the_old_one(older: str, before_the_commit: bool) -> None:
    before = content(older)
    child = os.fork()
    if not child:
        try:
            if before_the_commit:
                migrations._STEPS[1] = end_of_process
            else:
                migrations.upgraded = end_of_process  # type: ignore[assignment]
            open_ledger(older, None)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert content(older) == before
    open_ledger(older, None, 30).close()
    assert content(older)["yateota_ledger"] == [{"version": SCHEMA_VERSION}]


def test_one_name_stands_for_one_change_of_each_server(older: str) -> None:
    with contextlib.closing(open_ledger(older, None)) as opened:
        known = find_change(opened, "PLANNED")
        assert known
        facts = {"node": "ota", "action": "retry", "selection": {}}
        here = {**facts, "api_url": known.record().api_url}
        there = {**facts, "api_url": "http://other.invalid/api.php"}
        assert find_or_create_change(opened, "PLANNED", **here).number == known.number == 1
        assert find_or_create_change(opened, "PLANNED", **there).number == len(CHANGES) + 1
        assert find_or_create_change(opened, "NEW", **there).number == len(CHANGES) + 2


# --- Gone on with -----------------------------------------------------------------------------------------------------

RESEND = {"unknown": "resend"}
GONE_ON: dict[str, tuple[dict[str, Any], dict[str, int], list[int], str]] = {
    "PLANNED": ({}, {"done": 3}, [186, 187, 188], "applied"),
    "WAVES": ({}, {"done": 5}, [192, 194], "applied"),
    "KILLED": (RESEND, {"done": 3}, [195, 197, 201], "applied"),
    "ABORTED": ({"resume_aborted": True}, {"done": 2, "refused": 2}, [207, 208], "applied"),
    "WINDOW": ({}, {"done": 2}, [209, 212], "applied"),
    "UNKNOWN": (RESEND, {"done": 2}, [213], "applied"),
    "RESENT": (RESEND, {"done": 2}, [], "applied"),
    "APPLIED": ({}, {"done": 2}, [], "applied"),
    "VERIFIED": ({}, {"done": 2}, [], "verified"),
    "PURGED": ({}, {"done": 2}, [], "purged"),
}
"""Options, the counts that a change comes to, who is sent for, and its status then."""


def test_each_change_is_gone_on_with(older: str, bulk: Bulk, sandbox: Sandbox) -> None:
    assert tuple(GONE_ON) == CHANGES
    for change_id, (options, counts, acted_on, status) in GONE_ON.items():
        sandbox.clear_journal()
        result = bulk("applied", change_id=change_id, selection=None, **options)
        found = {state: count for state, count in result["change"]["counts"].items() if count}
        assert (change_id, found, result["change"]["status"]) == (change_id, counts, status), result
        assert sorted(entry["params"]["participant_id"] for entry in sandbox.writes()) == acted_on
    purged = bulk("purged", change_id="WAVES", selection=None)
    assert purged["change"]["status"] == "purged"
    kept = [said for said in purged["warnings"] if "is a backup of the ledger that may hold what was purged" in said]
    assert [said.split("'")[1] for said in kept] == [str(copy) for copy in backups(older)]


def test_who_was_cut_off_is_not_sent_again_unasked(older: str, bulk: Bulk, sandbox: Sandbox) -> None:
    result = bulk("applied", change_id="KILLED", selection=None)
    assert [entry["params"]["participant_id"] for entry in sandbox.writes()] == [201]
    assert (result["change"]["counts"]["done"], result["change"]["counts"]["unknown"]) == (1, 2)


def test_the_same_selection_is_the_same_change(older: str, bulk: Bulk) -> None:
    rows = [{"campaign_id": 167, "participant_id": number} for number in (186, 187, 188)]
    assert bulk("planned", change_id="PLANNED", selection={"participants": rows})["changed"] is False
    other = bulk("planned", change_id="PLANNED", selection={"participants": rows[:2]})
    assert "is recorded with another selection" in other["msg"]


# --- Read as it is ----------------------------------------------------------------------------------------------------

Look = Callable[..., dict[str, Any]]


@pytest.fixture
def look(run_task: RunTask, sandbox: Sandbox, older: str) -> Look:
    def run(**options: Any) -> dict[str, Any]:
        return run_task(yateota_bulk_info, sandbox, ledger=older, **options)

    return run


def test_an_older_ledger_is_read_without_being_changed(older: str, look: Look, tmp_path: Path) -> None:
    before = content(older)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def read(name: str) -> list[Any]:
        reports = []
        for change_id in CHANGES:
            for form in ("csv", "html"):
                report = tmp_path.parent / f"{tmp_path.name}-{change_id}-{name}.{form}"
                reports.append(look(change_id=change_id, report_dest=str(report), format=form))
                reports[-1].pop("report")
                reports.append(report.read_text() if form == "csv" else None)
        listed = look()
        for change in listed["changes"]:
            change["lease"] = change["lease"] is not None  # its age is another at each look
        return [listed, *reports]

    of_the_older = read("older")
    assert content(older) == before
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files
    open_ledger(older, None).close()
    assert read("upgraded") == of_the_older


def test_changes_of_an_older_release_have_no_audit_chain_and_do_not_fail(older: str, look: Look, bulk: Bulk) -> None:
    def audits() -> set[str]:
        results = [look(change_id=change_id, audit=True) for change_id in CHANGES]
        assert not any(result.get("failed") for result in results)
        return {result["change"]["audit"]["status"] for result in results}

    assert audits() == {"none"}
    assert bulk("applied", change_id="WAVES", selection=None)["change"]["audit"]["status"] == "none"
    bulk("applied", change_id="UNKNOWN", selection=None, unknown="resend")
    assert audits() == {"none"}
    # Made again before it begins, the plan has a chain.
    assert bulk("planned", change_id="PLANNED", selection={"campaign_id": 167, "state": "failed"}, replan=True)[
        "changed"
    ]
    assert look(change_id="PLANNED", audit=True)["change"]["audit"]["status"] == "intact"


def test_check_mode_reads_it_and_says_what_a_real_run_does(older: str, bulk: Bulk, sandbox: Sandbox) -> None:
    before = content(older)
    result = bulk("applied", change_id="WAVES", selection=None, check_mode=True)
    assert (result["changed"], result["remaining"]) == (True, 2)
    (said,) = result["warnings"]
    assert f"has schema version 1. The next task that writes upgrades it to {SCHEMA_VERSION}" in said
    assert ("Make a backup with pg_dump before." in said) == ("://" in older)
    assert content(older) == before
    assert not sandbox.writes()


def test_what_an_older_ledger_lacks_is_read_as_it_will_be(older: str) -> None:
    def read(there: Any) -> dict[str, list[Any]]:
        with there.read() as connection:
            return {
                table.name: connection.execute(sa.select(table).order_by(*table.primary_key)).all()
                for table in all_tables()
                if table.name != "yateota_ledger"
            }

    with contextlib.closing(open_read_only(older, None)) as looked:  # type: ignore[type-var]
        before = read(looked)
    with contextlib.closing(open_ledger(older, None)) as opened:
        assert read(opened) == before
    assert any(before.values())
