# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Request the next pages of a list while one page is processed."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from .pace import Pace

Item = dict[str, Any]
Fetch = Callable[[int, "Callable[[], bool] | None"], list[Item]]
"""Reads a page: (its offset, whether it is still wanted) -> its items as the server sent them. The second is None for a
page that is waited for now."""


class _Fetched(NamedTuple):
    """A page that was read.

    Attributes:
        items: its items.
        waited: how many seconds its answer was waited for.
        under_way: how many pages were under way meanwhile, this one included.
    """

    items: list[Item]
    waited: float
    under_way: int


class _PageAhead:
    """A page that was requested ahead, and is under way or has come.

    Attributes:
        dropped: set when the page is not wanted any more.
        fetched: the page, when it has come.
    """

    def __init__(self) -> None:
        self.dropped = threading.Event()
        self.fetched: Future[_Fetched]


class PagesAhead:
    """The pages of one list, taken one by one while the next ones are under way.

    Expectations may be wrong. If a page is taken at another offset than expected, all pages ahead are dropped. So the
    caller checks each page as if no other had been requested. A failure is raised when its page is taken, not earlier.

    The calling thread itself reads a list of one page, and the pages for which ``pace`` finds no thread worth it. For
    the others there are threads, which end with ``close``.

    Args:
        fetch: reads one page; called from several threads if ``most`` is more than 1.
        most: how many pages at most are under way, or have come and are not taken yet.
        pace: how many of them make the reading quicker, measured while they come.
    """

    def __init__(self, fetch: Fetch, most: int = 1, pace: Pace | None = None) -> None:
        self._fetch = fetch
        self._most = most
        self._pace = pace or Pace(most)
        self._ahead: dict[int, _PageAhead] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._under_way = 0

    def take(self, offset: int) -> list[Item]:
        """Return the page at an offset.

        Raises:
            YateotaError: as ``fetch``.
        """
        if next(iter(self._ahead), offset) != offset:
            self._drop()
        ahead = self._ahead.pop(offset, None)
        if ahead is not None:
            page = ahead.fetched.result()
        elif self._threads is None or (self._pace.limit == 0 and not self._under_way):
            page = self._fetch_and_measure(offset, None)
        else:  # in a thread, since dropped pages may still be under way, and count for ``most``
            page = self._request(self._threads, offset).fetched.result()
        self._pace.note(page.waited, page.under_way)
        return page.items

    def expect(self, offsets: Iterable[int]) -> None:
        """Request the pages at these offsets, or the first ones of them if they are many.

        After a page has failed, nothing is requested ahead: the failure ends the reading when that page is taken.
        """
        if self._most == 1 or any(each.fetched.done() and each.fetched.exception() for each in self._ahead.values()):
            return
        first = list(itertools.islice(offsets, self._pace.limit))
        if self._threads is None:
            if len(first) < 2:
                return
            self._threads = ThreadPoolExecutor(self._most, "yateota-reader")
        for offset in first:
            if offset not in self._ahead and len(self._ahead) < self._pace.limit:
                self._ahead[offset] = self._request(self._threads, offset)

    def close(self) -> None:
        """Drop all pages ahead. Each thread ends after the answer that it waits for."""
        self._drop()
        if self._threads is not None:
            self._threads.shutdown()

    def _drop(self) -> None:
        for ahead in self._ahead.values():
            ahead.dropped.set()
            ahead.fetched.cancel()
        self._ahead.clear()

    def _request(self, threads: ThreadPoolExecutor, offset: int) -> _PageAhead:
        ahead = _PageAhead()
        ahead.fetched = threads.submit(self._fetch_and_measure, offset, lambda: not ahead.dropped.is_set())
        return ahead

    def _fetch_and_measure(self, offset: int, is_wanted: Callable[[], bool] | None) -> _Fetched:
        with self._lock:
            self._under_way += 1
            at_first = self._under_way
        begun, computed = time.monotonic(), time.thread_time()
        try:
            items = self._fetch(offset, is_wanted)
        finally:
            with self._lock:
                at_last = self._under_way
                self._under_way -= 1
        # What this thread has computed meanwhile says nothing about the server.
        waited = time.monotonic() - begun - (time.thread_time() - computed)
        return _Fetched(items, waited, max(at_first, at_last))
