# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain HTTP client for the sandbox's own tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from yateota_sandbox import Options, Sandbox


class Api:
    """Requests to one sandbox over one session: `api("trace", campaign_id=142, participant_id=161)`."""

    def __init__(self, box: Sandbox) -> None:
        self.url = box.url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["X-Authentication"] = "correct-horse"
        if box.ca_path is not None:
            self.session.verify = str(box.ca_path)

    def post(self, request: str, node: str = "ota", **params: Any) -> requests.Response:
        content = {"request": request, "node": node, "params": params}
        return self.session.post(self.url, json=content, timeout=20, allow_redirects=False)

    def __call__(self, request: str, **params: Any) -> dict[str, Any]:
        response = self.post(request, **params)
        assert response.status_code == 200
        body: dict[str, Any] = response.json()
        return body

    def states(self, campaign_id: int) -> dict[int, str]:
        """The state of every participant of a campaign."""
        answer = self("query_participants", campaign_id=campaign_id, limit=100000)
        return {int(item["participant_id"]): item["state"] for item in answer["participants"]}

    def first(self, campaign_id: int, state: str) -> int:
        """The id of a campaign's first participant in a state."""
        return next(who for who, its in self.states(campaign_id).items() if its == state)


@pytest.fixture
def connect() -> Iterator[Any]:
    """Make clients for sandboxes started in a test."""
    clients: list[Api] = []

    def connect_to(box: Sandbox) -> Api:
        clients.append(Api(box))
        return clients[-1]

    yield connect_to
    for client in clients:
        client.session.close()


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    """One sandbox for all tests that change nothing but its journal."""
    with Sandbox(Options(secret="correct-horse", admin_token="battery-staple", speed=0)) as box:
        yield box


@pytest.fixture(scope="session")
def reader(shared_sandbox: Sandbox) -> Iterator[Api]:
    """A client of it."""
    client = Api(shared_sandbox)
    yield client
    client.session.close()


@pytest.fixture
def api(sandbox: Sandbox, connect: Any) -> Api:
    """A client of the fixture `sandbox`."""
    client: Api = connect(sandbox)
    return client
