# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer of a request is its own and whole, and comes in time: over raw sockets, byte by byte."""

from __future__ import annotations

import gzip
import ssl
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import trustme
from ansible_collections.simops.yateota.plugins.module_utils._api.client import Client
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import (
    ApiError,
    BadAnswerError,
    OutcomeUnknownError,
    TransportError,
)
from ansible_collections.simops.yateota.tests.unit.plugins.servers import (
    Connect,
    IdleReset,
    Keeper,
    kept,
    serving,
    wait_until_sent,
)

PAUSE = ("action_campaign", {"campaign_id": 144, "action": "pause"})
COUNT = ("query_participants", {"campaign_id": 167})
STATS = ("query_stats", {})
BODY = b'{"code": 0}'
DONE = kept(BODY)
REFUSED = kept('{"code": 404}')


@pytest.fixture(name="keeper")
def _keeper() -> Iterator[Any]:
    with serving(Keeper) as server:
        yield server


def outcomes(client: Client, number: int) -> list[str]:
    """What so many writes came to."""
    found = []
    for _each in range(number):
        try:
            client.call(*PAUSE)
            found.append("done")
        except ApiError as error:
            found.append(str(error.code))
        except OutcomeUnknownError:
            found.append("unknown")
    return found


# --- Its own --------------------------------------------------------------------------------------------------------

INTERIM = {
    "early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",
    "processing": b"HTTP/1.1 102 Processing\r\n\r\n",
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n",
    "several": b"HTTP/1.1 102 Processing\r\n\r\n" * 20,
    "one that nobody knows": b"HTTP/1.1 199 Later\r\nX-Queue: 7\r\n\r\n",
}


@pytest.mark.parametrize("interim", INTERIM.values(), ids=INTERIM)
def test_interim_answers_are_skipped(connect: Connect, keeper: Any, interim: bytes) -> None:
    keeper.answers = [interim + DONE, REFUSED, [interim, 0.01, DONE], REFUSED, DONE]
    assert outcomes(connect(keeper.api_url), 5) == ["done", "404", "done", "404", "done"]
    assert keeper.connections == 1


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 102 Processing\r\n\r\n" * 200, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + DONE],
    ids=["endless", "a protocol that was not asked for"],
)
def test_interim_answers_that_lead_nowhere(connect: Connect, keeper: Any, answer: bytes) -> None:
    keeper.answers = [answer, REFUSED]
    assert outcomes(connect(keeper.api_url), 2) == ["unknown", "404"]
    assert keeper.connections == 2


EXTRA = {
    "an answer": DONE + REFUSED,
    "an answer, a little later": [DONE, 0.05, REFUSED],
    "half of an answer": DONE + REFUSED[:20],
    "the end of an answer, later": [DONE, 0.05, REFUSED[20:]],
    "a line": DONE + b"\r\n",
    "more than was said": DONE + b"// Not writeable /var/log/json_api",
    "an interim answer": [DONE, 0.05, b"HTTP/1.1 102 Processing\r\n\r\n"],
    "the end of the connection": [DONE, b""],
}


@pytest.mark.parametrize("answer", EXTRA.values(), ids=EXTRA)
def test_what_comes_after_an_answer_is_not_the_next_one(connect: Connect, keeper: Any, answer: Any) -> None:
    keeper.answers = [answer, kept('{"code": 403}'), DONE]
    client = connect(keeper.api_url)
    assert outcomes(client, 1) == ["done"]
    wait_until_sent(keeper, 1)
    assert outcomes(client, 2) == ["403", "done"]
    assert keeper.connections == 2


class TlsKeeper(Keeper):
    """Speaks TLS."""

    def setup(self) -> None:
        self.request = self.server.context.wrap_socket(self.request, server_side=True)

    def finish(self) -> None:
        self.request.close()


