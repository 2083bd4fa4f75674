# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's database: made for its owner alone, and each way in which it fails said in one sentence."""

from __future__ import annotations

import contextlib
import os
import resource
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from ansible_collections.simops.yateota.plugins.module_utils._ansible.arguments import url_passwords
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError, TransportError
from ansible_collections.simops.yateota.plugins.module_utils._ledger import lease as lease_module
from ansible_collections.simops.yateota.plugins.module_utils._ledger import sqlite
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import Change, find_or_create_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import Ledger, open_ledger, open_read_only
from ansible_collections.simops.yateota.plugins.module_utils._ledger.lease import Lease, LeaseLostError
from ansible_collections.simops.yateota.plugins.module_utils._ledger.tables import SCHEMA_VERSION
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk
from ansible_collections.simops.yateota.tests.unit.plugins.servers import free_port

from yateota_sandbox import Sandbox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def opened(ledger: str) -> Iterator[Ledger]:
    """An open ledger on each database."""
    found = open_ledger(ledger, None)
    yield found
    found.close()


@pytest.fixture
def change(opened: Ledger) -> Change:
    facts = {"api_url": "http://localhost/api.php", "node": "ota", "action": "retry", "selection": {}}
    return find_or_create_change(opened, "CHG1", **facts)


def engine_of(where: str) -> sa.Engine:
    return sa.create_engine(where if "://" in where else f"sqlite:///{where}", poolclass=sa.NullPool)


def lease_on(change: Change, holder: str, seconds: float = 60) -> Lease:
    return Lease(change.ledger, change.number, "CHG1", holder, seconds)


# --- Made and opened --------------------------------------------------------------------------------------------------


def test_a_new_file_is_its_owners_alone(path: Path) -> None:
    mask = os.umask(0)
    try:
        open_ledger(str(path), None).close()
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_is_durable_with_each_transaction(path: Path) -> None:
    ledger = open_ledger(str(path), None)
    with ledger.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
    ledger.close()


def test_there_is_nothing_to_look_into_before_the_first_plan(ledger: str, path: Path) -> None:
    assert open_read_only(ledger, None) is None
    assert not path.exists()


