# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a list by offset while it changes.

No item is read twice, and no item that stays in the list is lost.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from .._core.errors import BadAnswerError

Item = dict[str, Any]
Fetch = Callable[[int, int], list[Item]]
"""(offset, limit) -> the page's items as the server sent them."""


class Seen:
    """The keys read so far.

    They are in a temporary file of SQLite, so that a million of them take no memory.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE seen (key PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")
        self.count = 0

    def add(self, key: int | str) -> bool:
        """Add a key, and return whether it is new."""
        new = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,)).rowcount == 1
        self.count += new
        return new

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


def read_moving_list(
    fetch: Fetch, key: str, page_size: int, seen: Seen, total: int | None = None
) -> Iterator[list[Item]]:
    """Read a whole list, page by page, each item once.

    Offsets shift when an item before them leaves the list, and an item that moves across a page boundary would be
    lost. So every page after the first begins with the last item of the page before. If it begins with an unknown
    item instead, the list has moved: the reading steps back, twice as far each time, until it finds a known item.
    For example, page 1 ended with item 10 and page 2 begins with item 12: the reading steps back to find item 11.
    This works for a list whose order is stable; the caller compares ``seen.count`` with the server's own count.

    Args:
        fetch: reads one page.
        key: the field that identifies an item.
        page_size: items asked for at once, 2 or more. The server may send fewer.
        seen: stores the keys; ``seen.count`` is the number of items read so far.
        total: the number of items if the server reported it, which decides how hard to look for the end. It does not
            end the reading by itself, because items may have come and gone since.

    Yields:
        Lists of items that were not seen before, never empty.

    Raises:
        BadAnswerError: the server sends the same items for every offset, so that the list has no end.
    """
    offset = step_back = pages_with_new = pages_without_new = short_pages = 0
    patience = _PATIENCE if total is None else _PATIENCE_PROMISED
    while True:
        page = fetch(offset, page_size)
        on_known_ground = offset == 0 or (bool(page) and key_of(page[0], key) in seen)
        new = [item for item in page if seen.add(key_of(item, key))] if on_known_ground else []
        if new:
            pages_with_new, pages_without_new = pages_with_new + 1, 0
            yield new
        else:
            pages_without_new += 1
        short_pages = short_pages + 1 if on_known_ground and len(page) < 2 else 0
        if short_pages > patience or (short_pages and total is not None and seen.count >= total):
            return
        if pages_without_new > _PAGES_WITHOUT_NEW_MOST + 2 * pages_with_new:
            raise BadAnswerError(
                f"The list does not end: {pages_without_new} pages in a row, the last at offset {offset}, held "
                f"nothing new after {seen.count} items. The server seems to ignore the offset."
            )
        if on_known_ground:
            step_back = 0
            offset += max(0, len({key_of(item, key) for item in page}) - 1)
        else:
            step_back = step_back * 2 or page_size
            offset = max(0, offset - step_back)
