# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exchange requests and answers over a connection, limited in time and size.

There is one request at a time.
"""

from __future__ import annotations

import contextlib
import ssl
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._core.libraries import guarded

if TYPE_CHECKING:
    import h11
else:
    h11 = guarded("h11")

_HEAD_MOST = 65536  # bytes of the status line and the headers of one answer
_INTERIM_MOST = 32
_RECEIVED_AT_ONCE = 65536  # bytes

REST_MOST = 0.5
"""Seconds after which an idle connection is not used again: firewalls, load balancers and servers drop idle connections
silently, and a request sent on one of those may or may not arrive."""


class WireError(Exception):
    """The answer is incomplete or not valid.

    Attributes:
        is_answer_unusable: whether an answer came that another try would not change.
    """

    def __init__(self, text: str, is_answer_unusable: bool = False) -> None:
        super().__init__(text)
        self.is_answer_unusable = is_answer_unusable


class SendingForbiddenError(Exception):
    """A request was held back: no part of it was sent."""


def always() -> bool:
    """Return True: by default nothing holds requests back."""
    return True


CLOSED = "the connection was closed before the whole answer came"
NO_HTTP = "the server there does not speak HTTP"
SPEAKS_TLS = "the server there speaks TLS: check the scheme and the port of api_url, or use https://"


@dataclass(frozen=True)
class Reply:
    """A response: status, reason phrase, headers (names in lower case) and text."""

    status: int
    reason: str
    headers: dict[str, str]
    text: str


class Wire:
    """A connected socket that carries requests to one URL, one after the other.

    h11 reads the answers, because it accepts only what RFC 9112 does: no second Content-Length, no chunk sizes in
    other digits, no body that ends early; and it keeps data after an answer separate.

    Args:
        connection: urllib3's connection; it owns the socket.
        target: the request target.
        headers: the headers of every request, without Content-Length.

    Attributes:
        sent: whether any part of the latest request may have been sent.
    """

    def __init__(self, connection: Any, target: str, headers: Sequence[tuple[str, str]]) -> None:
        self._connection = connection
        self._socket = connection.sock
        self._target = target
        self._headers = headers
        self._requests: dict[int, h11.Request] = {}  # by length: to check the same headers again takes as long as JSON
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_MOST)
        self._rests_since = time.monotonic()
        self._heard = b""  # the first bytes of the latest answer
        self.sent = False

    @property
    def is_reusable(self) -> bool:
        """Return whether the connection can carry another request.

        The latest answer was complete, the server keeps the connection open, and nothing came after the answer.
        """
        return self._http.our_state is self._http.their_state is h11.IDLE

    def is_quiet(self) -> bool:
        """Return whether a request may be sent over this connection.

        It must be open, not idle for too long, and without unread bytes: those that arrive before a request cannot be
        its answer.
        """
        if time.monotonic() - self._rests_since > REST_MOST:
            return False
        self._socket.settimeout(0)
        try:
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def exchange(self, body: bytes, timeout: float, largest: int, may_send: Callable[[], bool]) -> Reply:
        """Post a body and read the answer to its end.

        Args:
            body: the body.
            timeout: seconds that sending and the whole answer may take, interim answers included.
            largest: the largest allowed size of the answer's body, in bytes after decompression.
            may_send: called right before the request is sent.

        Raises:
            SendingForbiddenError: it returned false.
            WireError: no complete, valid answer came.
            OSError: the network failed; a TimeoutError if the time is over.
        """
        deadline = time.monotonic() + timeout
        head = self._http.send(self._request(len(body)))
        data = b"".join(filter(None, (head, self._http.send(h11.Data(data=body)), self._http.send(h11.EndOfMessage()))))
        self._socket.settimeout(timeout)
        # Not earlier: the process may have been stopped meanwhile, or the connection may have been slow.
        if not may_send():
            raise SendingForbiddenError
        self.sent, self._heard = True, b""
        with contextlib.suppress(BrokenPipeError):  # the server may have answered before it read it all
            self._socket.sendall(data)
        reply = self._reply(deadline, largest)
        if self._http.our_state is self._http.their_state is h11.DONE and not self._http.trailing_data[0]:
            self._http.start_next_cycle()
        self._rests_since = time.monotonic()
        return reply

    def _request(self, length: int) -> h11.Request:
        if length not in self._requests:
            headers = [*self._headers, ("Content-Length", str(length))]
            self._requests[length] = h11.Request(method="POST", target=self._target, headers=headers)
        return self._requests[length]

    def _reply(self, deadline: float, largest: int) -> Reply:
        """Return the final answer.

        Any number of interim ones may come before it (RFC 9110, 15.2), up to a limit.
        """
        response: h11.Response | None = None
        content = _Content("", largest)
        interim = 0
        while True:
            event = self._event(deadline)
            if isinstance(event, h11.InformationalResponse):
                interim += 1
                if interim > _INTERIM_MOST:
                    raise WireError(f"more than {_INTERIM_MOST} interim answers came, and no final one")
            elif isinstance(event, h11.Response):
                response = event
                headers = _joined(event.headers)
                if "transfer-encoding" in headers and "content-length" in headers:
                    raise WireError("the answer contradicts itself about its length")
                content = _Content(headers.get("content-encoding", ""), largest)
            elif isinstance(event, h11.Data):
                content.add(event.data)
            elif response and isinstance(event, h11.EndOfMessage):
                reason = bytes(response.reason).decode("latin-1")
                return Reply(response.status_code, reason, headers, _text(content.whole()))
            else:
                raise WireError(CLOSED)

    def _event(self, deadline: float) -> Any:
        """Return the next event of an answer."""
        received = None
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise TimeoutError
                self._socket.settimeout(remaining)
                received = self._socket.recv(_RECEIVED_AT_ONCE)
                self._heard += received[: 5 - len(self._heard)]
                self._http.receive_data(received)
        except h11.RemoteProtocolError:
            raise WireError(self._fault(ended=received == b"")) from None
        return event

    def _fault(self, ended: bool) -> str:
        """Return what is wrong with an answer that h11 rejects."""
        if self._heard[:2] in (b"\x15\x03", b"\x16\x03"):
            return SPEAKS_TLS
        if not b"HTTP/".startswith(self._heard):
            return NO_HTTP
        return CLOSED if ended else "the answer is not valid HTTP"

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _joined(headers: Any) -> dict[str, str]:
    """Return headers by name.

    The values of a repeated one are joined, as RFC 9110 requires.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


