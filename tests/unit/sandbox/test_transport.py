# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The front end: statuses, pages, tails, connections, places and time."""

from __future__ import annotations

import json
import threading
import time

import pytest
import requests
import trustme

from yateota_sandbox import Options, Sandbox

JSON = {"Content-Type": "application/json"}
SECRET = {"X-Authentication": "correct-horse"}
STATUS = '{"request": "get_node_status", "node": "ota", "params": {}}'


@pytest.mark.parametrize(
    ("method", "headers", "body", "status", "reason"),
    [
        ("POST", JSON, STATUS, 401, "API Authentication Required"),
        ("POST", JSON | {"X-Authentication": "battery"}, STATUS, 403, "API Authentication Rejected"),
        ("POST", JSON | {"X-Authentication": ""}, STATUS, 403, "API Authentication Rejected"),
        ("POST", JSON | SECRET | {"Origin": "https://elsewhere.example"}, STATUS, 403, "Access Forbidden"),
        ("GET", JSON | SECRET, STATUS, 405, "Method Not Allowed"),
        ("PUT", JSON | SECRET, STATUS, 405, "Method Not Allowed"),
        ("POST", JSON | SECRET, STATUS[:-1], 415, "Unparsable JSON content"),
        ("POST", JSON | SECRET, "[]", 415, "Unparsable JSON content"),
        ("POST", JSON | SECRET, "\xff", 415, "Unparsable JSON content"),
        ("POST", SECRET | {"Content-Type": "text/plain"}, STATUS, 415, "Unsupported Media Type"),
        ("POST", SECRET, STATUS, 415, "Unsupported Media Type"),
        ("POST", JSON | SECRET, "", 400, "Empty Request"),
        ("POST", JSON | SECRET, " \n", 400, "Empty Request"),
        ("GET", SECRET, "", 400, "Empty Request"),
    ],
)
def test_what_is_refused_unread_gets_a_page_with_the_reason(shared_sandbox, method, headers, body, status, reason):
    shared_sandbox.clear_journal()

    response = requests.request(method, shared_sandbox.url, headers=headers, data=body.encode("latin-1"), timeout=20)

    assert (response.status_code, response.reason) == (status, reason)
    assert response.headers["Content-Type"].startswith("text/html")
    assert f"<title>{status} {reason}</title>" in response.text
    (entry,) = shared_sandbox.journal()
    assert (entry["http_status"], entry["code"], entry["request"]) == (status, None, None)
    assert entry["authenticated"] is (
        reason not in {"API Authentication Required", "API Authentication Rejected", "Access Forbidden"}
    )


def test_a_server_without_a_secret_asks_for_none(start_sandbox):
    box = start_sandbox(secret=None)

    response = requests.post(box.url, headers=JSON, data=STATUS, timeout=20)

    assert response.json()["code"] == 0


def test_the_secret_is_nowhere_in_the_journal_nor_in_what_python_shows(sandbox, api):
    api("get_node_status")
    api.session.headers["X-Authentication"] = "wrong"
    api.post("get_node_status")

    assert len(sandbox.journal()) == 2
    shown = json.dumps(sandbox.journal()) + repr(sandbox._service.options)
    assert "correct-horse" not in shown
    assert "battery-staple" not in shown


def test_an_error_of_its_own_is_500_with_a_page(sandbox, api, caplog):
    sandbox._service.node.store.close()

    response = api.post("query_campaigns")

    assert (response.status_code, response.reason) == (500, "Internal server error")
    assert "query_campaigns" in caplog.text


def test_the_tail_follows_a_whole_json_text(sandbox, api):
    sandbox.set(not_writeable=True)

    for response in (api.post("get_node_status"), api.post("nonsense")):
        text, tail = response.text.split("\n")
        assert "code" in json.loads(text)
        assert tail == "// Not writeable /var/log/json_api"


def test_connections_are_kept_alive_or_closed_as_told(sandbox, api):
    for _turn in range(3):
        api("get_node_status")
    sandbox.set(connection="close")
    for _turn in range(3):
        response = api.post("get_node_status")

    assert response.headers["Connection"] == "close"
    connections = [entry["connection"] for entry in sandbox.journal()]
    assert connections[0] == connections[1] == connections[2] == connections[3]
    assert len(set(connections)) == 3


def test_tls_is_trusted_through_the_test_ca_alone(tls_sandbox, connect):
    api = connect(tls_sandbox)

    assert tls_sandbox.url.startswith("https://")
    assert api("get_node_status")["code"] == 0
    with pytest.raises(requests.exceptions.SSLError):
        requests.post(tls_sandbox.url, headers=JSON | SECRET, data=STATUS, timeout=20)


def test_tls_serves_localhost_by_name_and_removes_its_ca_afterwards():
    with Sandbox(Options(tls=True)) as box:
        url = box.url.replace("127.0.0.1", "localhost")
        assert requests.post(url, headers=JSON, data=STATUS, verify=str(box.ca_path), timeout=20).json()["code"] == 0
        assert box.ca_path.is_file()

    assert not box.ca_path.exists()


