# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send writes at a limited rate, with pauses that the server asks for.

A switch stops all sending.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .._core.errors import ApiError, NotSentError, OutcomeUnknownError, TransportError, YateotaError
from .._core.identifiers import described
from .._core.policy import RequestOutcome
from .._core.refusals import Refusals
from .client import Client

_TOO_MANY = 429
_PAUSE_FIRST, _PAUSE_MOST = 1.0, 30.0  # seconds, used if the server names no time
_ASKED_MOST = 600.0
"""The seconds for which a server may keep asking for pauses before sending stops."""
_NOTHING_MORE_UNKNOWN = (
    "Nothing more was sent, because the next requests would come to the same: find the cause, then run this again for "
    "those not sent."
)

_NEW_RATE_SECONDS = 0.2
"""The seconds after which a thread that waits for its turn takes a higher rate into account."""


class StopSwitch:
    """A switch that stops all sending, for the first reason that occurs.

    Attributes:
        error: the failure that ends the sending; None if it ends well, or is not stopped.
    """

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self.error: YateotaError | None = None

    @property
    def is_on(self) -> bool:
        """Return whether nothing more is to be sent."""
        return self._stopped.is_set()

    def stop(self, error: YateotaError | None) -> None:
        """Stop all sending."""
        with self._lock:
            if not self._stopped.is_set():
                self.error = error
                self._stopped.set()

    def wait(self, seconds: float) -> None:
        """Wait for some seconds, or until the switch is on."""
        self._stopped.wait(seconds)


class RateLimiter:
    """A limiter that gives threads their turns to send.

    At most ``per_second`` requests are sent in a second. No turn is given ahead of its time: so a new limit holds at
    once.

    Args:
        per_second: the limit; None for none.
        switch: ends all waiting.
    """

    def __init__(self, per_second: float | None, switch: StopSwitch) -> None:
        self._gap = 1 / per_second if per_second else 0.0
        self._switch = switch
        self._latest = self._set_at = -math.inf
        self._paused_until = 0.0
        self._asked_since: float | None = None
        self._lock = threading.Lock()
        self._first = threading.Lock()

    def set_rate(self, per_second: float) -> None:
        """Change the limit."""
        gap = 1 / per_second
        if gap != self._gap:
            self._set_at, self._gap = time.monotonic(), gap

    def hold_back(self, seconds: float) -> None:
        """Give no turn for some seconds from now on."""
        with self._lock:
            self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    def wait(self) -> None:
        """Wait for a turn, and for the end of any pause that begins in the meantime."""
        asked = time.monotonic()
        if not self._gap and asked >= self._paused_until:
            return
        with self._first:  # one thread waits for the next turn, and the others here
            while not self._switch.is_on:
                # When it is due, however late this thread wakes: otherwise the rate would not be reached.
                turn = max(self._latest + self._gap, self._paused_until, self._set_at, asked)
                delay = turn - time.monotonic()
                if delay <= 0:
                    self._latest = turn
                    return
                self._switch.wait(min(delay, _NEW_RATE_SECONDS))

    def pause(self, seconds: float | None) -> bool:
        """Delay all further turns.

        Args:
            seconds: what the server asks for; None if it names no time: the pauses then become longer.

        Returns:
            False if the server has asked for pauses for too long.
        """
        with self._lock:
            now = time.monotonic()
            if self._asked_since is None:
                self._asked_since = now
            asked = now - self._asked_since
            seconds = max(_PAUSE_FIRST, min(_PAUSE_MOST, asked) if seconds is None else seconds)
            if asked + seconds > _ASKED_MOST:
                return False
            self._paused_until = max(self._paused_until, now + seconds)
            return True

    def end_pauses(self) -> None:
        """Note that the server accepted a request."""
        self._asked_since = None


class AttemptResult(NamedTuple):
    """The outcome of one request.

    Attributes:
        outcome: what is known of it.
        error: the failure; None if it was carried out or held back.
    """

    outcome: RequestOutcome
    error: YateotaError | None = None