@pytest.mark.parametrize("answer", EXTRA.values(), ids=EXTRA)
def test_nor_is_it_over_tls(connect: Connect, answer: Any) -> None:
    """What waits there may be no answer at all: a server sends its session tickets after the handshake."""
    with serving(TlsKeeper) as keeper:
        keeper.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(keeper.context)
        keeper.answers = [DONE, answer, kept('{"code": 403}'), DONE]
        client = connect(keeper.api_url.replace("http:", "https:"), validate_certs=False)
        assert outcomes(client, 2) == ["done", "done"]
        assert keeper.connections == 1
        wait_until_sent(keeper, 2)
        assert outcomes(client, 2) == ["403", "done"]
        assert keeper.connections == 2


def test_a_connection_that_rested_is_not_used_for_a_write(connect: Connect) -> None:
    with serving(IdleReset) as server:
        client = connect(server.api_url)
        client.call(*PAUSE)
        time.sleep(IdleReset.REST + 0.1)
        assert outcomes(client, 2) == ["done", "done"]
        assert len(server.heard) == 3


# --- Whole ----------------------------------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BROKEN = {
    "two lengths": HEAD + b"Content-Length: 11\r\nContent-Length: 12\r\n\r\n" + BODY,
    "a list of lengths": HEAD + b"Content-Length: 11, 12\r\n\r\n" + BODY,
    "length and chunks": HEAD
    + b"Content-Length: 11\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n"
    + BODY
    + b"\r\n0\r\n\r\n",
    "a signed length": HEAD + b"Content-Length: +11\r\n\r\n" + BODY,
    "a length in Python's digits": HEAD + b"Content-Length: 1_1\r\n\r\n" + BODY,
    "a negative length": HEAD + b"Content-Length: -11\r\n\r\n" + BODY,
    "a length in words": HEAD + b"Content-Length: eleven\r\n\r\n" + BODY,
    "chunk size with a prefix": CHUNKED + b"0xb\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunk size with a sign": CHUNKED + b"+b\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunk with no end": CHUNKED + b"b\r\n" + BODY + b"XX0\r\n\r\n",
    "chunk size of no digits": CHUNKED + b"zz\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a last chunk that is missing": [CHUNKED + b"b\r\n" + BODY + b"\r\n", b""],
    "trailers that do not end": [CHUNKED + b"b\r\n" + BODY + b"\r\n0\r\nX: y\r\n", b""],
    "an encoding nobody knows": HEAD + b"Transfer-Encoding: rot13\r\n\r\n" + BODY,
    "a body that is short": [HEAD + b"Content-Length: 50\r\n\r\n" + BODY, b""],
    "a header without a colon": HEAD + b"nonsense\r\nContent-Length: 11\r\n\r\n" + BODY,
    "a header line too long": HEAD + b"X: " + b"y" * 200_000 + b"\r\nContent-Length: 11\r\n\r\n" + BODY,
    "headers without end": HEAD + b"X: y\r\n" * 30_000,
    "no status": b"HTTP/1.1 \r\nContent-Length: 11\r\n\r\n" + BODY,
    "a status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 11\r\n\r\n" + BODY,
    "a status in other digits": "HTTP/1.1 ٢٠٠ OK\r\nContent-Length: 11\r\n\r\n".encode() + BODY,
    "no HTTP": b"ICY 200 OK\r\nContent-Length: 11\r\n\r\n" + BODY,
    "nothing at all": b"",
    "compressed, cut": HEAD
    + b"Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n"
    + gzip.compress(BODY, mtime=0)[:20],
    "compressed, it says": HEAD + b"Content-Encoding: gzip\r\nContent-Length: 11\r\n\r\n" + BODY,
    "compressed in a way of its own": HEAD + b"Content-Encoding: br\r\nContent-Length: 11\r\n\r\n" + BODY,
    "compressed twice": HEAD
    + b"Content-Encoding: gzip, gzip\r\nContent-Length: 51\r\n\r\n"
    + gzip.compress(gzip.compress(BODY, mtime=0), mtime=0),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_is_none(connect: Connect, keeper: Any, answer: Any) -> None:
    """For a write its outcome is unknown, for a read it is an error; the next request goes over another connection."""
    keeper.answers = [answer, REFUSED]
    client = connect(keeper.api_url, retries=0, timeout=5)
    assert outcomes(client, 2) == ["unknown", "404"]
    assert keeper.connections == 2
    keeper.answers = [answer]
    with pytest.raises((TransportError, BadAnswerError)):
        connect(keeper.api_url, retries=0).call(*STATS)