@pytest.mark.parametrize("where", ["ledger.sqlite", "./ledger.sqlite", "../ledger.sqlite", "~/ledger.sqlite", ""])
def test_a_relative_path_is_refused(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From another folder, it would be another ledger."""
    monkeypatch.chdir(tmp_path)
    for way in (open_ledger, open_read_only):
        with pytest.raises(InvalidInputError, match=r"must be the whole path of a file.*or the URL"):
            way(where, None)
    assert not list(tmp_path.iterdir())


def test_a_newer_ledger_is_refused(ledger: str) -> None:
    open_ledger(ledger, None).close()
    with engine_of(ledger).begin() as connection:
        connection.exec_driver_sql("UPDATE yateota_ledger SET version = 99")
    for way in (open_ledger, open_read_only):
        with pytest.raises(
            InvalidInputError, match=rf"schema version 99, .* supports {SCHEMA_VERSION}: use the release that made it"
        ):
            way(ledger, None)


def test_another_programs_tables_are_left_alone(ledger: str) -> None:
    with engine_of(ledger).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE yateota_waves (secret_of_others INTEGER)")
    with pytest.raises(InvalidInputError, match="is the database of another program"):
        open_ledger(ledger, None)


def test_a_postgresql_database_may_hold_other_programs_tables(new_database: str) -> None:
    with engine_of(new_database).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE invoices (number INTEGER)")
    open_ledger(new_database, None).close()


# --- Failing ----------------------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    where = tmp_path / "nowhere" / "ledger.sqlite"
    with pytest.raises(InvalidInputError, match=r"nowhere.*No such file or directory.*give a file in a folder"):
        open_ledger(str(where), None)


def test_a_file_that_is_no_database(path: Path) -> None:
    path.write_text("change_id,state\n" * 100)
    with pytest.raises(InvalidInputError, match="is not a SQLite database"):
        open_ledger(str(path), None)


def test_a_damaged_file(bulk_on_file: Bulk, path: Path, sandbox: Sandbox) -> None:
    bulk_on_file("planned")
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    result = bulk_on_file("applied")
    assert (result["failed"], result["failure"]["kind"]) == (True, "invalid_input")
    assert "is damaged" in result["msg"]
    assert not sandbox.writes()


@pytest.fixture
def bulk_on_file(bulk: Bulk, path: Path) -> Bulk:
    """The bulk module on a SQLite file, whatever `ledger` is."""

    def run(state: str, **options: object) -> dict[str, object]:
        return bulk(state, ledger=str(path), **options)

    return run


def test_a_password_in_the_query_of_a_url_is_refused_and_not_told() -> None:
    where = "postgresql+psycopg://me@ota.invalid/ledger?sslmode=require&password=tr0ub4dor"
    with pytest.raises(
        InvalidInputError, match="password in its query, where it would be shown: give it as ledger_password"
    ) as told:
        open_ledger(where, None)
    assert "tr0ub4dor" not in str(told.value)
    assert url_passwords({"ledger": where}) == ["tr0ub4dor"]


def test_a_locked_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_ledger(str(path), None).close()
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(InvalidInputError, match="is locked by another program"):
            open_ledger(str(path), None)
    finally:
        other.close()


def test_no_room_is_told_and_nothing_unrecorded_is_sent(bulk_on_file: Bulk, path: Path, sandbox: Sandbox) -> None:
    bulk_on_file("planned")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size // 2, limits[1]))
    try:
        result = bulk_on_file("applied")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (result["failed"], result["failure"]["kind"]) == (True, "invalid_input")
    assert str(path) in result["msg"]
    # Where the room ended after some were sent, they are marked, by a run that could not even end its lease.
    resumed = bulk_on_file("applied")["change"]["counts"]
    sent = [entry["params"]["participant_id"] for entry in sandbox.writes()]
    assert len(sent) == len(set(sent)) == resumed["done"] + resumed["sending"] + resumed["unknown"]


def test_no_room_to_wipe_a_purged_change_is_told_and_it_can_be_tried_again(bulk_on_file: Bulk, path: Path) -> None:
    many = path.with_name("many.csv")
    many.write_text("imsi\n" + "".join(f"00101{number:010}\n" for number in range(5_000)))
    bulk_on_file("planned", change_id="CHG2", selection={"source": str(many)})
    bulk_on_file("applied")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size // 2, limits[1]))
    try:
        result = bulk_on_file("purged")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (result["failed"], result["failure"]["kind"]) == (True, "invalid_input")
    assert (result["change"]["status"], str(path) in result["msg"]) == ("purged", True)
    again = bulk_on_file("purged")
    assert (again["changed"], again.get("failed")) == (False, None)
    assert b"8931010" not in path.read_bytes()  # as the sandbox's ICCIDs begin


def test_a_file_that_is_read_only(bulk: Bulk, sandbox: Sandbox) -> None:
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder) / "ledger.sqlite"
        bulk("planned", ledger=str(where))
        where.chmod(0o444)
        Path(folder).chmod(0o555)
        with nobody():
            result = bulk("applied", ledger=str(where))
            looked = bulk("applied", ledger=str(where), check_mode=True)
    assert (result["failed"], result["failure"]["kind"]) == (True, "invalid_input")
    assert "cannot be written" in result["msg"]
    assert not sandbox.writes()
    assert looked["remaining"] == 44


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """Without root's right to every file, where the tests run as root."""
    user = os.geteuid()
    if user:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_server_that_is_not_there() -> None:
    where = f"postgresql+psycopg://noc:hunter2@127.0.0.1:{free_port()}/ledger"
    with pytest.raises(TransportError, match="cannot be reached") as caught:
        open_ledger(where, None)
    assert "hunter2" not in str(caught.value)


def test_the_password_comes_from_its_own_option_and_is_shown_nowhere(new_database: str) -> None:
    ledger = open_ledger(new_database, "hunter2")
    assert "hunter2" not in ledger.shown
    ledger.close()


def test_a_database_that_is_not_there(new_database: str) -> None:
    where = sa.make_url(new_database).set(database="nowhere").render_as_string(hide_password=False)
    with pytest.raises((InvalidInputError, TransportError), match=r'database "nowhere" does not exist'):
        open_ledger(where, None)


@pytest.mark.parametrize("where", ["mysql://host/ledger", "postgresql+asyncpg://host/ledger", "http://host/"])
def test_a_url_of_another_database(where: str) -> None:
    with pytest.raises(InvalidInputError, match="give the path of a SQLite file, or postgresql"):
        open_ledger(where, None)


# --- The lease --------------------------------------------------------------------------------------------------------


def test_a_change_is_held_by_one(change: Change) -> None:
    words = "is being run by ann: wait for that run to end"
    with lease_on(change, "ann"), pytest.raises(InvalidInputError, match=words), lease_on(change, "bob"):
        pass
    with lease_on(change, "bob") as lease:
        assert lease.is_safe()


def test_of_two_that_come_at_once_one_is_let_in(change: Change) -> None:
    for _turn in range(30):
        leases = [lease_on(change, holder) for holder in ("ann", "bob")]
        both = threading.Barrier(2)

        def come(lease: Lease, both: threading.Barrier = both) -> Lease | InvalidInputError:
            both.wait()
            try:
                return lease.__enter__()
            except InvalidInputError as error:
                return error

        with ThreadPoolExecutor(2) as pool:
            came = list(pool.map(come, leases))
        (held,) = [one for one in came if isinstance(one, Lease)]
        (refused,) = [str(one) for one in came if isinstance(one, InvalidInputError)]
        assert "is being run by" in refused
        held.__exit__(None, None, None)


def test_a_hold_is_renewed_while_its_run_lives(change: Change) -> None:
    with lease_on(change, "ann", seconds=1.5) as lease:
        time.sleep(2)
        assert lease.is_safe()
        with pytest.raises(InvalidInputError, match="being run by ann"), lease_on(change, "bob"):
            pass


def test_the_hold_of_a_run_that_cannot_be_seen_runs_out(change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lease, "_beat", lambda self: None)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(lease_module, "_place", lambda: "another machine")
        dead = lease_on(change, "ann", seconds=0.5).__enter__()
    with pytest.raises(InvalidInputError, match="being run by ann"), lease_on(change, "bob"):
        pass
    time.sleep(0.6)
    assert not dead.is_safe()
    with lease_on(change, "bob"), pytest.raises(LeaseLostError, match="taken over by another run"):
        change.under(dead).update(status="applied")


@pytest.mark.parametrize("is_buried", [True, False], ids=["gone", "not taken note of by its parent"])
def test_a_holder_that_was_killed_here_is_seen(
    is_buried: bool, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, gone.pid, os.WEXITED | (0 if is_buried else os.WNOWAIT))
    monkeypatch.setattr(Lease, "_beat", lambda self: None)
    with monkeypatch.context() as killed:
        killed.setattr(lease_module.os, "getpid", lambda: gone.pid)
        lease_on(change, "ann").__enter__()
    with lease_on(change, "bob") as lease:
        assert lease.is_safe()
    gone.wait()