class Delivery:
    """The sending of writes, for both engines.

    It is safe to use from several threads.

    Args:
        client: sends the requests.
        limiter: gives the turns.
        switch: turned on when the next request would come to the same failure as the last.
        may_send: called before each try, and right before the bytes are sent.
    """

    def __init__(self, client: Client, limiter: RateLimiter, switch: StopSwitch, may_send: Callable[[], bool]) -> None:
        self._client = client
        self._limiter = limiter
        self._switch = switch
        self._may_send = may_send
        self.refusals = Refusals()

    def call(self, request: str, params: Mapping[str, Any], may_send_now: Callable[[], bool]) -> dict[str, Any]:
        """Send one write, and repeat it while the server rejects it unread.

        Such a server asks for pauses; each is waited for.

        Raises:
            As ``Client.call``.
        """
        while True:
            self._limiter.wait()
            try:
                answer = self._client.call(request, params, may_send_now)
            except TransportError as error:
                if not _asks_for_pause(error):
                    raise
                if not self._limiter.pause(error.retry_after):
                    asked = f"It has asked for pauses for {_ASKED_MOST / 60:g} minutes."
                    raise error.restated(f"{error} {asked}") from None
            except YateotaError:
                self._limiter.end_pauses()
                raise
            else:
                self._limiter.end_pauses()
                return answer

    def deliver(self, params: Mapping[str, Any], subject: Any, note_sending: Callable[[], None]) -> AttemptResult:
        """Send one action on a participant.

        Args:
            params: the request's ``params``.
            subject: the participant, for ``refusals``.
            note_sending: called each time right before it is sent. If nothing is sent after all, the result is
                ``NOT_CARRIED_OUT``: undo what was noted then.
        """

        def may_send_now() -> bool:
            if not self._may_send():
                return False
            note_sending()
            return True

        try:
            self.call("action_participant", params, may_send_now)
        except OutcomeUnknownError as error:
            if self.refusals.note_unknown(error, subject):
                alike = "" if error.is_of_every_request else "The outcome of each request is unknown, for one reason: "
                self._switch.stop(error.restated(f"{alike}{error} {_NOTHING_MORE_UNKNOWN}"))
            return AttemptResult(RequestOutcome.UNKNOWN, error)
        except NotSentError:
            return AttemptResult(RequestOutcome.NOT_CARRIED_OUT)
        except ApiError as error:
            return self._refused(error, params, subject)
        except YateotaError as error:
            self._switch.stop(error)
            return AttemptResult(RequestOutcome.NOT_CARRIED_OUT, error)
        except BaseException as error:  # noqa: BLE001 (no exception may lose an outcome)
            return self.broken(error, params, RequestOutcome.UNKNOWN)
        self.refusals.note_carried_out()
        return AttemptResult(RequestOutcome.CARRIED_OUT)

    def broken(self, error: BaseException, params: Mapping[str, Any], outcome: RequestOutcome) -> AttemptResult:
        """End all sending after an unexpected exception, and return its request's result.

        Args:
            error: the exception.
            params: the request's ``params``, as far as they are known.
            outcome: its outcome: unknown, unless it certainly was not sent.
        """
        failure = UnexpectedError(error, f"action_participant for {described(params)}")
        self._switch.stop(failure)
        return AttemptResult(outcome, failure)

    def _refused(self, error: ApiError, params: Mapping[str, Any], subject: Any) -> AttemptResult:
        if not self.refusals.note_refusal(error, params, subject):
            return AttemptResult(RequestOutcome.REFUSED, error)
        alike = "The server refuses every request alike: " if self.refusals.taken_back else ""
        self._switch.stop(error.restated(f"{alike}{error} Nothing more was sent."))
        return AttemptResult(RequestOutcome.NOT_CARRIED_OUT, error)


def send_write(client: Client, request: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Send a single write, as ``Delivery.call`` does."""
    switch = StopSwitch()
    return Delivery(client, RateLimiter(None, switch), switch, client.may_send).call(request, params, client.may_send)


class UnexpectedError(OutcomeUnknownError):
    """An unexpected exception ended the sending.

    Args:
        error: the exception. Its message is not repeated: it may contain anything.
        what: what it ended.

    Attributes:
        reason: why the outcome of the request is unknown.
    """

    def __init__(self, error: BaseException, what: str) -> None:
        name = type(error).__name__
        super().__init__(
            f"{what} was ended by an unexpected {name}, and nothing more was sent. Read the states of the participants "
            "whose outcome is unknown before you send anything again.",
            request="action_participant",
        )
        self.reason = f"an unexpected {name} ended its request: nothing proves whether it was carried out"

    def restated(self, text: str) -> YateotaError:
        """Return the same failure in other words."""
        return OutcomeUnknownError(text, request=self.request)


def _asks_for_pause(error: YateotaError) -> bool:
    return error.http_status == _TOO_MANY or error.retry_after is not None
