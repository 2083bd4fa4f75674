# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have the next pages of a list under way while one is looked at."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from .pace import Pace

Item = dict[str, Any]
Fetch = Callable[[int, "Callable[[], bool] | None"], list[Item]]
"""(offset, whether the page is still wanted) -> the page's items as the server sent them. The second is None for a page
that is waited for."""


class _Wanted(threading.Event):
    """A page that is under way or has come: set once nobody waits for it any more."""

    page: Future[tuple[list[Item], float, int]]


class PagesAhead:
    """The pages of one list, taken one by one, while those expected next are under way.

    Expectations may be wrong: a page that is taken at another offset than expected drops all that were. So the caller
    judges each page as if it had been read alone. A failure is raised when its page is taken, after those before it.

    A list of one page is read in the calling thread. Otherwise there are threads, which end with ``close``.

    Args:
        fetch: reads one page; called from several threads if ``most`` is more than 1.
        most: how many pages may be under way, or have come and are not taken.
        pace: how many of them are worth it, measured while they come.
    """

    def __init__(self, fetch: Fetch, most: int = 1, pace: Pace | None = None) -> None:
        self._fetch = fetch
        self._most = most
        self._pace = pace or Pace(most)
        self._ahead: dict[int, _Wanted] = {}
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
        wanted = self._ahead.pop(offset, None)
        if wanted is not None:
            page, seconds, together = wanted.page.result()
        elif self._threads is None:
            page, seconds, together = self._timed(offset, None)
        else:  # pages that nobody waits for may still be under way: they count
            page, seconds, together = self._submitted(self._threads, offset).page.result()
        self._pace.note(seconds, together)
        return page

    def expect(self, offsets: Iterable[int]) -> None:
        """Have the pages at these offsets under way, the first ones if they are many.

        Nothing is expected while a page that was is known to have failed.
        """
        if self._most == 1 or any(each.page.done() and each.page.exception() for each in self._ahead.values()):
            return
        first = list(itertools.islice(offsets, self._pace.limit))
        if self._threads is None:
            if len(first) < 2:
                return
            self._threads = ThreadPoolExecutor(self._most, "yateota-reader")
        for offset in first:
            if offset not in self._ahead and len(self._ahead) < self._pace.limit:
                self._ahead[offset] = self._submitted(self._threads, offset)

    def close(self) -> None:
        """Drop what is under way, and end the threads, each after the answer that it waits for."""
        self._drop()
        if self._threads is not None:
            self._threads.shutdown()

    def _drop(self) -> None:
        for wanted in self._ahead.values():
            wanted.set()
            wanted.page.cancel()
        self._ahead.clear()

    def _submitted(self, threads: ThreadPoolExecutor, offset: int) -> _Wanted:
        wanted = _Wanted()
        wanted.page = threads.submit(self._timed, offset, lambda: not wanted.is_set())
        return wanted

    def _timed(self, offset: int, is_wanted: Callable[[], bool] | None) -> tuple[list[Item], float, int]:
        """Return a page, the seconds that it was waited for, and how many were under way meanwhile."""
        with self._lock:
            self._under_way += 1
            at_first = self._under_way
        begun, computed = time.monotonic(), time.thread_time()
        try:
            page = self._fetch(offset, is_wanted)
        finally:
            with self._lock:
                at_last = self._under_way
                self._under_way -= 1
        waited = time.monotonic() - begun - (time.thread_time() - computed)
        return page, waited, max(at_first, at_last)
