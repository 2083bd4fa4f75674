# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the participants that a change acts on, as a stream of rows.

A campaign, a list or a file of any length names them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .._api.models import Participant
from .._api.reader import PAGE_SIZE, Reader
from .._core.entries import Row, participant_name, row_name
from .._core.errors import BadAnswerError, InvalidInputError
from .._core.identification import check_named, named_by
from .._core.identifiers import (
    IDENTIFIERS,
    check_identification,
    described,
    parse_id,
    read_identification,
)
from .._core.problems import Problems
from .._core.states import FILTER_STATES, ServerState
from .source import Source
from .source_columns import COLUMNS

_STATES_SHOWN, _SHOWN_MOST = 5, 40  # how many odd states a message shows, and how many characters of each


class Selection:
    """The value of the option ``selection``.

    Args:
        options: the option's value.

    Attributes:
        listed: the server's own list is the selection, so that all states are known from it.
        columns: the fields read from a file, and the names of their columns there; known when its rows have been read.

    Raises:
        InvalidInputError: the options do not go together.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._campaign_id = parse_id("selection.campaign_id", options.get("campaign_id"))
        self._state = options.get("state")
        self._participants = options.get("participants")
        self._source = options.get("source")
        self.listed = self._participants is None and self._source is None
        self.columns: dict[str, str] = {}
        self._digest = ""
        if self._participants is not None and self._source is not None:
            raise InvalidInputError("selection names participants and a source: give one of them.")
        if self.listed and self._campaign_id is None:
            raise InvalidInputError("selection names no participants: expected campaign_id, participants or source.")
        if not self.listed and self._state is not None:
            raise InvalidInputError(
                f"selection.state '{self._state}' goes with campaign_id alone: leave it out for a list or a file."
            )

    def description(self) -> dict[str, Any]:
        """Return what the ledger records of the selection.

        It says where the selection came from, and has the digest of a list or a file. A file is read for it, unless its
        rows have been read: the digest is then the one of the rows.

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
            words["digest"] = self._digest or self._digest_of_file()
        return {name: value for name, value in words.items() if value is not None}

    def _digest_of_file(self) -> str:
        with Source(self._source) as source:
            return source.digest()

    def rows(
        self, action: str, reader: Reader, note_request: Callable[[], None], warn: Callable[[str], None]
    ) -> Iterator[list[Row]]:
        """Yield all participants that it names, in blocks, duplicates included.

        Args:
            action: the change's action, which determines the identifiers that its requests carry.
            reader: reads the campaign.
            note_request: called for each page read; raises to end the reading.
            warn: receives a sentence for the user.

        Raises:
            InvalidInputError: the list or the file has invalid entries; names all of them.
            YateotaError: as ``Reader.participants``.
        """
        if self.listed:
            yield from self._campaign_rows(reader, note_request)
        elif self._participants is not None:
            places = ((f"participants[{place}]", given) for place, given in enumerate(self._participants))
            given_rows = GivenRows(action, self._campaign_id, warn)
            yield from given_rows.blocks(places, "selection", Problems())
        else:
            with Source(self._source) as source:
                yield from self._source_rows(source, GivenRows(action, self._campaign_id, warn))
                for column in sorted(source.numeric):
                    warn(
                        f"source '{self._source}': '{column}' holds numbers, not text; check that none has lost "
                        "leading zeros."
                    )

    def _source_rows(self, source: Source, given_rows: GivenRows) -> Iterator[list[Row]]:
        """Yield the file's rows.

        The file is digested before they are read, and again only if it may have changed since.
        """
        name = f"source '{self._source}'"
        before = source.stamp()
        self._digest = source.digest()
        yield from given_rows.blocks(source.entries(), name, Problems("line"))
        self.columns = source.columns
        if before.may_have_changed(source.stamp()) and source.digest() != self._digest:
            raise InvalidInputError(f"{name} has changed while it was read: run this again once it is complete.")

    def _campaign_rows(self, reader: Reader, note_request: Callable[[], None]) -> Iterator[list[Row]]:
        by_server = self._state if self._state in FILTER_STATES else None
        seen: Counter[str | None] = Counter()
        for page in reader.participants(int(self._campaign_id or 0), by_server):
            note_request()
            if self._state is not None:
                seen.update(each.state for each in page)
                page = [each for each in page if each.state == self._state]
            yield _listed_rows(page)
        self._check_states(seen, by_server is not None)

    def _check_states(self, seen: Counter[str | None], by_server: bool) -> None:
        """Refuse a list whose states cannot be those that the selection is made by: it would look empty.

        Args:
            seen: how many participants the list shows in each state.
            by_server: whether the server was asked for the one state.

        Raises:
            BadAnswerError: says what the list shows.
        """
        readable = {self._state} if by_server else set(map(str, ServerState))
        if not seen or (None not in seen and not readable.isdisjoint(seen)):
            return
        shown = ", ".join(repr(state)[:_SHOWN_MOST] for state in list(seen)[:_STATES_SHOWN] if state is not None)
        others = f", and the others {shown}" if shown else ""
        raise BadAnswerError(
            f"selection.state '{self._state}' cannot be compared with the list of campaign {self._campaign_id}: of "
            f"{seen.total()} participants, {seen[None]} show no state{others}. Nothing is recorded or sent. "
            "Leave selection.state out, or give participants or source. " + BadAnswerError.hint,
            request="query_participants",
        )


