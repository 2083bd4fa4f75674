"""The mutating server's answer to one request, and what a client may conclude from it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

OK, REFUSED, AGAIN, UNKNOWN = "ok", "refused", "again", "unknown"
"""What may be concluded of a write: carried out, refused for this participant, certainly not carried out, unknown."""

SECRET = "correct-horse"
SIM_KEY = "C0FFEE00C0FFEE00"
"""The value of the secret keys of a SIM (``kic`` and others) that a mutation adds."""

TIMEOUT = 1.0
"""The option `timeout` of every task, in seconds."""

CLOSE, RESET, HOLD = object(), object(), object()
"""Steps besides bytes and pauses: close the connection, reset it, wait until the client gives up."""

Step = Any
"""Bytes to send, seconds to wait, or one of the objects above."""

Verdict = frozenset[str]


@dataclass(frozen=True)
class Good:
    """The answer that the node gave.

    Attributes:
        document: its JSON.
        body: the bytes of it.
    """

    document: dict[str, Any]
    body: bytes

    @property
    def cuts(self) -> int:
        """Return the last offset at which a cut makes the JSON incomplete.

        A note of the server's log may follow the JSON.
        """
        return self.body.rindex(b"}")

    @property
    def verdict(self) -> Verdict:
        """Return what the answer means when it arrives as it is."""
        return frozenset({OK}) if self.document.get("code") == 0 else frozenset({REFUSED, AGAIN})


@dataclass(frozen=True)
class Script:
    """The steps of the server for one request.

    Attributes:
        steps: in order; the connection is kept after the last.
        verdict: what a client may conclude from it.
        lies: whether the content differs from the node's answer.
        poisons: whether bytes that belong to no request may remain on the connection.
        late: whether those may arrive only after the next request was sent, and then look like its answer.
    """

    steps: tuple[Step, ...]
    verdict: Verdict
    lies: bool = False
    poisons: bool = False
    late: bool = False


def whole(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body of the sandbox's begins with.

    A note of the server's log may follow it.
    """
    document, _end = json.JSONDecoder().raw_decode(body.decode())
    return dict(document)


def message(
    body: bytes, status: bytes = b"HTTP/1.1 200 OK", headers: Iterable[bytes] = (), length: bytes | None = b""
) -> bytes:
    """Return an HTTP response.

    `length` is the Content-Length if it is not the true one, and None for no header of that name.
    """
    lines = [status, b"Content-Type: application/json", *headers]
    if length is not None:
        lines.append(b"Content-Length: " + (length or b"%d" % len(body)))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(body: bytes, sizes: Iterable[int], extension: bytes = b"") -> bytes:
    """Return a body in chunks of these sizes, without the end.

    The last chunk has the rest.
    """
    parts, at = [], 0
    for size in [*sizes, len(body)]:
        part = body[at : at + size]
        at += size
        if part:
            parts.append(b"%x%s\r\n%s\r\n" % (len(part), extension, part))
    return b"".join(parts)


def with_raw(document: Any, raw: str) -> bytes:
    """Return a document's JSON with each string (or key) ``@@`` replaced.

    The text in its place need not be valid JSON.
    """
    return json.dumps(document).replace('"@@"', raw).encode("utf-8", "surrogatepass")
