# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer means: noise, odd spellings, pages of other servers, and what must never be passed on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._api.client import items
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import (
    ApiError,
    AuthError,
    BadAnswerError,
    OutcomeUnknownError,
    TransportError,
    YateotaError,
)
from ansible_collections.simops.yateota.tests.unit.plugins.servers import SECRET, Connect, StartSandbox, http

from yateota_sandbox import Sandbox

PAUSE = {"campaign_id": 144, "action": "pause"}


def test_noise_of_the_servers_log_is_left_out(connect: Connect, start_sandbox: StartSandbox) -> None:
    client = connect(start_sandbox(not_writeable=True))
    assert client.call("query_participants", {"campaign_id": 167}) == {"count": "80"}
    assert client.call("action_campaign", PAUSE) == {}
    with pytest.raises(ApiError, match="code 404"):
        client.call("query_campaigns", {"campaign_id": 9})


@pytest.mark.parametrize("ids", ["string", "number"])
def test_a_single_campaign_comes_as_a_list(connect: Connect, start_sandbox: StartSandbox, ids: str) -> None:
    answer = connect(start_sandbox(ids=ids)).call("query_campaigns", {"campaign_id": 144})
    assert [item["campaign"] for item in items(answer, "query_campaigns")] == ["Applet 3.2 install"]


def test_params_without_a_value_are_not_sent(connect: Connect, sandbox: Sandbox) -> None:
    connect(sandbox, node="ota").call("query_participants", {"campaign_id": 167, "state": None})
    (entry,) = sandbox.journal()
    assert (entry["params"], entry["node"]) == ({"campaign_id": 167}, "ota")


@pytest.mark.parametrize("code", ["0", '"0"', "0.0", "-0", "0e9", '"00"'])
def test_ways_to_say_zero(connect: Connect, parrot: Any, code: str) -> None:
    parrot.answers = [http(f' \n{{"code": {code}, "count": 3}} trailing words')]
    assert connect(parrot.api_url).call("query_stats", {}) == {"count": 3}


@pytest.mark.parametrize("code", ["404", '"404"'])
def test_ways_to_say_404(connect: Connect, parrot: Any, code: str) -> None:
    parrot.answers = [http(f'{{"code": {code}}}')]
    with pytest.raises(ApiError) as error:
        connect(parrot.api_url).call("query_stats", {})
    assert error.value.code == 404


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("", "nothing"),
        (" \n", "nothing"),
        ("{ }", "an answer without a code"),
        ('{"count": 1}', "an answer without a code"),
        ('{"code": null}', "an answer without a code"),
        ('{"code": "many"}', "an answer without a code"),
        ('{"code": 1e999}', "an answer without a code"),
        ('{"code": []}', "an answer without a code"),
        ('{"code": 0, "cou', "no whole JSON"),
        ("[1, 2]", "JSON that is no object"),
        ("null", "JSON that is no object"),
        ("[" * 100_000, "no whole JSON"),
        ("plain words", "'plain words' and no JSON"),
        ("<html><title>Log\n in &amp; out</title>", "a page titled 'Log in & out'"),
    ],
)
def test_what_is_no_answer(connect: Connect, parrot: Any, answer: str, found: str) -> None:
    parrot.answers = [http(answer)]
    client = connect(parrot.api_url)
    with pytest.raises(BadAnswerError) as error:
        client.call("query_stats", {})
    assert str(error.value) == (
        f"query_stats: the server sent {found} where an answer of the API was expected. "
        f"Check that api_url {parrot.api_url} is the API's own URL."
    )
    with pytest.raises(OutcomeUnknownError, match="It may have been carried out"):
        client.call("action_campaign", PAUSE)
    assert len(parrot.heard) == 2


