# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A list that lacks planned participants ends a run before they are sent for, or shows that they are gone."""

from __future__ import annotations

import json
import socket
import socketserver
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.filter.change_verdict import change_verdict
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import (
    Bulk,
    acted_on,
    nonzero_counts,
)
from ansible_collections.simops.yateota.tests.unit.plugins.servers import http, read_request, serving

from yateota_sandbox import Sandbox

pytestmark = pytest.mark.any_database

CAMPAIGN = 167


class Shortening(socketserver.BaseRequestHandler):
    """Forwards requests to `server.box`; its lists show only those that `server.shows` returns true for.

    Its counts are those of `server.box`, or `server.count`.
    """

    def handle(self) -> None:
        head, _end, body = read_request(self.request).partition(b"\r\n\r\n")
        asked = json.loads(body)
        at = urllib.parse.urlsplit(self.server.box.url)
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        with socket.create_connection((at.hostname, at.port)) as upstream:
            upstream.sendall(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body)
            answer = b""
            while part := upstream.recv(65536):
                answer += part
        content = json.loads(answer.partition(b"\r\n\r\n")[2])
        if "participants" in content:
            content["participants"] = self.server.listed(content["participants"])
        elif asked["request"] == "query_participants" and self.server.count is not None:
            content["count"] = self.server.count
        self.request.sendall(http(json.dumps(content)))


@pytest.fixture
def short(sandbox: Sandbox) -> Iterator[Any]:
    with serving(Shortening) as server:
        server.box, server.count, server.listed = sandbox, None, lambda listed: listed
        yield server


@pytest.fixture
def five(sandbox: Sandbox) -> list[int]:
    """The first five failed participants."""
    return [each for each in range(185, 300) if sandbox.participant(each)["state"] == "failed"][:5]


@pytest.fixture
def given(five: list[int]) -> dict[str, Any]:
    """A retry of them, in a change whose states are read again before each wave."""
    listed = [{"participant_id": each, "campaign_id": CAMPAIGN} for each in five]
    return {"selection": {"participants": listed}, "recheck_after": 0}


def without(*ids: int) -> Any:
    return lambda listed: [each for each in listed if int(each["participant_id"]) not in ids]


@pytest.mark.parametrize("shown", [0, 3])
def test_a_list_shorter_than_the_servers_count_ends_the_run(
    bulk: Bulk, sandbox: Sandbox, short: Any, given: dict[str, Any], five: list[int], shown: int
) -> None:
    planned = bulk("planned", short.api_url, **given)
    assert planned["remaining"] == 5
    short.listed = without(*five[shown:]) if shown else lambda _listed: None
    for _each in range(2):
        stopped = bulk("applied", short.api_url, **given)
        assert (stopped["failed"], stopped["failure"]["kind"]) == (True, "bad_answer")
        assert f"Campaign {CAMPAIGN}: the server counts " in stopped["msg"]
        assert f", and lacks {5 - shown} of the planned. All stay planned" in stopped["msg"]
        assert (stopped["remaining"], stopped["change"]["counts"]["planned"]) == (5, 5)
        assert not change_verdict(stopped, {}, {})["well"]
    assert not sandbox.writes()

    short.listed = lambda listed: listed
    done = bulk("applied", short.api_url, **given | {"recheck_after": 300})  # the short reading is not taken for one
    assert (done["change"]["status"], nonzero_counts(done)) == ("applied", {"done": 5})
    assert acted_on(sandbox) == dict.fromkeys(five, 1)


def test_what_is_really_gone_is_refused(
    bulk: Bulk, sandbox: Sandbox, short: Any, given: dict[str, Any], five: list[int]
) -> None:
    bulk("planned", short.api_url, **given)
    short.listed, short.count = without(*five[3:]), 0
    ended = bulk("applied", short.api_url, **given)
    assert (ended["failed"], nonzero_counts(ended)) == (True, {"done": 3, "refused": 2})
    assert {each["message"] for each in ended["failures"]} == {
        "its campaign does not list it any more; check the identifiers"
    }
    assert not change_verdict(ended, {}, {})["well"]
    assert acted_on(sandbox) == dict.fromkeys(five[:3], 1)


def test_a_short_list_after_a_wave_ends_the_run_before_the_next(
    bulk: Bulk, sandbox: Sandbox, short: Any, given: dict[str, Any], five: list[int]
) -> None:
    given |= {"recheck_after": 300, "rollout": {"wave_size": 2, "soak": 0.01}}
    bulk("planned", short.api_url, **given)
    short.listed = without(five[4])
    stopped = bulk("applied", short.api_url, **given)
    assert (stopped["failure"]["kind"], nonzero_counts(stopped)) == ("bad_answer", {"done": 2, "planned": 3})
    short.listed = lambda listed: listed
    assert nonzero_counts(bulk("applied", short.api_url, **given)) == {"done": 5}
    assert acted_on(sandbox) == dict.fromkeys(five, 1)
