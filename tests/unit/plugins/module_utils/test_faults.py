# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault of the sandbox with every request of the API: what is sent again, how often, and what is raised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import (
    ApiError,
    AuthError,
    BadAnswerError,
    OutcomeUnknownError,
    TransportError,
    YateotaError,
)
from ansible_collections.simops.yateota.plugins.module_utils._core.operations import OPERATIONS, Effect, effect
from ansible_collections.simops.yateota.tests.unit.plugins.servers import SECRET, Connect

from yateota_sandbox import Options, Sandbox
from yateota_sandbox.faults import Kind

RETRIES = 2

_PARAMS: dict[str, dict[str, Any]] = {
    "query_campaigns": {"campaign_id": 144},
    "get_campaign": {"campaign_id": 144},
    "query_participants": {"campaign_id": 167, "limit": 5, "offset": 0},
    "trace": {"campaign_id": 167, "participant_id": 195},
    "query_stats": {},
    "get_node_status": {},
    "action_campaign": {"campaign_id": 144},
    "action_participant": {"campaign_id": 167, "participant_id": 195},
}
CALLS = [
    (request, {**_PARAMS[request], "action": action} if action else _PARAMS[request])
    for request, entry in OPERATIONS.items()
    for action in (entry if isinstance(entry, Mapping) else [None])
]
READS = [call for call in CALLS if effect(*call) is Effect.READ]
WRITES = [call for call in CALLS if effect(*call) is not Effect.READ]

AGAIN, ONCE = 1 + RETRIES, 1
# Kind of fault -> how a read ends, how often it is sent, and how a write ends, which is sent once in each case.
OUTCOMES: dict[str, tuple[type[YateotaError] | None, int, type[YateotaError] | None]] = {
    "drop_before": (TransportError, AGAIN, OutcomeUnknownError),
    "drop_after": (TransportError, AGAIN, OutcomeUnknownError),
    "delay": (TransportError, AGAIN, OutcomeUnknownError),
    "http_404": (TransportError, ONCE, OutcomeUnknownError),
    "http_500": (TransportError, ONCE, OutcomeUnknownError),
    "http_502": (TransportError, AGAIN, OutcomeUnknownError),
    "http_503": (TransportError, AGAIN, OutcomeUnknownError),
    "http_504": (TransportError, AGAIN, OutcomeUnknownError),
    "http_429": (TransportError, AGAIN, TransportError),
    "html": (BadAnswerError, ONCE, OutcomeUnknownError),
    "truncated": (BadAnswerError, ONCE, OutcomeUnknownError),
    "empty": (BadAnswerError, ONCE, OutcomeUnknownError),
    "no_result": (BadAnswerError, ONCE, OutcomeUnknownError),
    "timeout_before": (ApiError, AGAIN, OutcomeUnknownError),
    "timeout_after": (ApiError, AGAIN, OutcomeUnknownError),
    "code": (ApiError, ONCE, ApiError),
    "redirect": (TransportError, ONCE, OutcomeUnknownError),
}
# What a fault needs besides its kind.
FIELDS: dict[str, dict[str, Any]] = {
    "delay": {"seconds": 0.6},
    "code": {"code": 404, "message": "Participant not found"},
    "redirect": {"location": "https://elsewhere.example/api.php"},
}


@pytest.fixture(scope="module", name="shared")
def _shared() -> Iterator[Sandbox]:
    """One sandbox for all of this file: no fault leaves anything behind that the next could stumble over."""
    with Sandbox(Options(secret=SECRET, speed=0)) as box:
        yield box


@pytest.fixture(name="box")
def _box(shared: Sandbox) -> Sandbox:
    shared.clear_faults()
    shared.clear_journal()
    return shared


def test_every_kind_of_fault_is_here() -> None:
    assert set(OUTCOMES) == set(get_args(Kind))
    assert len(CALLS) == 14


def _fail(connect: Connect, box: Sandbox, call: tuple[str, dict[str, Any]], kind: str) -> YateotaError:
    request, params = call
    box.fault(request=request, kind=kind, times=99, **FIELDS.get(kind, {}))
    client = connect(box, retries=RETRIES, timeout=0.3 if kind == "delay" else 10)
    with pytest.raises(YateotaError) as caught:
        client.call(request, params)
    return caught.value


def _check_words(error: YateotaError, call: tuple[str, dict[str, Any]]) -> None:
    """The error names the request, the action and the participant, ends in what to do, and keeps the secret."""
    request, params = call
    text = str(error)
    assert text.startswith(request)
    assert params.get("action", "") in text
    for name in ("participant_id", "campaign_id"):
        assert str(params.get(name, "")) in text
    assert any(
        word in text for word in ("Check ", "check ", "Try again", "try again", "read the state", "Look ", "Set ")
    )
    assert text.endswith(".")
    assert SECRET not in text + repr(error.failure())
    assert error.request == request


@pytest.mark.parametrize("kind", OUTCOMES)
@pytest.mark.parametrize("call", READS, ids=lambda call: call[0])
def test_read(connect: Connect, box: Sandbox, pauses: list[float], call: tuple[str, dict[str, Any]], kind: str) -> None:
    raised, sent, _write = OUTCOMES[kind]
    error = _fail(connect, box, call, kind)
    assert error.__class__ is raised
    assert [entry["fault"] for entry in box.journal()] == [kind] * sent
    assert len(pauses) == sent - 1
    _check_words(error, call)


