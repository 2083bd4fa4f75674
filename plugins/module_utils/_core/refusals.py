# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interpret bad answers: whether they are about one participant or every request."""

from __future__ import annotations

import enum
import re
import threading
from collections.abc import Mapping
from typing import Any

from .body_codes import MISSING_PARAMETER, NOT_ALLOWED, NOT_FOUND, UNKNOWN_VALUE
from .errors import ApiError, OutcomeUnknownError, YateotaError
from .identifiers import IDENTIFIERS

ALIKE_LIMIT = 3
"""How many equal bad answers in a row, before anything was carried out, count as those to every request [A]."""

REFUSAL_CODES = {
    UNKNOWN_VALUE: "a value, a node or a request that the server does not know",
    MISSING_PARAMETER: "a parameter is missing",
    NOT_ALLOWED: "not allowed",
    NOT_FOUND: "not found",
}
"""The body codes of refusals, and their meaning [F]. Any other code but 0 is a failure [A]."""

_UNKNOWN = r"(?:unknown|unsupported|undefined|unhandled|no such)"
_QUOTED = r"""['"`]?[\w.-]*['"`]?"""
_NAMES_REQUEST = re.compile(
    rf"\b{_UNKNOWN}\s+(?:api\s+)?(?:request|node|command|operation)\b"
    rf"|\b(?:request|node)\s+{_QUOTED}\s*(?:is\s+|was\s+)?(?:not\b|refused|rejected|denied|disabled|{_UNKNOWN})"
    r"""|\bparameter\s+['"`]?(?:request|node|action)\b"""
    r"|\bread[- ]?only\b|\bno writes\b",
    re.IGNORECASE,
)
_NAMES_PARTICIPANT = re.compile(
    r"\b(?:participants?|sims?|cards?|e?uicc|subscribers?|profiles?|iccid|imsi|msisdn|\d{10,22})\b", re.IGNORECASE
)
_NAMES_STATE = re.compile(r"\b(?:messages?|status|state)\b", re.IGNORECASE)


def is_refusal(code: int | None) -> bool:
    """Return whether a body code is a refusal and not a failure."""
    return code in REFUSAL_CODES


class About(enum.Enum):
    """The subject of a refusal."""

    PARTICIPANT = enum.auto()
    REQUEST = enum.auto()
    UNCLEAR = enum.auto()


def about(code: int | None, message: str, params: Mapping[str, Any]) -> About:
    """Find out what a refusal is about.

    The body code is not enough: 401 is a value or an unknown request [F].

    Args:
        code: the body code.
        message: the server's message; empty if there is none.
        params: the request's ``params``.
    """
    if _NAMES_REQUEST.search(message):
        return About.REQUEST
    names = _NAMES_PARTICIPANT.search(message) or any(
        params.get(name) is not None and re.search(rf"\b{re.escape(str(params[name]))}\b", message)
        for name in IDENTIFIERS
    )
    if code == NOT_ALLOWED:
        return About.UNCLEAR if names else About.REQUEST
    if code == NOT_FOUND or names or _NAMES_STATE.search(message):
        return About.PARTICIPANT
    return About.UNCLEAR


class Refusals:
    """The refusals and unknown outcomes of one run, sorted by what they are about.

    Several threads may use it. Three equal ones in a row, before anything was carried out, stop the run. Only the third
    shows that the participants are not the cause. Of refusals, all three are in ``taken_back``, to be planned again;
    outcomes that are unknown stay so. An answer that is not the API's stops the run at once before anything was carried
    out, and as the third in a row afterwards: a login page may begin to answer, but a single page is the server's own.

    Attributes:
        taken_back: the subjects of refusals that counted as their participants' own until more of the same kind came.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._alike_are_their_own = self._is_any_carried_out = False
        self._kind: tuple[object, ...] | None = None
        self._stopped_by: tuple[object, ...] | None = None
        self._alike: list[Any] = []
        self._has_unknown_stopped = self._is_any_known = False
        self.taken_back: list[Any] = []

    @property
    def is_every_outcome_unknown(self) -> bool:
        """Return whether unknown outcomes have stopped the run, and it had no others."""
        return self._has_unknown_stopped and not self._is_any_known

    def note_carried_out(self) -> None:
        """Note that the server carried out a request: it does not refuse all of them."""
        self._alike_are_their_own = self._is_any_carried_out = self._is_any_known = True
        self._kind = None  # what comes next is in no row with what came before

    def accept_alike(self) -> None:
        """Note that a person found equal refusals to be the participants' own."""
        self._alike_are_their_own = True

    def note_refusal(self, error: ApiError, params: Mapping[str, Any], subject: Any) -> bool:
        """Note a refusal; return whether the next request would be refused as well.

        If so, the participant is not the cause, and the sending must stop.

        Args:
            error: the refusal.
            params: the request's ``params``.
            subject: the participant of the request, for ``taken_back``.
        """
        what = about(error.code, error.message or "", params)
        with self._lock:
            if what is About.REQUEST:
                return True
            self._is_any_known = True
            if what is About.PARTICIPANT or self._alike_are_their_own:
                self._kind = None
                return False
            if not self._is_third_alike(error, subject):
                return False
            self.taken_back += self._alike
            self._alike, self._stopped_by = [], self._kind  # those under way come to the same
            return True

    def note_unknown(self, error: OutcomeUnknownError, subject: Any) -> bool:
        """Note an unknown outcome; return whether that of the next request would be unknown as well.

        If so, the sending must stop: each further request may be carried out without anybody knowing.
        """
        with self._lock:
            if self._is_any_carried_out and not error.is_of_every_request:
                self._kind = None
                return False
            is_alike = self._is_third_alike(error, subject)
            stops = is_alike or (error.is_of_every_request and not self._is_any_carried_out)
            self._has_unknown_stopped |= stops
            return stops

    def _is_third_alike(self, error: YateotaError, subject: Any) -> bool:
        """Note one of a row of equal bad answers; return whether there are as many as ``ALIKE_LIMIT``."""
        kind = (type(error), error.code, error.http_status, re.sub(r"\d+", "#", error.message or ""))
        if kind != self._kind:
            self._kind, self._alike = kind, []
        self._alike.append(subject)
        return len(self._alike) >= ALIKE_LIMIT or kind == self._stopped_by