PHP = [
    "Fatal error: Maximum execution time of 30 seconds exceeded in /var/www/api.php on line 12",
    "<br />\n<b>Fatal error</b>:  Allowed memory size exhausted in <b>/var/www/api.php</b> on line <b>3</b><br />",
    "PHP Parse error:  syntax error in /var/www/api.php on line 1",
    "<b>Warning</b>:  mysqli::query(): gone away",
    "Notice: Undefined index: x in a.php on line 1",
]


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        *((body, "200 OK", False) for body in PHP),
        *(("", status, False) for status in ("408 Request Timeout", "409 Conflict", "499 Closed", "418 Teapot")),
        *(("", status, True) for status in ("302 Found", "404 Not Found")),
        ("<title>Log in</title>", "200 OK", True),
        ("plain words", "200 OK", True),
        ('{"code": 404}', "404 Not Found", False),
    ],
)
def test_what_answers_for_something_else_than_the_api(
    connect: Connect, parrot: Any, body: str, status: str, expected: bool
) -> None:
    parrot.answers = [http(body, status)]
    with pytest.raises(OutcomeUnknownError) as error:
        connect(parrot.api_url).call("action_campaign", PAUSE)
    assert error.value.is_of_every_request is expected
    assert ("api_url" in str(error.value)) is (expected or status.startswith("404"))


@pytest.mark.parametrize(
    ("status", "read", "write", "words"),
    [
        ("202 Accepted", BadAnswerError, OutcomeUnknownError, "HTTP 202 Accepted"),
        ("204 No Content", BadAnswerError, OutcomeUnknownError, "HTTP 204 No Content"),
        ("400 Empty Request", BadAnswerError, BadAnswerError, "HTTP 400 Empty Request"),
        ("404 Not Found", TransportError, OutcomeUnknownError, "HTTP 404 Not Found. .*there is no API at this path"),
        ("401 Who is it", AuthError, AuthError, "HTTP 401 Who is it"),
        ("500 Oops", TransportError, OutcomeUnknownError, "HTTP 500 Oops"),
        ("507 ", TransportError, OutcomeUnknownError, "HTTP 507 no reason given"),
    ],
)
def test_other_http_statuses(
    connect: Connect, parrot: Any, status: str, read: type[YateotaError], write: type[YateotaError], words: str
) -> None:
    parrot.answers = [http("", status)]
    client = connect(parrot.api_url, retries=0)
    for raised, request, params in ((read, "query_stats", {}), (write, "action_campaign", PAUSE)):
        with pytest.raises(YateotaError, match=words) as error:
            client.call(request, params)
        assert error.type is raised
        assert error.value.http_status == int(status[:3])


def test_the_reason_is_the_pages_title_without_the_status(connect: Connect, parrot: Any) -> None:
    parrot.answers = [http("<TITLE lang='en'>503  Down for <!-- --> repair</TITLE>", "503 Service Unavailable")]
    with pytest.raises(TransportError) as error:
        connect(parrot.api_url, retries=0).call("query_stats", {})
    assert error.value.message == "Down for <!-- --> repair"


def test_keys_of_a_sim_are_dropped_wherever_they_stand(connect: Connect, parrot: Any) -> None:
    keys = dict.fromkeys(("kic", "kid", "kik", "pin", "pin2", "puk", "puk2", "adm1", "KIC", "Adm1"), "F00D")
    answer = {
        "code": 0,
        **keys,
        "participants": [{"imsi": "001010000000001", **keys, "profile": {"list": [keys, [keys]], **keys, "pins": 2}}],
    }
    parrot.answers = [http(json.dumps(answer))]
    found = connect(parrot.api_url).call("query_participants", {"campaign_id": 1, "limit": 1})
    assert found == {"participants": [{"imsi": "001010000000001", "profile": {"list": [{}, [{}]], "pins": 2}}]}