class _Content:
    """The body of an answer.

    It is decompressed as it arrives, so that a small one cannot become huge.

    Args:
        encoding: the answer's Content-Encoding; requests ask for none.
        largest: the largest allowed size in bytes after decompression.
    """

    def __init__(self, encoding: str, largest: int) -> None:
        name = encoding.strip().lower()
        if name not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise WireError("the answer is compressed in a way that was not asked for", is_answer_unusable=True)
        self._inflate = zlib.decompressobj(32 + zlib.MAX_WBITS) if name not in ("", "identity") else None
        self._largest = largest
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> None:
        """Add the next part as it arrived.

        Raises:
            WireError: the body is too large, or its compression is broken.
        """
        if self._inflate:
            try:
                data = self._inflate.decompress(data, self._largest - self._size + 1)
            except zlib.error:
                raise WireError(
                    "the answer is compressed and cannot be decompressed", is_answer_unusable=True
                ) from None
        self._size += len(data)
        if self._size > self._largest:
            raise WireError(f"the answer is larger than {self._largest >> 20} MiB", is_answer_unusable=True)
        self._parts.append(bytes(data))

    def whole(self) -> bytes:
        """Return the complete body, at its end.

        Raises:
            WireError: its compression ends early.
        """
        if self._inflate and self._parts and not self._inflate.eof:
            raise WireError("the answer is compressed and ends early", is_answer_unusable=True)
        return b"".join(self._parts)


def _text(content: bytes) -> str:
    """Decode the text of JSON.

    It is UTF-8 with or without a byte order mark, or UTF-16 if its byte order mark says that.
    """
    utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    return content.decode("utf-16" if utf16 else "utf-8", "replace").removeprefix("\ufeff")
