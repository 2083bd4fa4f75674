# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults: each kind on a read and on a write, and when it comes."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import get_args

import pytest
import requests

from yateota_sandbox.faults import Kind

READ = ("query_participants", {"campaign_id": 167})
RETRY = ("action_participant", {"participant_id": 195, "action": "retry"})
STOP = ("action_campaign", {"campaign_id": 144, "action": "stop"})


def outcome(api, request, params):
    """What a client sees: the body code, an HTTP status, or the kind of trouble."""
    try:
        response = api.post(request, **params)
    except requests.exceptions.ConnectionError:
        return "dropped"
    if response.status_code != 200:
        assert "<html>" in response.text
        return response.status_code
    if response.text == "":
        return "empty"
    try:
        return response.json().get("code", "none")
    except ValueError:
        return "page" if "<html>" in response.text else "cut"


SEEN = {
    "drop_before": "dropped",
    "drop_after": "dropped",
    "delay": 0,
    "http_404": 404,
    "http_500": 500,
    "http_502": 502,
    "http_503": 503,
    "http_504": 504,
    "http_429": 429,
    "html": "page",
    "truncated": "cut",
    "empty": "empty",
    "no_result": "none",
    "timeout_before": 200,
    "timeout_after": 200,
    "code": 404,
    "redirect": 302,
}
NEEDED = {"delay": {"seconds": 0.05}, "code": {"code": 404}, "redirect": {"location": "http://127.0.0.1:9/api.php"}}
ALWAYS = {"drop_after", "timeout_after", "delay"}
NEVER = {"drop_before", "timeout_before"}


def test_every_kind_is_tested():
    assert set(SEEN) == set(get_args(Kind))


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("kind", SEEN)
def test_a_fault_is_seen_once_and_the_action_is_carried_out_or_not(start_sandbox, connect, kind, carried_out):
    box = start_sandbox()
    api = connect(box)
    for request, params in (READ, RETRY, STOP):
        box.fault(request=request, kind=kind, carried_out=carried_out, **NEEDED.get(kind, {}))
        assert outcome(api, request, params) == SEEN[kind]
        entry = box.journal()[-1]
        acted = kind in ALWAYS or (carried_out and kind not in NEVER)
        assert (entry["request"], entry["fault"], entry["carried_out"]) == (request, kind, acted)
        if SEEN[kind] == "dropped":
            assert entry["http_status"] is None
        else:
            is_status = kind == "redirect" or kind.startswith("http_")
            assert entry["http_status"] == (SEEN[kind] if is_status else 200)

    assert box.participant(195)["state"] == ("pending_send" if acted else "failed")
    assert outcome(api, *READ) == 0
    assert box.journal()[-1]["fault"] is None


def test_a_dropped_connection_is_really_closed(sandbox, api):
    sandbox.fault(kind="drop_before")

    assert outcome(api, *READ) == "dropped"
    assert outcome(api, *READ) == 0
    first, second = sandbox.journal()
    assert first["connection"] != second["connection"]


def test_a_dropped_tls_connection_is_really_closed(tls_sandbox, connect):
    tls_sandbox.fault(kind="drop_after", request="action_participant")

    assert outcome(connect(tls_sandbox), *RETRY) == "dropped"
    assert tls_sandbox.participant(195)["state"] == "pending_send"


def test_the_nth_request_and_so_many_times(sandbox, api):
    sandbox.fault(request="query_participants", nth=3, times=2, kind="http_500")

    seen = [outcome(api, *READ) for _turn in range(6)]

    assert seen == [0, 0, 500, 500, 0, 0]


def test_only_requests_of_the_name_and_action_count(sandbox, api):
    sandbox.fault(request="action_participant", action="retry", nth=2, kind="http_502")
    cancel = ("action_participant", {"participant_id": 161, "action": "cancel"})

    assert [outcome(api, *ask) for ask in (cancel, READ, RETRY, cancel)] == [0, 0, 0, 0]
    assert outcome(api, *RETRY) == 502


def test_two_faults_each_count_for_themselves(sandbox, api):
    sandbox.fault(nth=2, kind="http_500")
    sandbox.fault(nth=2, times=2, kind="http_502")

    assert [outcome(api, *READ) for _turn in range(4)] == [0, 500, 502, 0]


def test_faults_can_be_dropped(sandbox, api):
    sandbox.fault(kind="http_500", times=100)
    sandbox.clear_faults()

    assert outcome(api, *READ) == 0


@pytest.mark.parametrize("kind", ["http_429", "http_503"])
def test_retry_after_comes_with_the_seconds_given(sandbox, api, kind):
    sandbox.fault(kind=kind, seconds=1.2)
    sandbox.fault(kind=kind, nth=2)

    assert api.post(*READ[:1]).headers["Retry-After"] == "2"
    assert "Retry-After" not in api.post(*READ[:1]).headers


@pytest.mark.parametrize("kind", ["delay", "timeout_after"])
def test_a_pause_lasts_the_seconds_given_and_holds_nobody_else_up(sandbox, api, connect, kind):
    sandbox.fault(kind=kind, seconds=0.3)
    begin = time.monotonic()
    api("get_node_status")
    assert time.monotonic() - begin >= 0.3

    def ask_until_it_stops():
        with contextlib.suppress(requests.exceptions.ConnectionError):
            api("get_node_status")

    sandbox.fault(kind=kind, seconds=60)
    held_up = threading.Thread(target=ask_until_it_stops)
    held_up.start()
    while len(sandbox.journal()) < 2:
        time.sleep(0.01)
    connect(sandbox)("get_node_status")
    assert held_up.is_alive()


def test_a_code_comes_with_or_without_a_message(sandbox, api):
    sandbox.fault(kind="code", code=300, message="Empty answer")
    sandbox.fault(kind="code", code=777, nth=2)

    assert api(*READ[:1]) == {"code": 300, "message": "Empty answer"}
    assert api(*READ[:1]) == {"code": 777}


def test_a_redirect_names_its_target(sandbox, api):
    sandbox.fault(kind="redirect", location="https://elsewhere.example/api.php")

    response = api.post("get_node_status")

    assert (response.status_code, response.headers["Location"]) == (302, "https://elsewhere.example/api.php")


def test_an_unauthenticated_request_meets_no_fault(sandbox, api):
    sandbox.fault(kind="http_500")

    assert requests.post(sandbox.url, json={}, timeout=20).status_code == 401
    assert outcome(api, *READ) == 500


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"kind": "nonsense"}, "kind"),
        ({}, "kind"),
        ({"kind": "delay"}, "seconds"),
        ({"kind": "code"}, "code"),
        ({"kind": "redirect"}, "location"),
        ({"kind": "empty", "nth": 0}, "nth"),
        ({"kind": "empty", "requests": "trace"}, "requests"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(shared_sandbox, fields, named):
    with pytest.raises(ValueError, match=named):
        shared_sandbox.fault(**fields)
