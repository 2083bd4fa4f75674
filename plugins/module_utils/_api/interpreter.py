# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide what the answer to one request means, by its status and its body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

from .._core.body_codes import ENGINE_AWAY, MISSING_PARAMETER, NOT_ALLOWED, NOT_FOUND, UNKNOWN_VALUE
from .._core.errors import (
    ApiError,
    AuthError,
    BadAnswerError,
    NotSentError,
    OutcomeUnknownError,
    TransportError,
    YateotaError,
)
from .._core.identifiers import described
from .._core.operations import is_write
from .answer import AnswerSanitizer, NoAnswerError, title_of, whole_number
from .retry_after import retry_after
from .transport import Connection, TransferError
from .wire import CLOSED, SPEAKS_TLS, Reply


class _Meaning(NamedTuple):
    """What an HTTP status other than 200 means.

    Attributes:
        failure: the kind of failure.
        is_unread: whether the server certainly turned the request away before it read it.
        is_temporary: whether the same request may succeed later.
    """

    failure: type[YateotaError]
    is_unread: bool = False
    is_temporary: bool = False


_HTTP: dict[int, _Meaning] = {
    **dict.fromkeys((400, 405, 415), _Meaning(BadAnswerError, is_unread=True)),
    **dict.fromkeys((401, 403), _Meaning(AuthError, is_unread=True)),
    404: _Meaning(TransportError),
    429: _Meaning(TransportError, is_unread=True, is_temporary=True),
    **dict.fromkeys((502, 503, 504), _Meaning(TransportError, is_temporary=True)),
}
"""HTTP statuses [F]. After any other status, a write may have been carried out."""
_NAMES_NEXT_TRY = (429, 503)
"""The statuses that may name a time for the next try. A 503 that names one has turned the request away unread too."""
_UNSETTLED_CODES = frozenset((ENGINE_AWAY, 201, 300, *range(500, 600)))
"""Body codes after which a write may still have been carried out [F]."""
_CODE_LIMIT = 2**31
"""A code of this size or more does not fit an integer column of PostgreSQL. The API has none [A]."""

_ADVICE = {
    ENGINE_AWAY: "the node did not answer the server's front end in time; try again later",
    UNKNOWN_VALUE: "check the values given; the server does not know one of them, or not this request",
    MISSING_PARAMETER: "give what is missing",
    NOT_ALLOWED: "ask the server's administrator whether this secret may do it",
    NOT_FOUND: "check that it exists on this server and node",
}
_OTHER_ADVICE = "check the server's log"
_UNSETTLED_ADVICE = "It may have been carried out: read the state before you send it again."

_ASKS_FOR_TLS = re.compile(r"plain HTTP|HTTPS port|SSL-enabled", re.IGNORECASE)
"""What front ends answer to plain text on a TLS port."""


class TemporaryError(Exception):
    """A temporary failure, after which a read is repeated, and not before ``failure.retry_after`` if that is set."""

    def __init__(self, failure: YateotaError) -> None:
        super().__init__()
        self.failure = failure