class GivenRows:
    """A maker of rows from the entries of a list or a file.

    Args:
        action: the change's action.
        campaign_id: the campaign of entries that name none.
        warn: receives a sentence for the user.
    """

    def __init__(self, action: str, campaign_id: int | None, warn: Callable[[str], None]) -> None:
        self._action = action
        self._campaign_id = campaign_id
        self._warn = warn
        self._odd, self._odd_count = "", 0

    def blocks(self, entries: Iterable[tuple[Any, Any]], what: str, problems: Problems) -> Iterator[list[Row]]:
        """Yield the rows, in blocks.

        Args:
            entries: each with its place.
            what: the name of their source, for an error.
            problems: collects the wrong entries.

        Raises:
            InvalidInputError: some are wrong; names them.
        """
        block: list[Row] = []
        for place, given in entries:
            try:
                block.append(self._row(given))
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

    def _row(self, entry: Any) -> Row:
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
        identified = {name: given.get(name) for name in COLUMNS}
        return Row(row_name(kinds, given, given["campaign_id"]), **identified, state_planned=None, found=0)


def _in_one_form(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of a list in the form that its digest is computed of.

    An id is the same as number and as text. An invalid entry stays as it is, because reading refuses it.
    """
    with contextlib.suppress(InvalidInputError):
        entry = read_identification(entry)
    return {name: entry.get(name) for name in COLUMNS}


def same_selection(recorded: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Return whether two descriptions are of the same participants.

    A file may have moved.
    """
    telling = ("campaign_id", "state", "participants", "digest")
    return all(recorded.get(name) == asked.get(name) for name in telling)


def words(description: Mapping[str, Any]) -> str:
    """Return a description in words, for an error."""
    if "source" in description:
        return f"source '{description['source']}'"
    if "participants" in description:
        return f"a list of {description['participants']} participants"
    state = f", state {description['state']}" if "state" in description else ""
    return described(description) + state


def _listed_rows(page: list[Participant]) -> list[Row]:
    if any(found.participant_id is None for found in page):
        raise InvalidInputError(
            "selection.campaign_id cannot be used: the server returns no participant_id. Give participants or source."
        )
    return [
        Row(
            participant_name(int(found.participant_id or 0), found.campaign_id),
            found.participant_id,
            found.campaign_id,
            found.iccid,
            found.imsi,
            found.msisdn,
            found.state,
            found=1,
        )
        for found in page
    ]
