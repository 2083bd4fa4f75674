# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a list by offset while it changes.

No item is read twice, and no item that stays in the list is lost.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from .._core.errors import BadAnswerError
from .ahead import Item, PagesAhead


class Seen:
    """The keys read so far.

    They are in a temporary file of SQLite, so that a million of them take no memory.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE seen (key PRIMARY KEY, page INTEGER) WITHOUT ROWID")
        self._database.execute("BEGIN")
        self._page = 0
        self.count = 0

    def add(self, keys: Sequence[int | str]) -> list[int]:
        """Add the keys of a page, and return the places of those that are new."""
        self._page += 1
        before = self._database.total_changes
        # As one JSON text: a third of the time of a row after the other.
        insert = "INSERT OR IGNORE INTO seen SELECT value, ? FROM json_each(?)"
        self._database.execute(insert, (self._page, json.dumps(keys)))
        added = self._database.total_changes - before
        self.count += added
        if added == len(keys):
            return list(range(added))
        first: dict[int | str, int] = {}
        for place, key in enumerate(keys):
            first.setdefault(key, place)
        query = "SELECT page FROM seen WHERE key = ?"
        return [
            place for key, place in first.items() if self._database.execute(query, (key,)).fetchone()[0] == self._page
        ]

    def __contains__(self, key: int | str) -> bool:
        return self._database.execute("SELECT 1 FROM seen WHERE key = ?", (key,)).fetchone() is not None

    def close(self) -> None:
        """Delete the temporary file."""
        self._database.close()


_PATIENCE, _PATIENCE_PROMISED = 1, 3
"""How often a page that looks like the last one is read again, because a page may be incomplete: once, and more often
if the server's own count promises more items. If that count is reached, not at all."""
_PAGES_WITHOUT_NEW_MOST = 30
"""After this many pages in a row without new items, plus two for each page that had some, a list counts as endless. A
bad page costs a step back and the way forward again: eight of them in pages of two cost up to 18 pages, as measured."""
_LONGEST_NUMBER = 18  # digits that SQLite stores as a number


def key_of(item: Item, name: str) -> int | str:
    """Return an item's key: its field ``name``, or the whole item.

    ``161`` and ``"161"`` are one key.
    """
    value = item.get(name)
    if value is None or value == "":
        return json.dumps(item, sort_keys=True)
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER else text


def keys_of(items: Sequence[Item], name: str) -> list[int | str]:
    """Return the keys of a page's items, quickly if all are numbers in text."""
    values: list[Any] = [item.get(name) for item in items]
    if set(map(type, values)) == {str} and all(values):
        text = "".join(values)
        if text.isascii() and text.isdecimal() and max(map(len, values)) <= _LONGEST_NUMBER:
            return list(map(int, values))
    return [key_of(item, name) for item in items]


def read_moving_list(
    pages: PagesAhead, key: str, page_size: int, seen: Seen, total: int | None = None, most: int | None = None
) -> Iterator[list[Item]]:
    """Read a whole list, page by page, each item once.

    Args:
        pages: reads the pages, those that it is to expect ahead.
        key: the field that identifies an item.
        page_size: items asked for at once, 2 or more. The server may send fewer.
        seen: stores the keys; ``seen.count`` is the number of items read so far.
        total: the number of items if the server reported it, which decides how hard to look for the end, and which
            pages are expected. It does not end the reading by itself, because items may have come and gone since.
        most: how many lists are taken at most, so that no page after them is asked for ahead; None for all.

    Yields:
        Lists of items that were not seen before, never empty.

    Raises:
        BadAnswerError: the server sends the same items for every offset, so that the list has no end.
        YateotaError: as ``PagesAhead.take``.
    """
    walk = _Walk(key, page_size, seen, total)
    is_first = True
    while not walk.has_ended:
        new = walk.look_at(pages.take(walk.offset))
        most = most if most is None else max(0, most - bool(new))
        if not is_first:
            pages.expect(islice(walk.expected(), most))
        if new:
            yield new
        if is_first:  # not before it is clear that the first page was not enough
            pages.expect(islice(walk.expected(), most))
            is_first = False