def test_a_client_certificate_can_be_asked_for(start_sandbox, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "client-ca.pem"))
    certificate = authority.issue_cert("client.example")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))
    box = start_sandbox(tls=True, client_ca=tmp_path / "client-ca.pem")
    ask = {"headers": JSON | SECRET, "data": STATUS, "verify": str(box.ca_path)}

    response = requests.post(box.url, timeout=20, cert=str(tmp_path / "client.pem"), **ask)
    assert response.json()["code"] == 0
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.post(box.url, timeout=20, **ask)


def all_at_once(number, ask):
    """Call `ask` in that many threads; when each had its answer, in seconds from the start, and what it was."""
    took = []
    begin = time.monotonic()

    def run():
        answer = ask()
        took.append((time.monotonic() - begin, answer))

    threads = [threading.Thread(target=run) for _turn in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(took, key=lambda pair: pair[0])


def ask_status(box):
    return requests.post(box.url, headers=JSON | SECRET, data=STATUS, timeout=20).json()


def test_three_requests_are_served_at_once_and_the_others_wait(sandbox):
    sandbox.set(service_time=0.3)

    took = all_at_once(7, lambda: ask_status(sandbox))

    assert [answer["code"] for _its, answer in took] == [0] * 7
    seconds = [its for its, _answer in took]
    assert seconds[0] > 0.29
    assert seconds[3] > 0.59
    assert seconds[6] > 0.89
    assert seconds[6] < 7 * 0.3


def test_who_gets_no_place_in_time_is_told_so_and_nothing_is_done(sandbox, api):
    sandbox.set(service_time=1)
    threads = [threading.Thread(target=ask_status, args=[sandbox]) for _turn in range(3)]
    for thread in threads:
        thread.start()
    while len(sandbox.journal()) < 3:
        time.sleep(0.01)
    sandbox.set(front_end_timeout=0.1)

    answer = api("action_participant", participant_id=195, action="retry")

    assert answer == {"code": 200, "message": "Timeout waiting for Yate response."}
    assert sandbox.writes()[0]["carried_out"] is False
    assert sandbox.participant(195)["state"] == "failed"
    for thread in threads:
        thread.join()


def test_a_node_that_takes_too_long_has_acted_all_the_same(sandbox, api):
    sandbox.set(service_time=30, front_end_timeout=0.1)

    answer = api("action_participant", participant_id=195, action="retry")

    assert answer == {"code": 200, "message": "Timeout waiting for Yate response."}
    assert sandbox.participant(195)["state"] == "pending_send"
    assert sandbox.writes()[0]["carried_out"] is True


def test_writes_can_be_refused(sandbox, api):
    sandbox.set(refuse_writes=True)

    assert api("action_participant", participant_id=195, action="retry")["code"] == 403
    assert api("action_campaign", campaign_id=144, action="stop")["code"] == 403
    assert api("query_campaigns")["code"] == 0
    assert [(entry["code"], entry["carried_out"]) for entry in sandbox.writes()] == [(403, False)] * 2
    assert sandbox.participant(195)["state"] == "failed"


def test_the_journal_tells_all_about_a_request(sandbox, api):
    before = time.time()
    api("action_participant", participant_id="195", action="retry")

    (entry,) = sandbox.journal()

    assert before <= entry.pop("time") <= time.time()
    assert entry.pop("connection") > 0
    assert entry == {
        "number": 1,
        "request": "action_participant",
        "node": "ota",
        "params": {"participant_id": "195", "action": "retry"},
        "write": True,
        "http_status": 200,
        "code": 0,
        "carried_out": True,
        "fault": None,
        "authenticated": True,
    }


def test_the_journal_can_be_switched_off_and_emptied(sandbox, api):
    api("get_node_status")
    sandbox.clear_journal()
    sandbox.set(journal=False)
    api("get_node_status")
    sandbox.set(journal=True)
    api("get_node_status")

    assert [entry["number"] for entry in sandbox.journal()] == [3]


@pytest.mark.parametrize("tls", [False, True])
def test_it_stops_at_once_though_clients_keep_connections_open(connect, tls):
    with Sandbox(Options(tls=tls)) as box:
        api = connect(box)
        api("get_node_status")
        begin = time.monotonic()

    assert time.monotonic() - begin < 0.9
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.post(box.url.replace("https", "http"), timeout=20)


def test_a_request_under_way_does_not_keep_it_from_stopping(connect):
    seen = []

    def ask():
        try:
            seen.append(api("get_campaign"))
        except requests.exceptions.ConnectionError as error:
            seen.append(type(error))

    with Sandbox(Options()) as box:
        api = connect(box)
        box.fault(kind="delay", seconds=60)
        waiting = threading.Thread(target=ask)
        waiting.start()
        while not box.journal():
            time.sleep(0.01)

    waiting.join(5)
    assert seen == [requests.exceptions.ConnectionError]
