# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections: kept alive, shared by threads, refused, opened late, through proxies."""

from __future__ import annotations

import concurrent.futures
import re
import socket
import time
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._api.transport import Connection
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import (
    InvalidInputError,
    OutcomeUnknownError,
    TransportError,
    YateotaError,
)
from ansible_collections.simops.yateota.tests.unit.plugins.servers import (
    SECRET,
    Connect,
    SocksProxy,
    StartSandbox,
    free_port,
    http,
    serving,
)

from yateota_sandbox import Options, Sandbox

COUNT = ("query_participants", {"campaign_id": 167})
PAUSE = {"campaign_id": 144, "action": "pause"}
RERUN = {"imsi": "001010000000011", "action": "rerun"}


def connections(box: Sandbox) -> set[int]:
    """The TCP connections over which requests came."""
    return {entry["connection"] for entry in box.journal()}


def test_a_connection_is_kept_alive(connect: Connect, sandbox: Sandbox) -> None:
    client = connect(sandbox)
    for _again in range(20):
        client.call("query_stats", {})
    client.call("action_campaign", PAUSE)
    assert len(connections(sandbox)) == 1


def test_a_server_may_close_each_connection(connect: Connect, start_sandbox: StartSandbox) -> None:
    box = start_sandbox(connection="close")
    client = connect(box)
    for _again in range(5):
        client.call("query_stats", {})
    client.call("action_participant", RERUN)
    assert len(connections(box)) == 6
    assert box.participant(195)["reruns"] == 1


def test_threads_share_as_many_connections_as_there_are(connect: Connect, start_sandbox: StartSandbox) -> None:
    """Three at a time, ten times over: the connections that rest in between are kept too."""
    box = start_sandbox(service_time=0.02)
    client = connect(box, connections=3)
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        for _again in range(10):
            answers = list(threads.map(lambda each: client.call(*each), [COUNT] * 3))
            assert answers == [{"count": "80"}] * 3
    assert len(box.journal()) == 30
    assert len(connections(box)) == 3


def test_failures_of_one_thread_are_not_taken_for_anothers(connect: Connect, sandbox: Sandbox) -> None:
    """Whether a request was sent is noted for each thread: one that is refused must not hide one that was sent."""
    dead = connect(f"http://127.0.0.1:{free_port()}/api.php", retries=0)
    alive = connect(sandbox, connections=4, retries=0)
    sandbox.fault(request="action_participant", kind="drop_after", times=99)

    def send(number: int) -> type[YateotaError]:
        with pytest.raises(YateotaError) as error:
            (dead if number % 2 else alive).call(
                "action_participant", {"participant_id": 185 + number, "action": "retry"}
            )
        return type(error.value)

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        assert list(threads.map(send, range(40))) == [OutcomeUnknownError, TransportError] * 20
    assert len(sandbox.writes()) == 20


def test_a_connection_that_the_server_closed_in_between_costs_nothing(
    connect: Connect, start_sandbox: StartSandbox, pauses: list[float]
) -> None:
    port = free_port()
    with Sandbox(Options(port=port, secret=SECRET)) as first:
        client = connect(first)
        client.call("query_stats", {})
    second = start_sandbox(port=port)
    client.call("action_participant", RERUN)
    assert second.participant(195)["reruns"] == 1
    assert pauses == []


@pytest.mark.parametrize(("request_", "params"), [("query_stats", {}), ("action_participant", RERUN)])
def test_a_refused_connection_is_tried_again_for_writes_too(
    connect: Connect, pauses: list[float], request_: str, params: dict[str, Any]
) -> None:
    url = f"http://127.0.0.1:{free_port()}/api.php"
    with pytest.raises(TransportError) as error:
        connect(url, retries=3).call(request_, params)
    assert f"cannot reach {url} (Connection refused). Check the address and the network, and" in str(error.value)
    assert error.value.failure() == {
        "kind": "transport",
        "request": request_,
        "code": None,
        "http_status": None,
        "message": "Connection refused",
    }
    assert len(pauses) == 3


def test_a_write_reaches_a_server_that_opens_late_once(connect: Connect, start_sandbox: StartSandbox) -> None:
    port = free_port()
    boxes: list[Sandbox] = []

    def sleep(seconds: float) -> None:
        boxes.append(start_sandbox(port=port))

    client = connect(f"http://127.0.0.1:{port}/api.php", sleep=sleep)
    client.call("action_participant", RERUN)
    (box,) = boxes
    assert [entry["write"] for entry in box.journal()] == [True]
    assert box.participant(195)["reruns"] == 1


def test_a_name_that_cannot_be_resolved(connect: Connect, pauses: list[float]) -> None:
    with pytest.raises(TransportError, match=r"\(the host name cannot be resolved\)\. Check the address"):
        connect("http://nowhere.invalid/api.php").call("action_campaign", PAUSE)
    assert len(pauses) == 2