class _Walk:
    """The way through a moving list.

    Offsets shift when an item before them leaves the list, and an item that moves across a page boundary would be
    lost. So every page after the first begins with the last item of the page before. If it begins with an unknown
    item instead, the list has moved: the reading steps back, twice as far each time, until it finds a known item.
    For example, page 1 ended with item 10 and page 2 begins with item 12: the reading steps back to find item 11.
    Back at the beginning, a page without any known item is read again a few times: the server may have sent that of
    another offset.
    This works for a list whose order is stable; the caller compares ``seen.count`` with the server's own count.

    It works whichever of two pages the server read first: what is in order between a known item and the last one of
    the page that begins with it is in that page.

    Args:
        key, page_size, seen, total: as in ``read_moving_list``.

    Attributes:
        offset: where to read next.
        has_ended: whether there is nothing more to read.
    """

    def __init__(self, key: str, page_size: int, seen: Seen, total: int | None) -> None:
        self.offset = 0
        self.has_ended = False
        self._key, self._page_size, self._seen, self._total = key, page_size, seen, total
        self._patience = _PATIENCE if total is None else _PATIENCE_PROMISED
        self._step_back = self._short_pages = 0
        self._pages_with_new = self._pages_without_new = 0
        self._largest = self._full_pages = 0
        self._may_continue = False
        self._strange_beginnings = 0

    def look_at(self, page: list[Item]) -> list[Item]:
        """Return the new items of the page at ``offset``, and move on.

        Raises:
            BadAnswerError: the list has no end.
        """
        keys = keys_of(page, self._key)
        known = int(bool(page) and self.offset > 0 and keys[0] in self._seen)
        on_known_ground = known == 1 or (self.offset == 0 and self._is_beginning(keys))
        new = [page[known + place] for place in self._seen.add(keys[known:])] if on_known_ground else []
        self._pages_with_new += bool(new)
        self._pages_without_new = 0 if new else self._pages_without_new + 1
        self._short_pages = self._short_pages + 1 if on_known_ground and len(page) < 2 else 0
        reached = self._total is not None and self._seen.count >= self._total
        self.has_ended = self._short_pages > self._patience or (self._short_pages > 0 and reached)
        if not self.has_ended:
            self._check_end()
        self._move(len(set(keys)) if on_known_ground else None)
        return new

    def _is_beginning(self, keys: Sequence[int | str]) -> bool:
        """Return whether to take a page at offset 0 for the beginning of the list.

        All known items may really have gone from it, so that in the end such a page is taken for it.
        """
        if not self._pages_with_new or not keys or any(key in self._seen for key in keys):
            self._strange_beginnings = 0
            return True
        self._strange_beginnings += 1
        return self._strange_beginnings > self._patience

    def _check_end(self) -> None:
        if self._pages_without_new > _PAGES_WITHOUT_NEW_MOST + 2 * self._pages_with_new:
            raise BadAnswerError(
                f"The list does not end: {self._pages_without_new} pages in a row, the last at offset {self.offset}, "
                f"held nothing new after {self._seen.count} items. The server seems to ignore the offset."
            )

    def _move(self, items: int | None) -> None:
        """Move on by the items of a page; None means that it began with an unknown one."""
        self._may_continue = items is not None and items >= max(self._largest, 2)
        if items is None:
            self._step_back = self._step_back * 2 or self._page_size
            self.offset = max(0, self.offset - self._step_back)
            return
        self._full_pages = 1 if items > self._largest else self._full_pages + (items == self._largest)
        self._largest = max(self._largest, items)
        self._step_back = 0
        self.offset += max(0, items - 1)

    def expected(self) -> Iterator[int]:
        """Yield the offsets of the next pages, up to the end if known, of a list at rest.

        Nothing is expected after a page with fewer items than others, nor after the first one if it has fewer than
        were asked for, unless the number of all items shows that this is not the end.
        """
        may_be_end = self._total is None and self._largest < self._page_size and self._full_pages < 2
        if self.has_ended or not self._may_continue or may_be_end:
            return
        offset = self.offset
        while self._total is None or offset < self._total:
            yield offset
            remaining = self._largest if self._total is None else min(self._largest, self._total - offset)
            if remaining < 2:
                return
            offset += remaining - 1
