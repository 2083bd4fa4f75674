# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send requests to the YateOTA API and interpret the answers, without Ansible."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .._core.errors import BadAnswerError, lacking
from .ahead import Item, PagesAhead
from .answer import AnswerSanitizer
from .interpreter import AnswerInterpreter, TemporaryError
from .paging import Seen, read_moving_list
from .transport import Connection, TransferError, Transport
from .wire import SendingForbiddenError, always

_BACKOFF_FIRST, _BACKOFF_MOST = 0.5, 8.0  # seconds
_OF_A_CAMPAIGN = frozenset({"campaign_id", "campaign", "name", "type", "state", "status", "participants"})
"""Fields of which a campaign has one."""

_CHECK_EVERY = 0.5
"""Seconds between two calls of ``may_send`` during a pause."""

_ANSWER_MOST, _PAGE_MOST = 64 << 20, 16 << 20
"""The largest size, in bytes after decompression, of any answer and of a page of participants."""


class Client:
    """A client of one node of one server.

    Args:
        connection: the server, the secret and the limits.
        connections: how many threads may send at once, each over a kept-alive connection of its own.
        sleep: waits between two tries, in seconds.
        may_send: called before each try of a request, and right before its bytes are sent; by default always true.

    Attributes:
        may_send: as given.

    Raises:
        InvalidInputError: a certificate, a key or a trust store of the connection cannot be read.
    """

    def __init__(
        self,
        connection: Connection,
        connections: int = 1,
        sleep: Callable[[float], None] = time.sleep,
        *,
        may_send: Callable[[], bool] = always,
    ) -> None:
        self.may_send = may_send
        self._connection = connection
        self._transport = Transport(connection, connections)
        self._sanitizer = AnswerSanitizer(connection.api_secret)
        self._sleep = sleep
        self._lists: list[PagesAhead] = []

    def call(
        self, request: str, params: Mapping[str, Any], may_send: Callable[[], bool] | None = None
    ) -> dict[str, Any]:
        """Send one request and return its answer.

        A read is tried again after a temporary failure. A write is tried again only if it provably was not sent.

        Args:
            request: a name of the operation table.
            params: the request's ``params``; keys whose value is None are left out.
            may_send: called instead of the attribute.

        Returns:
            The answer without its ``code``, and without any secret keys of a SIM.

        Raises:
            KeyError: the request is not in the operation table.
            NotSentError: ``may_send`` returned false before the whole request was sent.
            TransportError: not carried out: the server was not reached, or its front end turned the request away.
            AuthError: the secret is missing or refused.
            ApiError: the API refused the request.
            BadAnswerError: the answer to a read is not one of this API.
            OutcomeUnknownError: a write was sent, and nothing proves whether it was carried out.
        """
        sent = {key: value for key, value in params.items() if value is not None}
        body = json.dumps({"request": request, "node": self._connection.node, "params": sent}).encode()
        largest = _PAGE_MOST if request == "query_participants" else _ANSWER_MOST
        interpreter = AnswerInterpreter(self._connection, self._sanitizer, request, sent)
        return self._answer(interpreter, body, largest, may_send or self.may_send)

    def _answer(
        self, interpreter: AnswerInterpreter, body: bytes, largest: int, may_send: Callable[[], bool]
    ) -> dict[str, Any]:
        """Return the answer of a request; try again where that is safe and may help."""
        write = interpreter.is_write
        for tries_remaining in range(self._connection.retries, -1, -1):
            try:
                return interpreter.answer(self._transport.post(body, largest, may_send))
            except SendingForbiddenError:
                raise interpreter.held_back() from None
            except TransferError as error:
                again = not (error.is_certificate_refused or error.is_answer_unusable or (write and error.sent))
                failure, wait = interpreter.network_failure(error), None
            except TemporaryError as temporary:
                failure, again, wait = temporary.failure, not write, temporary.failure.retry_after
            if not again or not tries_remaining:
                raise failure
            self._pause(_backoff(self._connection.retries - tries_remaining) if wait is None else wait, may_send)
        raise AssertionError("unreachable: the last try returns or raises")

    def _pause(self, seconds: float, may_send: Callable[[], bool]) -> None:
        """Wait for some seconds, or until nothing may be sent any more."""
        part = seconds if may_send is always else _CHECK_EVERY
        while may_send():
            self._sleep(min(part, seconds))
            seconds -= part
            if seconds <= 0:
                return

    def read_list(
        self,
        request: str,
        params: Mapping[str, Any],
        item_key: str,
        page_size: int,
        seen: Seen,
        total: int | None = None,
        concurrency: int = 1,
        most: int | None = None,
    ) -> Iterator[list[Item]]:
        """Read a whole list of the API page by page, each item once.

        Args:
            request: a request that takes ``limit`` and ``offset``.
            params: its other params.
            item_key: the field that identifies an item.
            page_size, seen, total, most: as in ``_api.paging.read_moving_list``.
            concurrency: how many pages may be under way at once, not more than ``connections``.

        Raises:
            As ``call`` and ``_api.paging.read_moving_list``.
        """

        def fetch(offset: int, is_wanted: Callable[[], bool] | None) -> list[Item]:
            may_send = None if is_wanted is None else lambda: is_wanted() and self.may_send()
            answer = self.call(request, {**params, "offset": offset, "limit": page_size}, may_send)
            return items(answer, request)

        with contextlib.closing(PagesAhead(fetch, concurrency)) as pages:
            self._lists.append(pages)
            try:
                yield from read_moving_list(pages, item_key, page_size, seen, total, most)
            finally:
                self._lists.remove(pages)

    def close(self) -> None:
        """End the reading of lists, and close the kept-alive connections."""
        for pages in self._lists:  # a failure's traceback may keep the generator that reads a list
            pages.close()
        self._transport.close()


def items(answer: Mapping[str, Any], request: str) -> list[Item]:
    """Return the list in an answer.

    It is under ``participants``, ``campaigns``, or ``campaign``, which is a list too [V]. ``{}`` is no result at
    all [F]. PHP writes a list with gaps as an object keyed by number. One campaign may be the object itself [A].

    Raises:
        BadAnswerError: there is no such list, or it holds something that is not an object with any field.
    """
    for key in ("participants", "campaigns", "campaign"):
        if key in answer:
            found = answer[key]
            if isinstance(found, dict):
                found = _listed(found, may_be_one=key == "campaign")
            if found is None or found == "":
                return []
            if isinstance(found, list) and all(item and isinstance(item, dict) for item in found):
                return found
            raise BadAnswerError(
                f"The answer to {request} cannot be read: {key} is not a list of objects. {BadAnswerError.hint}",
                request=request,
            )
    raise lacking("list", answer, request)


def _listed(found: dict[str, Any], may_be_one: bool) -> Any:
    """Return the list that an object stands for; the object itself if it stands for none."""
    if all(key.isascii() and key.isdigit() for key in found):
        return [found[key] for key in sorted(found, key=int)]
    return [found] if may_be_one and not _OF_A_CAMPAIGN.isdisjoint(found) else found


def _backoff(tries: int) -> float:
    """Return the seconds to wait after some tries: exponential, capped, with jitter."""
    spread = random.uniform(0.5, 1.0)  # noqa: S311 (no secret depends on it)
    return float(spread * min(_BACKOFF_MOST, _BACKOFF_FIRST * 2**tries))
