# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retry-After: the forms it has, its limit, and what it proves about a write."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import (
    OutcomeUnknownError,
    TransportError,
    YateotaError,
)
from ansible_collections.simops.yateota.tests.unit.plugins.servers import Connect, http

PAUSE = {"campaign_id": 144, "action": "pause"}
NOON = "Fri, 31 Dec 2027 12:00:00 GMT"

FORMS: dict[str, tuple[str, float | None]] = {
    "seconds": ("7", 7.0),
    "none to wait": ("0", 0.0),
    "more than the limit": ("900", 30.0),
    "more than any number": ("9" * 5000, 30.0),
    "date": ("Fri, 31 Dec 2027 12:00:09 GMT", 9.0),
    "date as RFC 850 had it": ("Friday, 31-Dec-27 12:00:09 GMT", 9.0),
    "date as asctime has it": ("Fri Dec 31 12:00:09 2027", 9.0),
    "date far away": ("Sat, 31 Dec 2033 12:00:00 GMT", 30.0),
    "date that has passed": ("Fri, 31 Dec 2027 11:59:00 GMT", 0.0),
    "words": ("soon", None),
    "negative": ("-5", None),
    "other digits": ("\u00b2", None),
    "fraction": ("1.5", None),
    "no day": ("Fri, 99 Dec 2027 12:00:00 GMT", None),
    "empty": ("", None),
}


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Busy"])
@pytest.mark.parametrize(("value", "seconds"), FORMS.values(), ids=FORMS)
def test_what_the_server_asks_for(
    connect: Connect, parrot: Any, pauses: list[float], status: str, value: str, seconds: float | None
) -> None:
    """A read waits for it and is sent again; a write that was turned away unread says how long to wait."""
    later = http("", status, Date=NOON).replace(
        b"\r\n\r\n", b"\r\nRetry-After: " + value.encode("latin-1") + b"\r\n\r\n"
    )
    parrot.answers = [later, http('{"code": 0}')]
    assert connect(parrot.api_url).call("query_stats", {}) == {}
    assert pauses == [seconds] if seconds is not None else 0 < pauses[0] <= 0.5
    parrot.answers = [later]
    turned_away = status.startswith("429") or seconds is not None
    with pytest.raises(TransportError if turned_away else OutcomeUnknownError) as error:
        connect(parrot.api_url).call("action_campaign", PAUSE)
    assert error.value.retry_after == seconds
    assert error.value.restated("in other words").retry_after == seconds


def test_a_date_without_the_servers_own_is_held_against_this_machines_clock(
    connect: Connect, parrot: Any, pauses: list[float]
) -> None:
    parrot.answers = [
        http("", "503 Busy", Retry_After=formatdate(time.time() + 20, usegmt=True)),
        http('{"code": 0}'),
    ]
    connect(parrot.api_url).call("query_stats", {})
    assert 0 < pauses[0] <= 20


@pytest.mark.parametrize("status", ["429 Busy", "503 Busy", "400 Bad", "401 No", "403 No", "405 No", "415 No"])
@pytest.mark.parametrize(
    ("body", "was_read"),
    [
        ('{"code": 0}', True),
        ('{"code": 200, "message": "Timeout waiting for Yate response."}', True),
        ('{"code": 300}', True),
        ('{"code": 503}', None),
        ('{"code": 401, "message": "Invalid value"}', False),
        ('{"message": "Busy"}', False),
        ("<title>Busy</title>", False),
    ],
)
def test_a_status_that_its_own_body_belies_proves_nothing_about_a_write(
    connect: Connect, parrot: Any, status: str, body: str, was_read: bool | None
) -> None:
    """Only who has read a request answers it with such a code; a gateway's is its status again."""
    parrot.answers = [http(body, status, Retry_After="1")]
    if was_read is None:
        was_read = not status.startswith("503")
    with pytest.raises(YateotaError) as error:
        connect(parrot.api_url).call("action_campaign", PAUSE)
    assert isinstance(error.value, OutcomeUnknownError) is was_read
