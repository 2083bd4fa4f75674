# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of the YateOTA JSON API: one request, its retries, and what its answer means. Knows nothing of Ansible."""

from __future__ import annotations

import html
import json
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from ._errors import (
    ApiError,
    AuthError,
    BadAnswerError,
    NotSentError,
    OutcomeUnknownError,
    TransportError,
    YateotaError,
    lacking,
)
from ._identifiers import described
from ._operations import is_write
from ._paging import Item, Seen, pages
from ._transport import Connection, ExchangeError, HeldBackError, Reply, Transport, always

_TRANSIENT_HTTP = (429, 502, 503, 504)
_TURNED_AWAY = (429, 503)
"""The statuses by which a server turns a request away unread: 503 where it names a time for the next try."""
_UNSETTLED_CODES = frozenset((200, 201, 300, *range(500, 600)))
"""Body codes after which a write may have been carried out all the same [F]."""
_TRANSIENT_CODE = 200
"""Timeout, disconnect, no engine: a read may well succeed a moment later [F]."""

_BACKOFF_FIRST, _BACKOFF_MOST, _RETRY_AFTER_MOST = 0.5, 8.0, 30.0  # seconds
_ASKED_EVERY = 0.5
"""Seconds: how long a pause goes on after nothing may be sent any more."""

_ADVICE = {
    200: "the node did not answer the server's front end in time; try again later",
    401: "check the values given; the server does not know one of them, or not this request",
    402: "give what is missing",
    403: "ask the server's administrator whether this secret may do it",
    404: "check that it exists on this server and node",
}
_OTHER_ADVICE = "look into the server's own log"
_UNSETTLED_ADVICE = "It may have been carried out all the same: read the state before you send it again."

# Keys of a SIM and its secret codes: never to be shown or stored, should they appear in an answer [V].
_FORBIDDEN = frozenset(("kic", "kid", "kik", "pin", "pin2", "puk", "puk2", "adm1"))
_FORBIDDEN_KEY = re.compile(f'"(?:{"|".join(sorted(_FORBIDDEN))})"', re.IGNORECASE)

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


