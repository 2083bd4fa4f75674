# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to a server that lead nowhere: whatever the libraries raise on them, it is a failure of ours in one sentence."""

from __future__ import annotations

import socketserver
import time
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._api import transport, wire
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import (
    InvalidInputError,
    OutcomeUnknownError,
    TransportError,
    YateotaError,
)
from ansible_collections.simops.yateota.tests.unit.plugins.servers import (
    Connect,
    http,
    read_request,
    serving,
)

from yateota_sandbox import Sandbox

RERUN = ("action_participant", {"iccid": "8931440400000000001", "action": "rerun"})

PROXIES = [
    "http://[::1",
    "http://a..b:80",
    "http://" + "a" * 64 + ".example:80",
    "http://%zz:80",
    "http://x:port",
    "http://x:99999",
    "http://user:pass-word@[x]:80",
    "socks5://user:pass-word@x..y:1",
    "socks9://user:pass-word@x:1",
    "pass-word",
    "://pass-word",
    "http:///pass-word",
]


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_cannot_be_one(
    connect: Connect, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, proxy: str, scheme: str
) -> None:
    monkeypatch.setenv(f"{scheme}_proxy", proxy)
    url = sandbox.url.replace("http", scheme)
    with pytest.raises(TransportError) as error:
        connect(url, retries=0, timeout=2).call(*RERUN)
    assert "pass-word" not in str(error.value).replace(f"'{proxy}'", "")
    assert sandbox.journal() == []


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example", "[::1", "%zz", "x y", "ex\u2100mple", "\ud800"])
def test_a_host_that_cannot_be_one(connect: Connect, host: str) -> None:
    with pytest.raises((InvalidInputError, TransportError)):
        connect(f"http://{host}/api.php", retries=0).call(*RERUN)


class DrippingProxy(socketserver.BaseRequestHandler):
    """Answers CONNECT with a header line every tenth of a second, and never ends."""

    def handle(self) -> None:
        self.server.heard.append(read_request(self.request))
        try:
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n")
            for _each in range(60):
                self.request.sendall(b"X-Pad: y\r\n")
                time.sleep(0.1)
        except OSError:
            return


def test_a_proxy_that_draws_its_answer_out(connect: Connect, tls_sandbox: Sandbox, monkeypatch: Any) -> None:
    with serving(DrippingProxy) as proxy:
        monkeypatch.setenv("https_proxy", f"http://{proxy.address}")
        started = time.monotonic()
        with pytest.raises(TransportError, match="through the proxy of the environment: no answer within the timeout"):
            connect(tls_sandbox, retries=0, timeout=0.4).call(*RERUN)
        assert time.monotonic() - started < 4
    assert tls_sandbox.journal() == []


def test_https_to_a_port_of_http_and_the_reverse(connect: Connect, sandbox: Sandbox, parrot: Any) -> None:
    with pytest.raises(
        TransportError, match="does not speak TLS: check the scheme and the port of api_url, or use http://"
    ):
        connect(sandbox.url.replace("http:", "https:"), retries=0).call(*RERUN)
    parrot.answers = [b"\x15\x03\x01\x00\x02\x02\x46"]  # a TLS server's alert
    with pytest.raises(
        OutcomeUnknownError, match="speaks TLS: check the scheme and the port of api_url, or use https://"
    ):
        connect(parrot.api_url, retries=0).call(*RERUN)
    for said in ("The plain HTTP request was sent to HTTPS port", "speaking plain HTTP to an SSL-enabled server port"):
        parrot.answers = [http(f"<html><title>400 Bad Request</title>{said}</html>", "400 Bad Request")]
        with pytest.raises(YateotaError, match="speaks TLS: check the scheme and the port of api_url, or use https://"):
            connect(parrot.api_url, retries=0).call(*RERUN)
    parrot.answers = [b""]  # as servers of TLS do that say nothing
    with pytest.raises(TransportError, match="Use https:// where this port expects TLS"):
        connect(parrot.api_url, retries=0).call("get_node_status", {})


@pytest.mark.parametrize("failure", [ValueError, LookupError, MemoryError, RecursionError, AssertionError])
@pytest.mark.parametrize("place", ["before", "after"])
def test_whatever_is_raised_on_the_way_is_ours(
    connect: Connect, parrot: Any, monkeypatch: pytest.MonkeyPatch, failure: type[Exception], place: str
) -> None:
    """And it is known whether the request was sent."""

    def fail(*_arguments: Any) -> Any:
        raise failure("odd")

    parrot.answers = [http('{"code": 0}')]
    if place == "before":
        monkeypatch.setattr(transport.Transport, "_connected", fail)
    else:
        monkeypatch.setattr(wire.Wire, "_reply", fail)
    with pytest.raises(TransportError if place == "before" else OutcomeUnknownError):
        connect(parrot.api_url, retries=0).call(*RERUN)
