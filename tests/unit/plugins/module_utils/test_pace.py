# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As many reads are under way as the server works on at once, and no more, whatever else makes it slow."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._api.pace import Pace

MOST = 3


class Reading:
    """A reading of many pages from a server that works on `places` requests at once, each taking `seconds`.

    Args:
        own: the seconds that the reading process computes for each page.
        jitter: the share by which an answer may come earlier or later.
    """

    def __init__(self, own: float = 0.001, jitter: float = 0.0, most: int = MOST) -> None:
        self.now = self._computed = 0.0
        self.own = own
        self.limits: list[int] = []
        self._chance = random.Random(1)  # noqa: S311 (no secret depends on it)
        self._jitter = jitter
        self.pace = Pace(most, lambda: self.now, lambda: self._computed)
        self._is_first = True

    def read(self, pages: int, places: int, seconds: Callable[[int], float] = lambda _page: 0.02) -> Counter[int]:
        """How many of the pages were read with how many under way."""
        used: Counter[int] = Counter()
        for page in range(pages):
            together = 1 if self._is_first else max(1, self.pace.limit)
            self._is_first = False
            waited = (
                seconds(page) * max(1.0, together / places) * self._chance.uniform(1 - self._jitter, 1 + self._jitter)
            )
            self.now += max(waited / together, self.own)
            self._computed += self.own
            used[self.pace.limit and together] += 1
            self.pace.note(waited, together)
        return used


@pytest.mark.parametrize("jitter", [0.0, 0.2])
@pytest.mark.parametrize("places", [1, 2, 3, 8])
def test_as_many_as_the_server_works_on(places: int, jitter: float) -> None:
    used = Reading(jitter=jitter).read(1000, places)
    assert used[min(places, MOST)] > 850
    (first, _other), *_rest = Reading(jitter=jitter).read(60, places).most_common()
    assert first == min(places, MOST)


def test_a_list_that_gets_slower_with_its_offsets_is_read_with_as_many() -> None:
    """Its first page, which is read alone, says little about the last ones."""
    used = Reading().read(1000, places=3, seconds=lambda page: 0.02 + 0.0002 * page)
    assert used[3] > 850


def test_a_server_that_gets_more_places_gets_more_requests() -> None:
    reading = Reading()
    reading.read(100, places=1)
    assert reading.pace.limit == 1
    assert reading.read(400, places=3)[3] > 200


@pytest.mark.parametrize(("seconds", "needed"), [(0.0005, 0), (0.008, 2), (0.02, 3), (0.5, 3)])
def test_a_reading_that_is_held_up_by_its_own_computing_needs_no_more_than_it_can_take(
    seconds: float, needed: int
) -> None:
    assert Reading(own=0.01).read(100, places=8, seconds=lambda _page: seconds)[needed] > 90


def test_a_reading_that_is_held_up_takes_none_of_its_times_for_the_servers() -> None:
    """Its answers wait for Python's lock, so that they seem to take longer with several under way."""
    assert Reading(own=0.02).read(300, places=1)[2] > 290


def test_a_server_that_becomes_slow_gets_more_requests_again() -> None:
    reading = Reading(own=0.005)
    assert reading.read(100, places=3, seconds=lambda _page: 0.0005)[0] > 90
    assert reading.read(400, places=3)[3] > 300


def test_one_at_a_time_stays_one_at_a_time() -> None:
    assert Reading(most=1).read(100, places=8) == {1: 100}