class Client:
    """Sends requests to one node of one server.

    Args:
        connection: the server, the secret and the limits.
        connections: how many threads may send at once, each over a kept-alive connection of its own.
        sleep: waits between two tries, in seconds.

    Attributes:
        may_send: asked before each try of a request, and right before its bytes leave; by default nothing ends them.

    Raises:
        InvalidInputError: a certificate, a key or a trust store of the connection cannot be read.
    """

    def __init__(
        self, connection: Connection, connections: int = 1, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.may_send: Callable[[], bool] = always
        self._connection = connection
        self._transport = Transport(connection, connections)
        self._sleep = sleep

    def call(
        self, request: str, params: Mapping[str, Any], may_send: Callable[[], bool] | None = None
    ) -> dict[str, Any]:
        """Send one request and return its answer.

        A read is tried again after a failure that may pass. A write is tried again only where it provably never left
        this machine.

        Args:
            request: a name of the operation table.
            params: the request's ``params``; keys whose value is None are left out.
            may_send: asked instead of the attribute.

        Returns:
            The answer without its ``code``, and without the secret keys of a SIM, should any appear in it.

        Raises:
            KeyError: the request is not in the operation table.
            NotSentError: ``may_send`` said no before the request had left whole.
            TransportError: not carried out: the server is not reached, or its front end turned the request away.
            AuthError: the secret is missing or refused.
            ApiError: the API refused the request.
            BadAnswerError: the answer to a read is none of this API.
            OutcomeUnknownError: a write left, and nothing tells whether it was carried out.
        """
        sent = {key: value for key, value in params.items() if value is not None}
        write = is_write(request, sent)
        body = json.dumps({"request": request, "node": self._connection.node, "params": sent}).encode()
        exchange = _Exchange(self._connection, request, sent, write)
        may_send = may_send or self.may_send
        for tries_left in range(self._connection.retries, -1, -1):
            try:
                return exchange.answer(self._transport.post(body, may_send))
            except HeldBackError:
                raise exchange.held_back() from None
            except ExchangeError as error:
                failure, again, wait = (
                    exchange.network_failure(error),
                    not (error.certain or (write and error.left)),
                    None,
                )
            except _PassingError as passing:
                failure, again, wait = passing.failure, not write, passing.failure.retry_after
            if not again or not tries_left:
                raise failure
            self._pause(_backoff(self._connection.retries - tries_left) if wait is None else wait, may_send)
        raise AssertionError("unreachable: the last try returns or raises")

    def _pause(self, seconds: float, may_send: Callable[[], bool]) -> None:
        """Wait so long, or until nothing may be sent any more."""
        part = seconds if may_send is always else _ASKED_EVERY
        while may_send():
            self._sleep(min(part, seconds))
            seconds -= part
            if seconds <= 0:
                return

    def pages(
        self,
        request: str,
        params: Mapping[str, Any],
        item_key: str,
        page_size: int,
        seen: Seen,
        total: int | None = None,
    ) -> Iterator[list[Item]]:
        """Read a whole list of the API page by page, each item once (see ``_paging.pages``).

        Args:
            request: a request that takes ``limit`` and ``offset``.
            params: its other params.
            item_key: the field that identifies an item.
            page_size, seen, total: as in ``_paging.pages``.

        Raises:
            As ``call`` and ``_paging.pages``.
        """

        def fetch(offset: int, limit: int) -> list[Item]:
            return items(self.call(request, {**params, "offset": offset, "limit": limit}), request)

        return pages(fetch, item_key, page_size, seen, total)

    def close(self) -> None:
        """Close the kept-alive connections."""
        self._transport.close()


def items(answer: Mapping[str, Any], request: str) -> list[Item]:
    """The list that an answer carries: under ``participants``, ``campaigns``, or ``campaign``, also a list there [V].

    Raises:
        BadAnswerError: there is no such list, or it holds something that is no object.
    """
    for key in ("participants", "campaigns", "campaign"):
        if key in answer:
            found = answer[key]
            found = [found] if isinstance(found, dict) else found
            if found is None or found == "":
                return []
            if isinstance(found, list) and all(isinstance(item, dict) for item in found):
                return found
            raise BadAnswerError(
                f"The answer to {request} cannot be read: {key} is not a list of objects. {BadAnswerError.mend}",
                request=request,
            )
    raise lacking("list", answer, request)


class _PassingError(Exception):
    """A failure after which a read may be tried again, after ``failure.retry_after`` seconds where that is set."""

    def __init__(self, failure: YateotaError) -> None:
        super().__init__()
        self.failure = failure


class _Exchange:
    """Judges what came of one request: by the HTTP status and by the body, since errors come under HTTP 200 too [F]."""

    def __init__(self, connection: Connection, request: str, params: Mapping[str, Any], write: bool) -> None:
        self._connection = connection
        self._request = request
        self._write = write
        action = f" ({params['action']})" if "action" in params else ""
        subject = f" for {described(params)}" if _names_something(params) else ""
        self._what = f"{request}{action}{subject}"

    def answer(self, reply: Reply) -> dict[str, Any]:
        """The answer's payload.

        Raises:
            _PassingError: a failure that may pass.
            YateotaError: any other.
        """
        if reply.status != 200:
            raise self._http_failure(reply)
        body = self._body(reply)
        code = body.pop("code", None)
        try:
            number = int(code)
        except (TypeError, ValueError, OverflowError):
            raise self._no_answer(reply, "an answer without a code") from None
        if number:
            raise self._refused(number, body.get("message"))
        return body

    def held_back(self) -> NotSentError:
        """The failure of a request that was not let out."""
        return NotSentError(f"{self._what}: it was not sent, since the task was stopped before.", request=self._request)

    def network_failure(self, error: ExchangeError) -> YateotaError:
        """The failure of an exchange that the network broke."""
        if self._write and error.left:
            return self._unsettled(f"{self._what}: {error}", message=str(error))
        return TransportError(
            f"{self._what}: cannot reach {self._connection.api_url} ({error}). {_network_advice(error)}",
            request=self._request,
            message=str(error),
        )

    def _body(self, reply: Reply) -> dict[str, Any]:
        """The JSON object that the body begins with. What follows it is noise of the server's log [F]."""
        text = reply.text.lstrip()
        try:
            body, _end = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError):
            title = self._clean(_title(text))
            found = "nothing" if not text else f"a page titled '{title}'" if title else "no whole JSON"
            raise self._no_answer(reply, found) from None
        if not isinstance(body, dict):
            raise self._no_answer(reply, "JSON that is no object")
        return _without_secrets(body) if _FORBIDDEN_KEY.search(text) else body

    def _no_answer(self, reply: Reply, found: str) -> YateotaError:
        text = f"{self._what}: the server sent {found} where an answer of the API was expected"
        if self._write:
            return self._unsettled(text, http_status=reply.status)
        return BadAnswerError(
            f"{text}. Check that api_url {self._connection.api_url} is the API's own URL.",
            request=self._request,
            http_status=reply.status,
        )

    def _refused(self, code: int, message: Any) -> Exception:
        """The failure that a body code other than 0 stands for."""
        said = self._clean(str(message)) if message else "no message"
        text = f"{self._what}: the server said '{said}' (code {code})"
        facts: dict[str, Any] = {"code": code, "http_status": 200, "message": said if message else None}
        if self._write and code in _UNSETTLED_CODES:
            return self._unsettled(text, **facts)
        failure = ApiError(f"{text}; {_ADVICE.get(code, _OTHER_ADVICE)}.", request=self._request, **facts)
        return _PassingError(failure) if code == _TRANSIENT_CODE else failure

    def _http_failure(self, reply: Reply) -> Exception:
        """The failure that an HTTP status other than 200 stands for. A 4xx comes before the request is read [F]."""
        reason = self._clean((_title(reply.text) or reply.reason).removeprefix(str(reply.status)) or "no reason given")
        text = f"{self._what}: the server answered HTTP {reply.status} {reason}"
        facts: dict[str, Any] = {"request": self._request, "http_status": reply.status, "message": reason}
        if reply.status in (401, 403):
            given = "is wrong or may not be used from here" if self._connection.api_secret else "is needed"
            return AuthError(f"{text}: api_secret {given}.", **facts)
        if 300 <= reply.status < 400:
            target = self._clean(reply.headers.get("Location", "somewhere unnamed"))
            return TransportError(
                f"{text}: a redirect to {target}, not followed since the secret is for {self._connection.api_url} "
                "alone. Set api_url to the final URL.",
                **facts,
            )
        retry_after = _retry_after(reply) if reply.status in _TURNED_AWAY else None
        turned_away = reply.status == 429 or retry_after is not None
        if self._write and (reply.status < 300 or reply.status >= 500) and not turned_away:
            return self._unsettled(text, http_status=reply.status, message=reason)
        if reply.status in _TRANSIENT_HTTP:
            return _PassingError(TransportError(f"{text}. Try again later.", **facts, retry_after=retry_after))
        if reply.status == 404:
            return TransportError(
                f"{text}. Check api_url {self._connection.api_url}: there is no API at this path.", **facts
            )
        if reply.status >= 500:
            return TransportError(f"{text}. Look into the server's own log.", **facts)
        return BadAnswerError(f"{text}. Check that api_url {self._connection.api_url} is the API's own URL.", **facts)

    def _unsettled(self, text: str, **facts: Any) -> OutcomeUnknownError:
        return OutcomeUnknownError(f"{text}. {_UNSETTLED_ADVICE}", request=self._request, **facts)

    def _clean(self, text: str) -> str:
        """What a server says, on one line, of a bearable length, without the secret should it echo it."""
        secret = self._connection.api_secret
        return " ".join((text.replace(secret, "********") if secret else text).split())[:300]


