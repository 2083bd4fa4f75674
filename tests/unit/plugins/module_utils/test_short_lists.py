# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A list that lacks planned participants keeps them planned, and only them, or shows that they are gone."""

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

CAMPAIGN, PARTICIPANTS = 167, 80


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


@pytest.mark.parametrize("wave_size", [1, 5])
@pytest.mark.parametrize("shown", [0, 3])
def test_only_those_that_a_list_shorter_than_the_servers_count_lacks_stay_planned(
    bulk: Bulk, sandbox: Sandbox, short: Any, given: dict[str, Any], five: list[int], shown: int, wave_size: int
) -> None:
    given |= {"rollout": {"wave_size": wave_size}}
    planned = bulk("planned", short.api_url, **given)
    assert planned["remaining"] == 5
    short.listed = without(*five[: 5 - shown]) if shown else lambda _listed: None
    for _each in range(2):
        stopped = bulk("applied", short.api_url, **given)
        assert (stopped["failed"], stopped["failure"]["kind"]) == (True, "bad_answer")
        assert f"Campaign {CAMPAIGN}: the server counts {PARTICIPANTS} participants, its list held " in stopped["msg"]
        assert f", and lacks {5 - shown} of the planned. These stay planned" in stopped["msg"]
        assert (stopped["remaining"], stopped["change"]["counts"]["planned"]) == (5 - shown, 5 - shown)
        assert not change_verdict(stopped, {}, {})["well"]
    assert acted_on(sandbox) == dict.fromkeys(five[5 - shown :], 1)

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


def test_what_a_short_list_after_a_wave_lacks_is_in_no_later_wave(
    bulk: Bulk, sandbox: Sandbox, short: Any, given: dict[str, Any], five: list[int]
) -> None:
    given |= {"recheck_after": 300, "rollout": {"wave_size": 2, "soak": 0.01}}
    bulk("planned", short.api_url, **given)
    short.listed = without(five[4])
    stopped = bulk("applied", short.api_url, **given)
    assert (stopped["failure"]["kind"], nonzero_counts(stopped)) == ("bad_answer", {"done": 4, "planned": 1})
    short.listed = lambda listed: listed
    assert nonzero_counts(bulk("applied", short.api_url, **given)) == {"done": 5}
    assert acted_on(sandbox) == dict.fromkeys(five, 1)


def test_a_count_that_always_exceeds_the_list_holds_nobody_up(
    bulk: Bulk, sandbox: Sandbox, short: Any, given: dict[str, Any], five: list[int]
) -> None:
    bulk("planned", short.api_url, **given)
    short.listed, short.count = without(*five[3:]), PARTICIPANTS - 1  # its list holds one fewer, and lacks two
    ended = bulk("applied", short.api_url, **given)
    assert nonzero_counts(ended) == {"done": 3, "refused": 2}
    assert acted_on(sandbox) == dict.fromkeys(five[:3], 1)


def test_a_campaign_that_receives_participants_meanwhile_has_no_short_list(
    bulk: Bulk, sandbox: Sandbox, short: Any, given: dict[str, Any], five: list[int]
) -> None:
    bulk("planned", short.api_url, **given)

    def grows(listed: list[Any]) -> list[Any]:
        shown = without(five[4])(listed)
        short.count = len(shown) + 10  # after the list
        return shown

    short.listed, short.count = grows, 0
    ended = bulk("applied", short.api_url, **given | {"rollout": {"wave_size": 10}})
    assert nonzero_counts(ended) == {"done": 4, "refused": 1}


def test_those_of_a_begun_wave_that_a_list_lacks_come_into_a_later_one(
    bulk: Bulk, sandbox: Sandbox, short: Any, given: dict[str, Any], five: list[int]
) -> None:
    given |= {"rollout": {"wave_size": 3, "concurrency": 1}}
    bulk("planned", short.api_url, **given)
    fault = {"request": "action_participant", "kind": "code", "code": 403}
    sandbox.fault(**fault, nth=2)
    assert nonzero_counts(bulk("applied", short.api_url, **given)) == {"done": 1, "planned": 4}
    short.listed = without(five[1], five[2])
    assert nonzero_counts(bulk("applied", short.api_url, **given)) == {"done": 3, "planned": 2}
    short.listed = without(five[2])
    assert nonzero_counts(bulk("applied", short.api_url, **given)) == {"done": 4, "planned": 1}
    short.listed = lambda listed: listed
    assert nonzero_counts(bulk("applied", short.api_url, **given)) == {"done": 5}
    assert acted_on(sandbox) == dict.fromkeys(five, 1)
