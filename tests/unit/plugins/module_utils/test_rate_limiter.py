# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rate of requests: it is reached, never exceeded, and a new one is kept at once."""

from __future__ import annotations

import threading
import time

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._api import delivery
from ansible_collections.simops.yateota.plugins.module_utils._api.delivery import RateLimiter, StopSwitch

RATE = 150.0


class Time(StopSwitch):
    """A time that goes by only while somebody waits, who then wakes late."""

    def __init__(self, late: float = 0.0) -> None:
        super().__init__()
        self.now = 1000.0
        self._late = late

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds + self._late


@pytest.fixture(params=[0.0, 0.0004, 0.03])
def clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Time:
    faked = Time(late=request.param)
    monkeypatch.setattr(delivery, "time", faked)
    return faked


def turns(limiter: RateLimiter, clock: Time, number: int) -> list[float]:
    moments = []
    for _turn in range(number):
        limiter.wait()
        moments.append(clock.now)
    return moments


def test_the_rate_is_reached_by_threads_that_wake_a_little_late(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Time(late=0.004)
    monkeypatch.setattr(delivery, "time", clock)
    moments = turns(RateLimiter(RATE, clock), clock, 1501)
    assert moments[-1] - moments[0] == pytest.approx(10, abs=0.005)


def test_what_was_not_sent_in_a_break_is_not_made_up_for(clock: Time) -> None:
    limiter = RateLimiter(RATE, clock)
    limiter.wait()
    clock.now += 60
    first, *_others, last = turns(limiter, clock, 151)
    assert first == 1060
    assert last - first >= 1 - 1e-6


def test_a_new_rate_is_kept_from_the_next_turn_on(clock: Time) -> None:
    limiter = RateLimiter(1.0, clock)
    limiter.wait()
    limiter.set_rate(0.25)
    assert turns(limiter, clock, 2)[0] >= 1004
    limiter.set_rate(100)
    before = clock.now
    assert turns(limiter, clock, 10)[-1] - before <= 10 * (0.01 + 0.03)


def test_the_turns_after_a_pause_keep_the_rate(clock: Time) -> None:
    limiter = RateLimiter(1.0, clock)
    limiter.hold_back(5)
    assert turns(limiter, clock, 3)[0] >= 1005
    assert clock.now >= 1007


def sent_by_threads(before: float, after: float, seconds: float) -> tuple[list[float], float, float]:
    """Have 12 threads send with one rate and then with another.

    Returns:
        The moments of their requests, and those right before and right after the change of the rate.
    """
    switch, sent = StopSwitch(), []
    limiter = RateLimiter(before, switch)

    def work() -> None:
        while not switch.is_on:
            limiter.wait()
            if not switch.is_on:
                sent.append(time.monotonic())

    threads = [threading.Thread(target=work) for _thread in range(12)]
    for thread in threads:
        thread.start()
    time.sleep(0.6)
    moments = [time.monotonic()]
    limiter.set_rate(after)
    moments.append(time.monotonic())
    time.sleep(seconds)
    switch.stop(None)
    for thread in threads:
        thread.join()
    return sorted(sent), *moments


def test_a_lower_rate_is_kept_by_threads_that_wait_for_their_turns() -> None:
    sent, _before, after = sent_by_threads(20, 2, seconds=0.9)
    # Two by the new rate. Some may have had their turns before.
    assert len([each for each in sent if after < each < after + 0.9]) <= 5


def test_a_higher_rate_is_kept_by_threads_that_have_waited_for_long() -> None:
    sent, before, _after = sent_by_threads(0.5, 10, seconds=0.4)
    since = [each for each in sent if each > before]
    assert since
    assert all(each >= before + place / 10 for place, each in enumerate(since))
