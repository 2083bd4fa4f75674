# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a JSON array or JSON lines as a stream of values with their lines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from .._core.errors import InvalidInputError

_BLOCK = 65536
_BLANKS = re.compile(r"\s*")
_LONGEST = 1 << 20  # characters of one entry

Value = tuple[int, Any]
"""The line that a value begins in and the value; or the line of a fault and an InvalidInputError."""


class Pairs(list[tuple[str, Any]]):
    """A JSON object with all of its keys, including repeated ones."""


_DECODER = json.JSONDecoder(object_pairs_hook=Pairs)


def json_lines(lines: Iterator[str]) -> Iterator[Value]:
    """Yield the values of JSON lines.

    A line that cannot be read does not affect the others.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield number, _DECODER.decode(line.strip())
        except (ValueError, RecursionError) as error:
            yield number, _fault(error)


def json_values(read: Callable[[int], str]) -> Iterator[Value]:
    """Yield the values of an array, or of a sequence of objects over several lines.

    The first fault ends them.

    Args:
        read: reads a number of characters of text, and fewer only at its end; lines end as Python has them.
    """
    text = _Text(read)
    is_array = text.next_sign() == "["
    if is_array:
        text.take_sign()
    separated = True
    while sign := text.next_sign():
        if sign == "]" and is_array:
            text.take_sign()
            if text.next_sign():
                yield text.line, InvalidInputError("there is more after the end of the array: leave it out.")
            return
        if sign == "," and not separated:
            text.take_sign()
            separated = True
            continue
        if is_array and not separated:
            yield (
                text.line,
                InvalidInputError("it is not valid JSON (a comma is missing): separate the entries by commas."),
            )
            return
        line, value = text.take_value()
        yield line, value
        if isinstance(value, InvalidInputError):
            return
        separated = False
    if is_array:
        yield text.line, InvalidInputError("the array does not end: the file is not whole, give all of it.")


def _fault(error: Exception) -> InvalidInputError:
    why = error.msg if isinstance(error, json.JSONDecodeError) else "it cannot be read"
    return InvalidInputError(f"it is not valid JSON ({why}): give one JSON object for each participant.")


class _Text:
    """Text that is read in blocks, and dropped once it is taken."""

    def __init__(self, read: Callable[[int], str]) -> None:
        self._read = read
        self._text = ""
        self._place = 0
        self._ended = False
        self.line = 1

    def next_sign(self) -> str:
        """Return the next character that is not blank, without taking it; or nothing."""
        while True:
            blanks = _BLANKS.match(self._text, self._place)
            self._go_to(blanks.end() if blanks else self._place)
            if self._place < len(self._text) or not self._more():
                return self._text[self._place] if self._place < len(self._text) else ""

    def take_sign(self) -> None:
        """Take the character that ``next_sign`` returned."""
        self._place += 1

    def take_value(self) -> Value:
        """Take the value that begins with the character that ``next_sign`` returned."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._place)
            except (ValueError, RecursionError) as error:
                place = error.pos if isinstance(error, json.JSONDecodeError) else self._place
                if place > self._place and len(self._text) - self._place < _LONGEST and self._more():
                    continue
                return self.line + self._text.count("\n", self._place, place), _fault(error)
            line = self.line
            self._go_to(end)
            return line, value

    def _go_to(self, place: int) -> None:
        self.line += self._text.count("\n", self._place, place)
        self._place = place

    def _more(self) -> bool:
        block = "" if self._ended else self._read(_BLOCK)
        self._ended = not block
        place = self._place
        self._text, self._place = self._text[place:] + block, 0
        return bool(block)