def test_a_server_that_accepts_and_says_nothing(connect: Connect, pauses: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = connect(f"http://127.0.0.1:{listener.getsockname()[1]}/api.php", timeout=0.1)
        started = time.monotonic()
        with pytest.raises(TransportError, match="no answer within the timeout"):
            client.call("query_stats", {})
        assert len(pauses) == 2
        with pytest.raises(OutcomeUnknownError, match="no answer within the timeout"):
            client.call("action_campaign", PAUSE)
        assert 0.4 <= time.monotonic() - started < 5
    assert len(pauses) == 2


def test_ipv6(connect: Connect, start_sandbox: StartSandbox) -> None:
    box = start_sandbox(host="::1")
    assert "//[::1]:" in box.url
    assert connect(box).call(*COUNT) == {"count": "80"}


# --- Proxies ----------------------------------------------------------------------------------------------------------


@pytest.fixture(name="_proxied")
def _proxied_environment(proxy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
    monkeypatch.setenv("https_proxy", f"http://{proxy.address}")


@pytest.mark.usefixtures("_proxied")
def test_http_goes_through_the_proxy(connect: Connect, sandbox: Sandbox, proxy: Any) -> None:
    connect(sandbox).call("action_campaign", PAUSE)
    assert len(sandbox.writes()) == 1
    assert proxy.heard[0].startswith(f"POST {sandbox.url} HTTP/1.1".encode())


@pytest.mark.usefixtures("_proxied")
def test_https_goes_through_a_tunnel_in_which_the_proxy_sees_no_secret(
    connect: Connect, tls_sandbox: Sandbox, proxy: Any
) -> None:
    client = connect(tls_sandbox, ca_path=str(tls_sandbox.ca_path))
    client.call("query_stats", {})
    client.call("action_campaign", PAUSE)
    assert len(tls_sandbox.journal()) == 2
    (heard,) = proxy.heard
    assert heard.startswith(b"CONNECT 127.0.0.1:")
    assert SECRET.encode() not in heard


@pytest.mark.usefixtures("_proxied")
def test_use_proxy_false_and_no_proxy_go_around_it(
    connect: Connect, sandbox: Sandbox, proxy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(sandbox, use_proxy=False).call("query_stats", {})
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    connect(sandbox).call("query_stats", {})
    assert len(sandbox.journal()) == 2
    assert proxy.heard == []


@pytest.mark.usefixtures("_proxied")
def test_a_tunnel_that_the_proxy_refuses_is_no_request_that_left(
    connect: Connect, tls_sandbox: Sandbox, proxy: Any
) -> None:
    proxy.answers = [http("", "502 Bad Gateway")]
    client = connect(tls_sandbox, ca_path=str(tls_sandbox.ca_path))
    with pytest.raises(TransportError, match=r"through the proxy of the environment: Tunnel connection failed: 502"):
        client.call("action_participant", RERUN)
    assert len(proxy.heard) == 3
    assert tls_sandbox.journal() == []


@pytest.mark.usefixtures("_proxied")
def test_a_request_that_the_proxy_took_may_have_left(connect: Connect, sandbox: Sandbox, proxy: Any) -> None:
    proxy.answers = [b""]
    with pytest.raises(OutcomeUnknownError):
        connect(sandbox).call("action_participant", RERUN)
    assert len(proxy.heard) == 1


def test_a_write_through_a_socks_proxy_is_not_sent_again(
    connect: Connect, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.fault(request="action_participant", kind="drop_after")
    with serving(SocksProxy) as proxy:
        monkeypatch.setenv("all_proxy", f"socks5://{proxy.address}")
        with pytest.raises(OutcomeUnknownError):
            connect(sandbox).call("action_participant", RERUN)
        assert proxy.heard
    assert len(sandbox.writes()) == 1


def test_a_write_that_a_socks_proxy_cannot_lead_anywhere_has_not_left(
    connect: Connect, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", f"socks5://127.0.0.1:{free_port()}")
    with pytest.raises(TransportError):
        connect(sandbox, retries=0).call("action_participant", RERUN)
    assert sandbox.journal() == []


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:{port}", "through the proxy of the environment: Connection refused"),
        ("http://", "proxy variables cannot be used: Please check proxy URL"),
        ("carrier-pigeon://user:pass-word@x", "the proxy that the environment names cannot be used"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_what_is_named(
    connect: Connect, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, address: str, words: str
) -> None:
    monkeypatch.setenv("http_proxy", address.format(port=free_port()))
    with pytest.raises(TransportError, match=re.escape(words)) as error:
        connect(sandbox, retries=0).call("action_campaign", PAUSE)
    assert "pass-word" not in str(error.value)
    assert sandbox.journal() == []


def test_the_secret_is_no_part_of_a_connections_words() -> None:
    connection = Connection(api_url="http://x/api.php", api_secret=SECRET)
    assert SECRET not in f"{connection} {connection!r}"


@pytest.mark.parametrize("url", ["http://*.example/api.php", "https://ä_b.example/api.php"])
def test_a_host_that_cannot_be_one(connect: Connect, url: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"^api_url '{re.escape(url)}' is not valid \(.*\): give https://host"):
        connect(url)