def _names_something(params: Mapping[str, Any]) -> bool:
    return described(params) != described({})


def _network_advice(error: ExchangeError) -> str:
    if error.certain:
        return "Check its host name and its dates; where its CA is not known here, set ca_path to the CA's certificate."
    return "Check the address, the network and that the server runs."


def _title(page: str) -> str:
    """The title of an HTML page, where errors before the request carry their reason [F]; empty where there is none."""
    found = _TITLE.search(page[:4096])
    return " ".join(html.unescape(found.group(1)).split()) if found else ""


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_secrets(item) for key, item in value.items() if key.lower() not in _FORBIDDEN}
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value


def _backoff(tries: int) -> float:
    """Seconds to wait after so many tries: doubled each time, capped, and spread by chance over the clients."""
    spread = random.uniform(0.5, 1.0)  # noqa: S311 (no secret depends on it)
    return float(spread * min(_BACKOFF_MOST, _BACKOFF_FIRST * 2**tries))


def _retry_after(reply: Reply) -> float | None:
    """The seconds that the server asks to wait, capped; None where it names neither seconds nor a date (RFC 9110)."""
    value = str(reply.headers.get("Retry-After", "")).strip()
    if value.isascii() and value.isdecimal():
        return _RETRY_AFTER_MOST if len(value) > 9 else min(float(value), _RETRY_AFTER_MOST)
    until = _moment(value)
    if until is None:
        return None
    now = _moment(str(reply.headers.get("Date", "")))  # by the server's own clock, which may differ from this machine's
    return max(0.0, min(until - (time.time() if now is None else now), _RETRY_AFTER_MOST))


def _moment(date: str) -> float | None:
    """An HTTP date as Unix seconds; None where it is no date."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
