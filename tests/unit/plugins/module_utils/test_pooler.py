# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL ledger behind a pooler that gives each transaction another session, and the limits of its sessions."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_ledger
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk, Postgresql
from ansible_collections.simops.yateota.tests.unit.plugins.servers import free_port

from yateota_sandbox import Sandbox

# Debian has it where only root's PATH looks.
PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
SESSIONS = 3


@pytest.fixture
def ledger(database_server: Postgresql) -> Iterator[str]:
    """The option `ledger`: an empty database behind pgbouncer in its transaction mode."""
    if not PGBOUNCER:
        pytest.skip("pgbouncer is not installed (as root on Debian: make pooler)")
    server = sa.make_url(database_server.url).set(drivername="postgresql+psycopg")
    name, port = f"pooled_{uuid.uuid4().hex}", free_port()
    with sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    settings = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "any",
        "pool_mode": "transaction",
        "default_pool_size": SESSIONS,
        "server_round_robin": 1,
    }
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "pgbouncer.ini"
        database = f"{name} = host={server.query['host']} dbname={name} user={server.username}"
        lines = [f"{option} = {value}" for option, value in settings.items()]
        file.write_text("\n".join(["[databases]", database, "[pgbouncer]", *lines, ""]))
        # It refuses to run as root, and has to reach the server's socket.
        process = subprocess.Popen([str(PGBOUNCER), "--quiet", str(file)], user=database_server.user)
        try:
            url = f"postgresql+psycopg://{server.username}@127.0.0.1:{port}/{name}"
            open_sessions(url)
            yield url
        finally:
            process.terminate()
            process.wait()


def open_sessions(url: str) -> None:
    """Have the pooler open all its sessions, which then take turns: transactions that run together need as many."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    deadline = time.monotonic() + 60
    with contextlib.ExitStack() as stack:
        for _session in range(SESSIONS):
            while True:
                try:
                    connection = stack.enter_context(engine.connect())
                    connection.exec_driver_sql("SELECT 1")
                    break
                except sa.exc.OperationalError:  # it is not ready yet
                    assert time.monotonic() < deadline
                    time.sleep(0.05)


@pytest.mark.slow
def test_a_change_of_many_waves(bulk: Bulk, sandbox: Sandbox, tmp_path: Path) -> None:
    many = tmp_path / "many.csv"
    many.write_text("imsi\n" + "".join(f"00101{number:010}\n" for number in range(3_000)))
    planned = bulk("planned", change_id="CHG2", selection={"source": str(many)})
    assert planned["change"]["counts"]["planned"] == 3_000
    for state in ("planned", "applied", "verified", "purged"):
        result = bulk(state, rollout={"wave_size": 5})
        assert "failed" not in result, result["msg"]
        assert not bulk(state, check_mode=True).get("failed")
    assert result["change"]["counts"]["done"] == len(sandbox.writes()) == 44


def test_no_setting_is_left_to_the_next_client_of_a_session(ledger: str) -> None:
    with contextlib.closing(open_ledger(ledger, None)) as opened, opened.write() as connection:
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "10s"
    engine = sa.create_engine(ledger, poolclass=sa.NullPool)
    for _session in range(SESSIONS):
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "0"


def commits(url: str) -> str | None:
    """What a commit of a ledger's writing transaction waits for."""
    with contextlib.closing(open_ledger(url, None)) as opened, opened.write() as connection:
        waits: str | None = connection.exec_driver_sql("SHOW synchronous_commit").scalar()
        return waits


def test_a_commit_behind_the_pooler_waits_for_the_disk(ledger: str) -> None:
    engine = sa.create_engine(ledger, poolclass=sa.NullPool)
    with contextlib.ExitStack() as stack:
        for connection in [stack.enter_context(engine.connect()) for _session in range(SESSIONS)]:
            connection.exec_driver_sql("SET synchronous_commit = off")
            connection.commit()
    assert commits(ledger) == "on"
    for _session in range(SESSIONS):
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "off"


@pytest.mark.parametrize(
    ("owner", "setting", "waits_for"),
    [
        ("DATABASE", "off", "on"),
        ("ROLE", "off", "on"),
        ("ROLE", "local", "on"),
        ("ROLE", "remote_write", "remote_write"),
        ("ROLE", "remote_apply", "remote_apply"),
    ],
)
def test_a_commit_waits_at_least_for_the_disk(
    database_server: Postgresql, owner: str, setting: str, waits_for: str
) -> None:
    server, name = sa.make_url(database_server.url).set(drivername="postgresql+psycopg"), f"own_{uuid.uuid4().hex}"
    with sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN SUPERUSER")
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        connection.exec_driver_sql(f"ALTER {owner} {name} SET synchronous_commit = {setting}")
    assert commits(server.set(username=name, database=name).render_as_string(hide_password=False)) == waits_for


def test_nothing_is_prepared_and_a_vanished_end_is_noticed(new_database: str) -> None:
    with contextlib.closing(open_ledger(new_database, None)) as opened, opened.write() as connection:
        for _turn in range(20):
            connection.execute(sa.text("SELECT CAST(:number AS integer)"), {"number": 1})
        assert not connection.exec_driver_sql("SELECT name FROM pg_prepared_statements").all()
        limits = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        assert all(connection.exec_driver_sql(f"SHOW {name}").scalar() != "0" for name in limits)
        raw = connection.connection.driver_connection
        assert raw is not None
        given = raw.info.get_parameters()
        assert {name: int(given[name]) for name in ("keepalives_idle", "keepalives_count", "tcp_user_timeout")} == {
            "keepalives_idle": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 25_000,
        }


def test_the_url_has_the_last_word_on_keepalives(new_database: str) -> None:
    where = sa.make_url(new_database).update_query_dict({"keepalives_idle": "40"}).render_as_string(hide_password=False)
    with contextlib.closing(open_ledger(where, None)) as opened, opened.read() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        assert raw.info.get_parameters()["keepalives_idle"] == "40"