@pytest.mark.parametrize("kind", OUTCOMES)
@pytest.mark.parametrize("call", WRITES, ids=lambda call: f"{call[0]}-{call[1]['action']}")
def test_write_is_sent_once(
    connect: Connect, box: Sandbox, pauses: list[float], call: tuple[str, dict[str, Any]], kind: str
) -> None:
    _read, _sent, raised = OUTCOMES[kind]
    error = _fail(connect, box, call, kind)
    assert error.__class__ is raised
    assert [entry["fault"] for entry in box.journal()] == [kind]
    assert pauses == []
    _check_words(error, call)


@pytest.mark.parametrize("kind", [kind for kind, (_raised, sent, _write) in OUTCOMES.items() if sent == AGAIN])
def test_a_read_succeeds_once_the_fault_has_passed(connect: Connect, box: Sandbox, kind: str) -> None:
    box.fault(kind=kind, times=2, **FIELDS.get(kind, {}))
    client = connect(box, retries=RETRIES, timeout=0.3 if kind == "delay" else 10)
    assert client.call("query_participants", {"campaign_id": 167}) == {"count": "80"}
    assert [entry["fault"] for entry in box.journal()] == [kind, kind, None]


@pytest.mark.parametrize("kind", ["drop_after", "timeout_after", "http_500", "http_502", "html", "truncated", "empty"])
def test_a_rerun_that_was_carried_out_unseen_is_not_repeated(
    connect: Connect, sandbox: Sandbox, pauses: list[float], kind: str
) -> None:
    sandbox.fault(request="action_participant", kind=kind, carried_out=True, times=99)
    with pytest.raises(OutcomeUnknownError, match="It may have been carried out: read the state before"):
        connect(sandbox).call("action_participant", {"imsi": "001010000000011", "action": "rerun"})
    assert sandbox.participant(195)["reruns"] == 1
    assert len(sandbox.journal()) == 1


@pytest.mark.parametrize("code", [200, 201, 300, 500, 599])
def test_codes_that_leave_a_write_open(connect: Connect, box: Sandbox, code: int) -> None:
    box.fault(kind="code", code=code, message="Engine gone", times=2)
    client = connect(box, retries=0)
    with pytest.raises(OutcomeUnknownError, match=rf"said 'Engine gone' \(code {code}\)") as unknown:
        client.call("action_campaign", {"campaign_id": 144, "action": "pause"})
    assert unknown.value.failure() == {
        "kind": "outcome_unknown",
        "request": "action_campaign",
        "code": code,
        "http_status": 200,
        "message": "Engine gone",
    }
    with pytest.raises(ApiError, match=f"code {code}"):
        client.call("query_stats", {})


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (401, "check the values given"),
        (402, "give what is missing"),
        (403, "ask the server's administrator"),
        (404, "check that it exists"),
        (200, "try again later"),
        (7, "check the server's log"),
    ],
)
def test_each_code_comes_with_its_hint(connect: Connect, box: Sandbox, code: int, advice: str) -> None:
    box.fault(kind="code", code=code, times=99)
    with pytest.raises(
        ApiError, match=rf"query_stats: the server said 'no message' \(code {code}\); .*{advice}.*\.$"
    ) as error:
        connect(box, retries=0).call("query_stats", {})
    assert error.value.message is None
    assert error.value.code == code


@pytest.mark.parametrize("call", [READS[0], WRITES[0]], ids=["read", "write"])
@pytest.mark.parametrize(
    ("secret", "status", "advice"),
    [(None, 401, "api_secret is needed"), ("wrong", 403, "api_secret is wrong or may not be used from here")],
)
def test_authentication(
    connect: Connect, box: Sandbox, call: tuple[str, dict[str, Any]], secret: str | None, status: int, advice: str
) -> None:
    with pytest.raises(AuthError, match=rf"HTTP {status} API Authentication \w+: {advice}\.$") as error:
        connect(box, api_secret=secret).call(*call)
    assert error.value.http_status == status
    assert [entry["authenticated"] for entry in box.journal()] == [False]
    assert not box.journal()[0]["carried_out"]


def test_a_redirect_is_named_and_not_followed(connect: Connect, box: Sandbox, parrot: Any) -> None:
    box.fault(kind="redirect", location=parrot.api_url)
    with pytest.raises(TransportError, match=f"a redirect to {parrot.api_url}, not followed .* Set api_url"):
        connect(box).call("query_stats", {})
    assert parrot.heard == []


@pytest.mark.parametrize(("kind", "asked", "waited"), [("http_429", 7, 7), ("http_503", 3, 3), ("http_503", 900, 30)])
def test_the_server_may_ask_for_a_pause(
    connect: Connect, box: Sandbox, pauses: list[float], kind: str, asked: int, waited: int
) -> None:
    box.fault(kind=kind, seconds=asked)
    connect(box).call("query_stats", {})
    assert pauses == [waited]


def test_pauses_grow_up_to_a_limit_and_differ_by_chance(connect: Connect, box: Sandbox, pauses: list[float]) -> None:
    box.fault(kind="http_503", times=99)
    with pytest.raises(TransportError):
        connect(box, retries=20).call("query_stats", {})
    full = [0.5, 1.0, 2.0, 4.0] + [8.0] * 16
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, full, strict=True))
    assert len(set(pauses)) > 10


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_retries_are_further_tries(connect: Connect, box: Sandbox, retries: int) -> None:
    box.fault(kind="http_502", times=99)
    with pytest.raises(TransportError, match=r"HTTP 502 Bad Gateway\. Try again later"):
        connect(box, retries=retries).call("query_stats", {})
    assert len(box.journal()) == retries + 1


def test_what_is_not_in_the_table_is_never_sent(connect: Connect, box: Sandbox) -> None:
    client = connect(box)
    for request, params in (("drop_database", {}), ("action_campaign", {"action": "explode"}), ("action_campaign", {})):
        with pytest.raises(KeyError):
            client.call(request, params)
    assert box.journal() == []