WHOLE = {
    "chunks": CHUNKED + b"5;x=y\r\n" + BODY[:5] + b"\r\n6\r\n" + BODY[5:] + b"\r\n0\r\nX: y\r\n\r\n",
    "the same length twice": HEAD + b"Content-Length: 11\r\nContent-Length: 11\r\n\r\n" + BODY,
    "bare line ends": DONE.replace(b"\r\n", b"\n"),
    "gzip": kept(gzip.compress(BODY), Content_Encoding="gzip"),
    "deflate": kept(zlib.compress(BODY), Content_Encoding="deflate"),
    "a header in another encoding": HEAD + b"X-Place: K\xf6ln\r\nContent-Length: 11\r\n\r\n" + BODY,
}


@pytest.mark.parametrize("answer", WHOLE.values(), ids=WHOLE)
def test_a_whole_answer_is_one(connect: Connect, keeper: Any, answer: bytes) -> None:
    keeper.answers = [answer, REFUSED, answer]
    assert outcomes(connect(keeper.api_url), 3) == ["done", "404", "done"]
    assert keeper.connections == 1


def test_the_end_of_the_connection_ends_a_body_that_has_no_length(connect: Connect, keeper: Any) -> None:
    keeper.answers = [[HEAD + b"\r\n" + BODY, b""], REFUSED]
    assert outcomes(connect(keeper.api_url), 2) == ["done", "404"]


# --- In time and size -----------------------------------------------------------------------------------------------

DRIPS = {
    "interim answers": [b"HTTP/1.1 102 Processing\r\n\r\n", 0.1] * 20,
    "headers": [HEAD, *([b"X-Pad: y\r\n", 0.1] * 60)],
    "body": [CHUNKED, *([b"1\r\n \r\n", 0.1] * 60)],
}


@pytest.mark.parametrize("answer", DRIPS.values(), ids=DRIPS)
def test_an_answer_that_comes_in_drops_ends_with_the_timeout(connect: Connect, keeper: Any, answer: Any) -> None:
    keeper.answers = [answer]
    client = connect(keeper.api_url, retries=0, timeout=0.4)
    started = time.monotonic()
    with pytest.raises(OutcomeUnknownError, match="no answer within the timeout"):
        client.call(*PAUSE)
    with pytest.raises(TransportError, match="no answer within the timeout"):
        client.call(*STATS)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("call", "mebibytes", "error"),
    [(COUNT, 16, BadAnswerError), (STATS, 64, BadAnswerError), (PAUSE, 64, OutcomeUnknownError)],
    ids=["page", "read", "write"],
)
def test_a_bomb_ends_early(connect: Connect, keeper: Any, call: Any, mebibytes: int, error: Any) -> None:
    bomb = zlib.compress(b'{"code": 0, "x": "' + bytes((mebibytes << 20) + 1), 1)
    keeper.answers = [kept(bomb, Content_Encoding="gzip")]
    with pytest.raises(error, match=f"the answer is larger than {mebibytes} MiB"):
        connect(keeper.api_url).call(*call)
    assert len(keeper.heard) == 1


def test_an_answer_that_is_as_large_as_it_may_be(connect: Connect, keeper: Any) -> None:
    body = b'{"code": 0, "count": 3}'
    keeper.answers = [kept(gzip.compress(body.ljust(16 << 20), 1), Content_Encoding="gzip")]
    assert connect(keeper.api_url).call(*COUNT) == {"count": 3}
