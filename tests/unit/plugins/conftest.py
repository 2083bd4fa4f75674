# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients, readers and tasks against a real server; the pauses between two tries are noted instead of slept."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.simops.yateota.plugins.module_utils._ansible.module import Task, argument_spec, perform
from ansible_collections.simops.yateota.plugins.module_utils._api import client as client_module
from ansible_collections.simops.yateota.plugins.module_utils._api.client import Client
from ansible_collections.simops.yateota.plugins.module_utils._api.reader import Reader
from ansible_collections.simops.yateota.plugins.module_utils._api.transport import Connection
from ansible_collections.simops.yateota.tests.unit.plugins.servers import (
    SECRET,
    Connect,
    Parrot,
    Proxy,
    RunTask,
    serving,
)
from hypothesis import settings

from yateota_sandbox import Sandbox

# A deadline would fail on a busy machine.
settings.register_profile("without_deadline", deadline=None)
settings.load_profile("without_deadline")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, trust store or server of the one who runs the tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def pauses() -> list[float]:
    """The seconds that clients waited between two tries."""
    return []


@pytest.fixture
def connect(pauses: list[float]) -> Iterator[Connect]:
    """Make clients of a sandbox, or of a URL; further arguments are the connection's."""
    with contextlib.ExitStack() as stack:

        def make(
            server: Sandbox | str, connections: int = 1, sleep: Callable[[float], None] = pauses.append, **options: Any
        ) -> Client:
            url = server if isinstance(server, str) else server.url
            options = {"api_url": url, "api_secret": SECRET, "retries": 2} | options
            client = Client(Connection(**options), connections, sleep)
            stack.callback(client.close)
            return client

        yield make


@pytest.fixture
def read_from(connect: Connect) -> Callable[[Sandbox | str], tuple[Reader, list[str]]]:
    """Make a reader of a server, and the list of its warnings."""

    def make(server: Sandbox | str) -> tuple[Reader, list[str]]:
        warnings: list[str] = []
        return Reader(connect(server), warnings.append), warnings

    return make


@pytest.fixture
def run_task(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> RunTask:
    """Run a module's code on a server, its options validated as Ansible does; the result, with its `warnings`."""
    monkeypatch.setattr(client_module.Client.__init__, "__defaults__", (1, pauses.append))

    def run(module: ModuleType, server: Sandbox | str, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        url = server if isinstance(server, str) else server.url
        given = {"api_url": url, "api_secret": SECRET, "retries": 1} | options
        validated = ArgumentSpecValidator(argument_spec(module.ARGUMENTS), **module.RULES).validate(given)
        assert not validated.error_messages
        warnings: list[str] = []
        result = perform(module.run, Task(validated.validated_parameters, check_mode, warnings.append))
        return result | {"warnings": warnings}

    return run


@pytest.fixture
def parrot() -> Iterator[Any]:
    """A server that says what `answers` has for it."""
    with serving(Parrot) as server:
        yield server


@pytest.fixture
def proxy() -> Iterator[Any]:
    """An HTTP proxy that is free to use."""
    with serving(Proxy) as server:
        yield server
