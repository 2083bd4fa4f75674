# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a change acts on: a campaign, a list or a file, read as a stream of rows, whatever their number."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .._api.models import FILTER_STATES, Participant
from .._api.reader import PAGE_SIZE, Reader
from .._core.entries import Row, row_name
from .._core.errors import InvalidInputError
from .._core.identification import check_named, named_by
from .._core.identifiers import (
    IDENTIFIERS,
    check_identification,
    described,
    parse_id,
    read_identification,
)
from .._core.problems import Problems
from .source import Source
from .source_columns import COLUMNS


class Selection:
    """What the option ``selection`` asks for.

    Args:
        options: the option's value; None where it is not given.
        action: the change's action, which says by what its requests name those it acts on.
        warn: takes a sentence for the user.

    Attributes:
        listed: the server's own list is the selection, so that all states are known from it.
        columns: what was read of a file, and the names of its columns there; known once its rows are read.

    Raises:
        InvalidInputError: the options do not go together.
    """

    def __init__(self, options: Mapping[str, Any], action: str, warn: Callable[[str], None]) -> None:
        self._action = action
        self._warn = warn
        self._campaign_id = parse_id("selection.campaign_id", options.get("campaign_id"))
        self._state = options.get("state")
        self._participants = options.get("participants")
        self._source = options.get("source")
        self.listed = self._participants is None and self._source is None
        self.columns: dict[str, str] = {}
        self._digest = ""
        self._odd, self._odd_count = "", 0
        if self._participants is not None and self._source is not None:
            raise InvalidInputError("selection names participants and a source: give one of them.")
        if self.listed and self._campaign_id is None:
            raise InvalidInputError("selection names nobody: give campaign_id, participants or source.")
        if not self.listed and self._state is not None:
            raise InvalidInputError(
                f"selection.state '{self._state}' goes with campaign_id alone: leave it out for a list or a file."
            )

    def description(self) -> dict[str, Any]:
        """What the ledger records of it: where it came from, and the digest of a list or a file.

        Raises:
            InvalidInputError: the source cannot be read.
        """
        words = {"campaign_id": self._campaign_id, "state": self._state}
        if self._participants is not None:
            named = [_in_one_form(each) for each in self._participants]
            words["participants"] = len(named)
            words["digest"] = hashlib.sha256(json.dumps(named, sort_keys=True, default=str).encode()).hexdigest()
        if self._source is not None:
            words["source"] = self._source
            with Source(self._source) as source:
                words["digest"] = self._digest = source.digest()
        return {name: value for name, value in words.items() if value is not None}

    def rows(self, reader: Reader, count_page: Callable[[], None]) -> Iterator[list[Row]]:
        """All it names, in blocks, doubled ones included.

        Args:
            reader: reads the campaign.
            count_page: told of each page read.

        Raises:
            InvalidInputError: the list or the file names somebody in a way that cannot be; all bad lines are named.
            YateotaError: as ``Reader.participants``.
        """
        if self.listed:
            yield from self._campaign_rows(reader, count_page)
        elif self._participants is not None:
            places = ((f"participants[{place}]", given) for place, given in enumerate(self._participants))
            yield from self._given_rows(places, "selection", Problems())
        else:
            with Source(self._source) as source:
                yield from self._source_rows(source)

    def _source_rows(self, source: Source) -> Iterator[list[Row]]:
        name = f"source '{self._source}'"
        yield from self._given_rows(source.entries(), name, Problems("line"))
        self.columns = source.columns
        if self._digest and source.digest() != self._digest:
            raise InvalidInputError(f"{name} has changed while it was read: run this again once it is whole.")
        for column in sorted(source.numeric):
            self._warn(f"{name}: '{column}' holds numbers, not text; check that none has lost leading zeros.")

    def _campaign_rows(self, reader: Reader, count_page: Callable[[], None]) -> Iterator[list[Row]]:
        by_server = self._state if self._state in FILTER_STATES else None
        for page in reader.participants(int(self._campaign_id or 0), by_server):
            count_page()
            yield [_listed_row(found) for found in page if self._state is None or found.state == self._state]

    def _given_rows(self, entries: Iterable[tuple[Any, Any]], what: str, problems: Problems) -> Iterator[list[Row]]:
        block: list[Row] = []
        for place, given in entries:
            try:
                block.append(self._given_row(given))
            except InvalidInputError as error:
                problems.add(place, error)
            if len(block) == PAGE_SIZE:
                yield block
                block = []
        if problems.count:
            raise InvalidInputError(
                f"{what} has {problems.count} bad entries, nothing was recorded or sent. {problems.sentences()}"
            )
        if self._odd:
            self._warn(self._odd + (f" And {self._odd_count - 1} more such ICCIDs." if self._odd_count > 1 else ""))
        yield block

    def _given_row(self, entry: Any) -> Row:
        if isinstance(entry, InvalidInputError):
            raise entry
        given = {"campaign_id": self._campaign_id, **read_identification(entry)}
        warning = check_identification(given)
        if warning:
            self._odd = self._odd or warning
            self._odd_count += 1
        check_named(self._action, given)
        first = named_by(self._action, given)
        kinds = sorted((name for name in IDENTIFIERS if name in given), key=lambda name: name != first)
        return {
            **{name: given.get(name) for name in COLUMNS},
            "name": row_name(kinds, given, given["campaign_id"]),
            "state_planned": None,
            "found": 0,
        }


def _in_one_form(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of a list for its digest: an id is the same as number and as text. What is refused is so when read."""
    with contextlib.suppress(InvalidInputError):
        entry = read_identification(entry)
    return {name: entry.get(name) for name in COLUMNS}


def same_selection(recorded: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether two descriptions are of the same participants: a file may have moved."""
    telling = ("campaign_id", "state", "participants", "digest")
    return all(recorded.get(name) == asked.get(name) for name in telling)


def words(description: Mapping[str, Any]) -> str:
    """A description in words, for an error."""
    if "source" in description:
        return f"source '{description['source']}'"
    if "participants" in description:
        return f"a list of {description['participants']} participants"
    state = f", state {description['state']}" if "state" in description else ""
    return described(description) + state


def _listed_row(found: Participant) -> Row:
    if found.participant_id is None:
        raise InvalidInputError(
            "selection.campaign_id cannot be used: the server tells no participant_id. Give participants or source."
        )
    return {
        **{name: getattr(found, name) for name in COLUMNS},
        "name": row_name(["participant_id"], {"participant_id": found.participant_id}, found.campaign_id),
        "state_planned": found.state,
        "found": 1,
    }