ECHOES = {
    "message": http(json.dumps({"code": 401, "message": f"unknown secret {SECRET}"})),
    "message cut": http(json.dumps({"code": 401, "message": "x" * 295 + SECRET})),
    "message unsettled": http(json.dumps({"code": 500, "message": SECRET})),
    "title": http(f"<title>No {SECRET}</title>"),
    "title of an error": http(f"<title>{SECRET}</title>", "403 Forbidden"),
    "reason": http("", f"418 {SECRET}"),
    "redirect": http("", "302 Found", Location=f"https://elsewhere.example/?secret={SECRET}"),
    "server error": http(f"<title>{SECRET}</title>", "500 Oops"),
}


@pytest.mark.parametrize("answer", ECHOES.values(), ids=ECHOES)
@pytest.mark.parametrize(
    ("request_", "params"), [("query_stats", {}), ("action_campaign", PAUSE)], ids=["read", "write"]
)
def test_a_secret_that_the_server_echoes_goes_no_further(
    connect: Connect, parrot: Any, answer: bytes, request_: str, params: dict[str, Any]
) -> None:
    parrot.answers = [answer]
    with pytest.raises(YateotaError) as error:
        connect(parrot.api_url, retries=0).call(request_, params)
    everything = f"{error.value} {error.value.failure()} {error.value!r}"
    assert SECRET[:5] not in everything
    assert "*****" in everything
    assert SECRET.encode() in parrot.heard[0]


def test_a_long_message_is_cut(connect: Connect, parrot: Any) -> None:
    parrot.answers = [http(json.dumps({"code": 1, "message": "word \n" * 1000}))]
    with pytest.raises(ApiError) as error:
        connect(parrot.api_url).call("query_stats", {})
    assert len(str(error.value)) < 400
    assert "\n" not in str(error.value)


def test_a_server_that_speaks_no_http(connect: Connect, parrot: Any) -> None:
    parrot.answers = [b"SSH-2.0-OpenSSH_9.2\r\n"]
    with pytest.raises(TransportError, match=r"\(the server there does not speak HTTP\)"):
        connect(parrot.api_url, retries=0).call("query_stats", {})


def test_a_head_that_is_not_valid_is_http_all_the_same(connect: Connect, parrot: Any) -> None:
    parrot.answers = [b'HTTP/1.1 200 OK\r\nContent-Length: +11\r\n\r\n{"code": 0}']
    with pytest.raises(TransportError, match=r"\(the answer is not valid HTTP\)"):
        connect(parrot.api_url, retries=0).call("query_stats", {})


def test_a_body_that_ends_early(connect: Connect, parrot: Any) -> None:
    parrot.answers = [b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"code": 0, "count": 3}']
    client = connect(parrot.api_url, retries=1)
    with pytest.raises(TransportError, match="closed before the whole answer came"):
        client.call("query_stats", {})
    with pytest.raises(OutcomeUnknownError, match="closed before the whole answer came"):
        client.call("action_campaign", PAUSE)
    assert len(parrot.heard) == 3


@pytest.mark.parametrize("key", ["participants", "campaigns", "campaign"])
def test_lists_of_an_answer(key: str) -> None:
    assert items({key: [{"a": 1}, {"b": 2}]}, "x") == [{"a": 1}, {"b": 2}]
    assert items({key: {"1": {"b": 2}, "0": {"a": 1}}}, "x") == [{"a": 1}, {"b": 2}]
    assert items({key: None}, "x") == items({key: ""}, "x") == items({key: []}, "x") == items({key: {}}, "x") == []
    for odd in ("words", 7, [1], [None], {"a": 1}, [{"a": 1}, {}]):
        with pytest.raises(BadAnswerError, match=f"answer to x cannot be read: {key} is not a list .*Check that this"):
            items({key: odd}, "x")


@pytest.mark.parametrize(("answer", "has"), [({"b": 1, "a": 2}, "a, b"), ({}, "nothing")])
def test_an_answer_without_a_list(answer: dict[str, Any], has: str) -> None:
    with pytest.raises(BadAnswerError, match=rf"answer to x carries no list; it has {has}\. Check that this server"):
        items(answer, "x")