class AnswerInterpreter:
    """One request, and what its answer means. Errors also come with HTTP 200 [F], so that the body decides too.

    Args:
        connection: the server.
        sanitizer: reads its bodies and messages.
        request, params: the request, without params that are None.

    Attributes:
        is_write: whether it is one that acts.
    """

    def __init__(
        self, connection: Connection, sanitizer: AnswerSanitizer, request: str, params: Mapping[str, Any]
    ) -> None:
        self._connection = connection
        self._sanitizer = sanitizer
        self._request = request
        self._params = params
        self.is_write = is_write(request, params)

    @cached_property
    def _what(self) -> str:
        """The request in words, for an error."""
        action = f" ({self._params['action']})" if "action" in self._params else ""
        subject = f" for {described(self._params)}" if _names_something(self._params) else ""
        return f"{self._request}{action}{subject}"

    def answer(self, reply: Reply) -> dict[str, Any]:
        """Return the payload of the answer.

        Raises:
            TemporaryError: a temporary failure.
            YateotaError: any other.
        """
        if reply.status != 200:
            raise self._http_failure(reply)
        try:
            body = self._sanitizer.body(reply.text, lines=self._request == "trace")
        except NoAnswerError as error:
            raise self._no_answer(reply, str(error), error.is_page) from None
        code = whole_number(body.pop("code", None))
        if code is None:
            raise self._no_answer(reply, "an answer without a code")
        if code:
            raise self._refused(code, body.get("message"))
        return body

    def held_back(self) -> NotSentError:
        """Return the failure of a request that was held back."""
        return NotSentError(f"{self._what}: it was not sent, because the task was stopped.", request=self._request)

    def network_failure(self, error: TransferError) -> YateotaError:
        """Return the failure of an exchange that the network or an invalid answer ended."""
        said = self._sanitizer.line(str(error))
        if self.is_write and error.sent:
            return self._unsettled(f"{self._what}: {said}", message=said)
        if error.is_answer_unusable:
            return BadAnswerError(
                f"{self._what}: {said}. Ask for fewer at once where the module has page_size, or look into what the "
                "server sends.",
                request=self._request,
                message=said,
            )
        url = self._connection.api_url
        # Many TLS servers close the connection without an answer to plain text.
        scheme = " Use https:// where this port expects TLS." if url.startswith("http:") and said == CLOSED else ""
        return TransportError(
            f"{self._what}: cannot reach {url} ({said}). {_network_advice(error)}{scheme}",
            request=self._request,
            message=said,
        )

    def _no_answer(self, reply: Reply, found: str, is_page: bool = False) -> YateotaError:
        text = f"{self._what}: the server sent {found} where an answer of the API was expected"
        advice = f". Check that api_url {self._connection.api_url} is the API's own URL"
        if self.is_write:
            return self._unsettled(f"{text}{advice if is_page else ''}", is_page, http_status=reply.status)
        return BadAnswerError(f"{text}{advice}.", request=self._request, http_status=reply.status)

    def _refused(self, code: int, message: Any) -> Exception:
        """Return the failure for a body code other than 0."""
        said = self._sanitizer.line(str(message)) if message else "no message"
        text = f"{self._what}: the server said '{said}' (code {code})"
        facts: dict[str, Any] = {"code": code, "http_status": 200, "message": said if message else None}
        if abs(code) >= _CODE_LIMIT:
            facts |= {"code": None, "message": f"{said} (code {code})"}
        if self.is_write and code in _UNSETTLED_CODES:
            return self._unsettled(text, **facts)
        failure = ApiError(f"{text}; {_ADVICE.get(code, _OTHER_ADVICE)}.", request=self._request, **facts)
        # A read may succeed a moment later.
        return TemporaryError(failure) if code == ENGINE_AWAY else failure

    def _http_failure(self, reply: Reply) -> Exception:
        """Return the failure for an HTTP status other than 200."""
        status = reply.status
        title = title_of(reply.text) or reply.reason
        reason = self._sanitizer.line(title.strip().removeprefix(str(status))) or "no reason given"
        text = f"{self._what}: the server answered HTTP {status} {reason}"
        facts: dict[str, Any] = {"request": self._request, "http_status": status, "message": reason}
        pause = retry_after(reply.headers) if status in _NAMES_NEXT_TRY else None
        otherwise = TransportError if 300 <= status < 400 or status >= 500 else BadAnswerError
        meaning = _HTTP.get(status, _Meaning(otherwise))
        is_unread = meaning.is_unread or pause is not None
        if self.is_write and (not is_unread or self._was_read(reply)):
            is_not_the_api = (300 <= status < 400 or status == 404) and self._code(reply) is None
            advised = f"{text}{self._http_advice(reply)}"
            return self._unsettled(advised, is_not_the_api, http_status=status, message=reason)
        if meaning.failure is AuthError:
            given = "is wrong or may not be used from here" if self._connection.api_secret else "is needed"
            return AuthError(f"{text}: api_secret {given}.", **facts)
        if meaning.is_temporary:
            return TemporaryError(TransportError(f"{text}. Try again later.", **facts, retry_after=pause))
        return meaning.failure(f"{text}{self._http_advice(reply)}.", **facts)

    def _was_read(self, reply: Reply) -> bool:
        """Return whether the body shows that the request was read, despite its status."""
        code = self._code(reply)
        return code != reply.status and (code == 0 or code in _UNSETTLED_CODES)  # the status again is a gateway's

    def _code(self, reply: Reply) -> int | None:
        """Return the code in the body of an HTTP error; None if it is no answer of the API."""
        try:
            return whole_number(self._sanitizer.body(reply.text).get("code"))
        except NoAnswerError:
            return None

    def _http_advice(self, reply: Reply) -> str:
        """Return advice on an HTTP status other than 200, as the end of a sentence."""
        url = self._connection.api_url
        if 300 <= reply.status < 400:
            target = self._sanitizer.line(reply.headers.get("location", "somewhere unnamed"))
            return (
                f": a redirect to {target}, not followed because the secret is only for {url}. "
                "Set api_url to the final URL"
            )
        if reply.status == 404:
            return f". Check api_url {url}: there is no API at this path"
        if reply.status == 400 and url.startswith("http:") and _ASKS_FOR_TLS.search(reply.text):
            return f". {SPEAKS_TLS[0].upper()}{SPEAKS_TLS[1:]}"
        if reply.status >= 500 or (reply.status >= 400 and reply.status not in _HTTP):  # such as a proxy's 408
            return ". Check the server's log"
        return f". Check that api_url {url} is the API's own URL"

    def _unsettled(self, text: str, is_of_every_request: bool = False, **facts: Any) -> OutcomeUnknownError:
        error = OutcomeUnknownError(f"{text}. {_UNSETTLED_ADVICE}", request=self._request, **facts)
        error.is_of_every_request = is_of_every_request
        return error


def _names_something(params: Mapping[str, Any]) -> bool:
    return described(params) != described({})


def _network_advice(error: TransferError) -> str:
    if error.is_certificate_refused:
        return "Check its host name and its dates; if its CA is not known here, set ca_path to the CA's certificate."
    return "Check the address and the network, and that the server runs."
