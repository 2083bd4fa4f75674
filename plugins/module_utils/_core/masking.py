# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mask all but the last 4 digits of identifiers in results, warnings and files.

Masking searches for known values: from options, the result, messages and the
ledger.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .identifiers import SIM_IDENTIFIERS, canonical, masked, masked_where_named, quoted

_SHORT = 6
"""Fewer digits than this may be a count or an id: they are masked only next to an identifier's name."""

_LONG = 10
"""At least this many digits are an identifier even in the middle of a word."""

# Separators that spreadsheets and people put into long numbers.
_GROUPED = re.compile(r"(?<![0-9])[0-9]{2,}(?:[ \u00a0'.-][0-9]{2,})+(?![0-9])")
_HALF_BYTES = re.compile("(.)(.)")
_WORD = re.compile(r"[0-9A-Fa-f]*[0-9][0-9A-Fa-f]*")
_NAMED = re.compile(rf"\b({'|'.join(SIM_IDENTIFIERS)})( (?:was read as the number )?['\"]?\+?)([0-9]+)\b")
_FILLING = re.compile(r"[^0-9A-Za-z]")
_SERVERS = ("message", "reason")
"""The keys of texts that come from the server."""


class Masking:
    """The masking of one task's output.

    Args:
        options: the task's options, whose identifiers are known from the start. They may be invalid.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._known: set[str] = set()
        self._learn_from(options)
        for given in (options, options.get("selection")):
            if isinstance(given, Mapping):
                self.learn(_texts_of(given.get("participants")))

    def learn(self, values: Iterable[Any]) -> None:
        """Note more values as identifiers, in any spelling; ignore masked ones."""
        self._known |= {form for value in values if "*" not in str(value) for form in _forms(str(value))}

    def result(self, value: Any) -> Any:
        """Mask every text in a result, in options, or in a part of them, at any depth."""
        self.learn(quoted())
        self._learn_from(value)
        return self._masked(value)

    def sentence(self, text: str, said: str | None = None) -> str:
        """Mask a message of the collection that may quote the server.

        Args:
            text: the message.
            said: the part of it that comes from the server.
        """
        self.learn(quoted())
        if said:
            return self._of_server(said).join(self._of_ours(part) for part in text.split(said))
        return self._of_ours(text)

    def _learn_from(self, value: Any) -> None:
        for name, found in _identifiers_in(value):
            self.learn((found, canonical(name, str(found))))

    def _masked(self, value: Any, key: Any = None) -> Any:
        if isinstance(value, Mapping):
            return {self._masked(name): self._masked(each, name) for name, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._masked(each, key) for each in value]
        if key in SIM_IDENTIFIERS and value is not None and not isinstance(value, bool):
            return stars(str(value))
        if not isinstance(value, str):
            return value
        return self._of_server(value) if key in _SERVERS else self._of_ours(value)

    def _of_server(self, text: str) -> str:
        """Mask each long number and each known identifier in a text of the server."""
        return str(masked(self._known_masked(text, shortest=1)))

    def _of_ours(self, text: str) -> str:
        text = _NAMED.sub(lambda found: found[1] + found[2] + self._if_known(found[3]), text)
        return masked_where_named(self._known_masked(text, shortest=_SHORT))

    def _if_known(self, word: str) -> str:
        return stars(word) if word in self._known else word

    def _known_masked(self, text: str, shortest: int) -> str:
        def grouped(found: re.Match[str]) -> str:
            digits = re.sub("[^0-9]", "", found[0])
            return stars(digits) if len(digits) >= _LONG and _forms(digits) & self._known else found[0]

        def word(found: re.Match[str]) -> str:
            size, whole = len(found[0]), not _touches_word(found)
            fits = size >= _LONG or (size >= shortest and whole)
            return stars(found[0]) if fits and _forms(found[0]) & self._known else found[0]

        return _WORD.sub(word, _GROUPED.sub(grouped, text))


def stars(value: str) -> str:
    """Replace all but the last 4 characters of an identifier by ``*``.

    A short identifier is replaced as a whole. A + in front stays.
    """
    plus, digits = ("+", value[1:]) if value.startswith("+") else ("", value)
    shown = 4 if len(digits) >= _SHORT else 0
    hidden = len(digits) - shown
    return plus + "*" * hidden + digits[hidden:]


def mask_row(row: dict[str, Any]) -> dict[str, Any]:
    """Mask a participant's row of a report by its own identifiers.

    There may be a million of them.
    """
    texts = [row, *row.get("earlier_sends", ())]
    if any(each.get(name) for each in texts for name in _SERVERS):
        masked_row: dict[str, Any] = Masking({}).result(row)
        return masked_row
    return row | {name: stars(row[name]) for name in SIM_IDENTIFIERS if row[name]}


def words_of(texts: Iterable[str]) -> set[str]:
    """Return the words in texts that could be identifiers.

    Each is returned in all forms that it could be known by.
    """
    return {form for text in texts for word in _WORD.findall(text) for form in _forms(word)}


def _touches_word(found: re.Match[str]) -> bool:
    start, end = found.span()
    before, after = found.string[:start][-1:], found.string[end:][:1]
    return before.isalnum() or after.isalnum() or "_" in before + after


def _forms(value: str) -> set[str]:
    """Return the forms in which a value is compared.

    An ICCID is also compared without its check digit, and with swapped digits.
    """
    value = _FILLING.sub("", value)
    plain = str(canonical("iccid", value))
    forms = {plain}
    if len(plain) >= 18:
        swapped = _HALF_BYTES.sub(r"\2\1", value).upper().rstrip("F")
        forms |= {plain[:-1], swapped} if len(plain) > 18 else {swapped}
    return {form for form in forms if any(character.isdecimal() for character in form)}


def _identifiers_in(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the values under the names of identifiers, at any depth."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name in SIM_IDENTIFIERS and isinstance(each, (str, int)) and not isinstance(each, bool):
                yield name, each
            else:
                yield from _identifiers_in(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _identifiers_in(each)


def _texts_of(participants: Any) -> set[str]:
    """Return the words of participants that are given as text.

    No task accepts participants as text, but each refusal quotes them.
    """
    texts = participants if isinstance(participants, list) else [participants]
    return words_of(each for each in texts if isinstance(each, str))
