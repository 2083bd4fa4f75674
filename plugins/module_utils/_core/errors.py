# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Define the collection's failures: one class for each kind, with a message of one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class YateotaError(Exception):
    """Any expected failure: one that a user can understand and fix.

    Attributes:
        kind: the class of the failure, as users see it in ``failure.kind``.
        request: the API request under way, or None.
        code: the body code of the answer, or None.
        http_status: the answer's HTTP status, or None if no answer came.
        message: what the server (or the network) said, or None.
        retry_after: the seconds to wait before the request is sent again, 0.0 to 30.0, if the server turned it away
            unread (HTTP 429 and 503) and named a time; otherwise None.
        details: further keys for the module's result, on what was done before the failure.
    """

    kind = "transport"

    def __init__(
        self,
        text: str,
        *,
        request: str | None = None,
        code: int | None = None,
        http_status: int | None = None,
        message: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(text)
        self.request = request
        self.code = code
        self.http_status = http_status
        self.message = message
        self.retry_after = retry_after
        self.details: dict[str, Any] = {}

    def restated(self, text: str, details: dict[str, Any]) -> YateotaError:
        """Return the same failure in other words, with ``details`` of what was done before it."""
        facts = self.failure()
        facts.pop("kind")
        error = type(self)(text, **facts, retry_after=self.retry_after)
        error.details = details
        return error

    def failure(self) -> dict[str, Any]:
        """Return the value of a failed result's ``failure``."""
        return {
            "kind": self.kind,
            "request": self.request,
            "code": self.code,
            "http_status": self.http_status,
            "message": self.message,
        }


class InvalidInputError(YateotaError):
    """An option, or what it names, is wrong. Nothing was sent because of it."""

    kind = "invalid_input"


class TransportError(YateotaError):
    """The request was not carried out: it did not reach the server, or the server's front end turned it away."""

    kind = "transport"


class NotSentError(TransportError):
    """The request was held back: the run was stopped, or must not send any more."""


class AuthError(YateotaError):
    """The server refused the secret, the lack of one, or the place the request came from. Nothing was carried out."""

    kind = "auth"


class ApiError(YateotaError):
    """The API answered with an error code: the request was read and refused."""

    kind = "api"


class BadAnswerError(YateotaError):
    """The response is not an answer of this API."""

    kind = "bad_answer"
    hint = "Check that this server speaks the YateOTA API."


def lacking(what: str, answer: Mapping[str, Any], request: str) -> BadAnswerError:
    """Return the error for an answer that does not carry what it should."""
    found = ", ".join(sorted(answer))[:100] or "nothing"
    return BadAnswerError(
        f"The answer to {request} carries no {what}; it has {found}. {BadAnswerError.hint}", request=request
    )


class HeldError(YateotaError):
    """Somebody holds the change: nothing is sent for it until it is released."""

    kind = "held"


class StoppedError(HeldError):
    """Somebody stopped the change: nothing is sent for it any more."""

    kind = "stopped"


class OutcomeUnknownError(YateotaError):
    """A write left this machine, and nothing proves whether it was carried out.

    It must not be sent again on a guess.
    """

    kind = "outcome_unknown"
