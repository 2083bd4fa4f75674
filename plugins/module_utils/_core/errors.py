# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Define a class for each kind of failure, whose message is one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class YateotaError(Exception):
    """An expected failure: one that a user can understand and fix.

    Attributes:
        kind: the class of the failure, as users see it in ``failure.kind``.
        request: the API request under way, or None.
        code: the body code of the answer, or None.
        http_status: the answer's HTTP status, or None if no answer came.
        message: the message of the server or of the network, or None.
        retry_after: the seconds to wait before the request is sent again, 0.0 to 30.0, if the server turned it away
            unread (HTTP 429 and 503) and named a time; otherwise None.
    """

    kind: str

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

    def restated(self, text: str) -> YateotaError:
        """Return the same failure in other words."""
        facts = self.failure()
        facts.pop("kind")
        return type(self)(text, **facts, retry_after=self.retry_after)

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
    """A wrong option, or something that it names cannot be used.

    A bulk run that it ends may have sent requests before.
    """

    kind = "invalid_input"


class TransportError(YateotaError):
    """A request that did not reach the server, or that the front end refused."""

    kind = "transport"


class NotSentError(TransportError):
    """A request that was held back: the run was stopped, or must not send any more."""


class AuthError(YateotaError):
    """A refusal of the secret or of the caller's address; nothing was carried out.

    The server refused the secret, the lack of one, or the address that the request came from.
    """

    kind = "auth"


class ApiError(YateotaError):
    """An error code of the API: it read the request and refused it."""

    kind = "api"


class BadAnswerError(YateotaError):
    """A response that is not an answer of this API."""

    kind = "bad_answer"
    hint = "Check that this server speaks the YateOTA API."


def lacking(what: str, answer: Mapping[str, Any], request: str) -> BadAnswerError:
    """Return the error for an answer that lacks a part it must have."""
    found = ", ".join(sorted(answer))[:100] or "nothing"
    return BadAnswerError(
        f"The answer to {request} carries no {what}; it has {found}. {BadAnswerError.hint}", request=request
    )


class HeldError(YateotaError):
    """A hold: somebody holds the change, and nothing is sent until it is released."""

    kind = "held"


class StoppedError(HeldError):
    """A stop: somebody stopped the change, and nothing is sent for it any more."""

    kind = "stopped"


class AlteredError(YateotaError):
    """A record that was altered: it does not fit its audit chain."""

    kind = "altered"


class OutcomeUnknownError(YateotaError):
    """A write that was sent, and whose outcome is unknown.

    Nothing proves whether it was carried out. It must not be sent again on a guess.

    Attributes:
        is_of_every_request: whether what answered is not the API, so that the next request would come to the same.
    """

    kind = "outcome_unknown"
    is_of_every_request = False
