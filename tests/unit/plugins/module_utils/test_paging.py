# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a list that moves: whatever the server does within reason, each item that stays is read exactly once."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any
from unittest.mock import patch

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._api import ahead
from ansible_collections.simops.yateota.plugins.module_utils._api.ahead import Item, PagesAhead
from ansible_collections.simops.yateota.plugins.module_utils._api.pace import Pace
from ansible_collections.simops.yateota.plugins.module_utils._api.paging import Seen, key_of, read_moving_list
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import BadAnswerError
from hypothesis import example, given, settings
from hypothesis import strategies as st

KEY = "participant_id"


class MovingList:
    """A list in the order of its ids, out of which and into which items go before each page.

    Args:
        size: the items at the start: ids 10, 20, 30 and so on, so that there is room between them.
        chance: decides what happens before each page, at most `moves` times in all.
        cap: the most items that the server sends, whatever the limit.
    """

    def __init__(self, size: int, chance: random.Random | None = None, moves: int = 0, cap: int | None = None) -> None:
        self.ids = [10 * n for n in range(1, size + 1)]
        self.stayed = set(self.ids)
        self.requests = 0
        self._chance, self._moves, self._cap = chance, moves, cap

    def fetch(self, offset: int, limit: int) -> list[Item]:
        self.requests += 1
        if self._chance and self.requests > 1 and self._moves and self._chance.random() < 0.7:
            self._moves -= 1
            self._move(self._chance)
        return [{KEY: str(each)} for each in self.ids[offset : offset + min(limit, self._cap or limit)]]

    def _move(self, chance: random.Random) -> None:
        if chance.random() < 0.5:
            leaving = set(chance.sample(self.ids, chance.randint(0, len(self.ids))))
            self.ids = [each for each in self.ids if each not in leaving]
            self.stayed -= leaving
        else:
            coming = {chance.randint(1, 1000) * 10 + 5 for unused in range(chance.randint(1, 10))}
            self.ids = sorted({*self.ids, *coming})


@pytest.fixture(name="seen")
def _seen() -> Iterator[Seen]:
    keys = Seen()
    yield keys
    keys.close()


class AnyOrder:
    """Threads that a server answers in any order: what is submitted runs when a result is waited for, or before."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Any = Future()
        future.result = lambda: self._result(future)
        self.waiting.append((future, lambda: work(*arguments)))
        if self._chance.random() < 0.3:
            self._run_one()
        return future

    def _result(self, future: Future[Any]) -> Any:
        while not future.done():
            self._run_one()
        return Future.result(future)

    def _run_one(self) -> None:
        future, work = self.waiting.pop(self._chance.randrange(len(self.waiting)))
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 (as threads do)
            future.set_exception(error)

    def shutdown(self) -> None:
        while self.waiting:
            self._run_one()


class Steady(Pace):
    """A pace that stays the same: what Hypothesis draws must not depend on the speed of the machine."""

    def note(self, seconds: float, under_way: int) -> None:
        pass


def at_once(fetch: Any, page_size: int) -> PagesAhead:
    """Pages of which three are read at once."""
    return PagesAhead(lambda offset, _wanted: fetch(offset, page_size), 3, Steady(3))


def in_turn(fetch: Any, page_size: int) -> PagesAhead:
    """Pages that are read one at a time."""
    return PagesAhead(lambda offset, _wanted: fetch(offset, page_size))


def read_all(fetch: Any, page_size: int, total: int | None = None, chance: random.Random | None = None) -> list[int]:
    """Return all ids that a reading yields, in its order; with chance, three pages are read at once, in any order."""
    keys = Seen()
    pages = (at_once if chance else in_turn)(fetch, page_size)
    try:
        with patch.object(ahead, "ThreadPoolExecutor", lambda *_arguments: AnyOrder(chance)):
            listed = read_moving_list(pages, KEY, page_size, keys, total)
            found = [key_of(item, KEY) for page in listed for item in page]
        assert keys.count == len(found)
    finally:
        pages.close()
        keys.close()
    return found


@given(size=st.integers(0, 120), page_size=st.integers(2, 40), counted=st.booleans())
def test_a_list_that_rests_is_read_in_order_and_with_few_requests(size: int, page_size: int, counted: bool) -> None:
    resting = MovingList(size)
    assert read_all(resting.fetch, page_size, size if counted else None) == resting.ids
    assert resting.requests <= size / (page_size - 1) + 3


@settings(max_examples=400)
@given(
    size=st.integers(0, 120),
    page_size=st.integers(2, 40),
    cap=st.none() | st.integers(2, 15),
    moves=st.integers(0, 12),
    counted=st.booleans(),
    chance=st.randoms(use_true_random=False),
)
def test_what_stays_is_read_once_while_others_come_and_go(
    size: int, page_size: int, cap: int | None, moves: int, counted: bool, chance: random.Random
) -> None:
    moving = MovingList(size, chance, moves, cap)
    found = read_all(moving.fetch, page_size, size if counted else None)
    assert len(found) == len(set(found))
    assert moving.stayed <= set(found)
    # A walk over the list, and for each move no more than the way back and forth again.
    step = min(page_size, cap or page_size) - 1
    assert moving.requests <= (moves + 1) * (4 * (size + 10 * moves) / step + 20)


@settings(max_examples=200)
@example(size=10, page_size=2, spoiled=dict.fromkeys([4, 6, 10, 12, 16, 18, 22, 24]))
@given(
    size=st.integers(0, 80),
    page_size=st.integers(2, 20),
    spoiled=st.dictionaries(st.integers(1, 15).map(lambda n: 2 * n), st.integers(0, 20) | st.none(), max_size=8),
)
def test_a_page_cut_short_or_sent_twice_loses_nothing(
    size: int, page_size: int, spoiled: dict[int, int | None]
) -> None:
    """`spoiled`: number of the request -> how many items it is cut to, or None for the page before it once more."""
    resting = MovingList(size)
    last: list[Item] = []

    def fetch(offset: int, limit: int) -> list[Item]:
        nonlocal last
        page = resting.fetch(offset, limit)
        if resting.requests in spoiled:
            cut = spoiled[resting.requests]
            return last if cut is None else page[:cut]
        last = page
        return page

    assert sorted(read_all(fetch, page_size)) == resting.ids


orders = st.randoms(use_true_random=False)
"""What decides in which order a server reads the pages that are under way together."""


@given(size=st.integers(0, 120), page_size=st.integers(2, 40), counted=st.booleans(), chance=orders)
def test_pages_ahead_cost_no_request_where_the_number_of_items_is_known(
    size: int, page_size: int, counted: bool, chance: random.Random
) -> None:
    """Where it is not, the end is found by a page with fewer items, when as many as are read ahead are under way."""
    one_by_one, resting = MovingList(size), MovingList(size)
    total = size if counted else None
    assert read_all(one_by_one.fetch, page_size, total) == resting.ids
    assert read_all(resting.fetch, page_size, total, chance) == resting.ids
    assert resting.requests <= one_by_one.requests + (0 if counted else 2)


@settings(max_examples=400)
@given(
    size=st.integers(0, 120),
    page_size=st.integers(2, 40),
    cap=st.none() | st.integers(2, 15),
    moves=st.integers(0, 12),
    counted=st.none() | st.integers(0, 200),
    chance=orders,
)
def test_what_stays_is_read_once_in_whatever_order_pages_are_read(
    size: int, page_size: int, cap: int | None, moves: int, counted: int | None, chance: random.Random
) -> None:
    """The server's count may be wrong, too."""
    moving = MovingList(size, chance, moves, cap)
    found = read_all(moving.fetch, page_size, counted, chance)
    assert len(found) == len(set(found))
    assert moving.stayed <= set(found)
    step = min(page_size, cap or page_size) - 1
    assert moving.requests <= (moves + 1) * (4 * (size + 10 * moves) / step + 20)


@settings(max_examples=200)
@given(
    size=st.integers(0, 80),
    page_size=st.integers(2, 20),
    spoiled=st.dictionaries(st.integers(1, 15).map(lambda n: 2 * n), st.integers(0, 20) | st.none(), max_size=6),
    chance=orders,
)
def test_a_spoiled_page_among_those_ahead_loses_nothing(
    size: int, page_size: int, spoiled: dict[int, int | None], chance: random.Random
) -> None:
    resting = MovingList(size)
    last: list[Item] = []

    def fetch(offset: int, limit: int) -> list[Item]:
        nonlocal last
        page = resting.fetch(offset, limit)
        if resting.requests in spoiled:
            cut = spoiled[resting.requests]
            return last if cut is None else page[:cut]
        last = page
        return page

    assert sorted(read_all(fetch, page_size, size, chance)) == resting.ids


@given(size=st.integers(0, 60), bad=st.integers(1, 30), chance=orders)
def test_a_failure_ends_the_reading_after_the_pages_before_it(size: int, bad: int, chance: random.Random) -> None:
    """All that is before the page that failed is read, and nothing is asked for once the failure is known."""
    resting = MovingList(size)

    def fetch(offset: int, limit: int) -> list[Item]:
        page = resting.fetch(offset, limit)
        if resting.requests >= bad:
            raise BadAnswerError(f"offset {offset}")
        return page

    keys, found = Seen(), []
    pages = at_once(fetch, 5)
    try:
        with patch.object(ahead, "ThreadPoolExecutor", lambda *_arguments: AnyOrder(chance)):
            for page in read_moving_list(pages, KEY, 5, keys, size):
                found += [key_of(item, KEY) for item in page]
        assert resting.requests < bad
    except BadAnswerError:
        assert resting.requests >= bad
        pages.close()
        assert resting.requests <= bad + 2
    finally:
        pages.close()
        keys.close()
    assert found == resting.ids[: len(found)]


@pytest.mark.parametrize("counted", [False, True])
def test_the_page_of_another_offset_is_not_taken_for_the_beginning(counted: bool) -> None:
    """Some leave, so that the reading steps back to the beginning. The server then sends its latest answer again."""
    moving, answers = MovingList(29), list[list[Item]]()

    def fetch(offset: int, limit: int) -> list[Item]:
        if len(answers) == 1:
            moving.ids = moving.ids[5:]
        answers.append(answers[-1] if len(answers) == 2 else moving.fetch(offset, limit))
        return answers[-1]

    assert read_all(fetch, 9, 29 if counted else None) == MovingList(29).ids


@pytest.mark.parametrize("counted", [False, True])
def test_a_list_of_which_all_that_was_read_has_left_is_read_to_its_end(counted: bool) -> None:
    moving = MovingList(29)

    def fetch(offset: int, limit: int) -> list[Item]:
        if moving.requests == 1:
            moving.ids = moving.ids[9:]
        return moving.fetch(offset, limit)

    assert read_all(fetch, 9, 29 if counted else None) == MovingList(29).ids
    assert moving.requests <= 12


def test_the_end_of_a_list_is_looked_for_though_as_many_came_as_were_counted() -> None:
    ids = [10, 20, 30, 40]

    def fetch(offset: int, limit: int) -> list[Item]:
        page = [{KEY: each} for each in ids[offset : offset + limit]]
        if 25 not in ids:
            ids.insert(2, 25)
        return page

    assert set(read_all(fetch, 2, total=4)) >= {10, 20, 30, 40}


def test_a_count_that_promises_more_is_believed_for_a_few_requests_only() -> None:
    resting = MovingList(5)
    assert read_all(resting.fetch, 10, total=9) == resting.ids
    assert resting.requests == 5


def test_a_server_that_ignores_the_offset_is_an_error_and_no_loop(seen: Seen) -> None:
    asked = []

    def fetch(offset: int, limit: int) -> list[Item]:
        asked.append(offset)
        return [{KEY: 1}, {KEY: 2}, {KEY: 3}]

    with pytest.raises(BadAnswerError, match=r"does not end.*after 3 items.*seems to ignore the offset"):
        list(read_moving_list(in_turn(fetch, 3), KEY, 3, seen))
    assert len(asked) < 40


def test_a_server_that_sends_unknown_items_at_every_offset_is_an_error(seen: Seen) -> None:
    """Nothing but the first page, and then each time something that was not there a moment ago."""
    numbers = iter(range(100, 10_000))

    def fetch(offset: int, limit: int) -> list[Item]:
        return [{KEY: 1}, {KEY: 2}] if offset == 0 else [{KEY: next(numbers)}, {KEY: next(numbers)}]

    with pytest.raises(BadAnswerError, match="does not end"):
        list(read_moving_list(in_turn(fetch, 2), KEY, 2, seen))


def test_no_page_is_yielded_that_holds_nothing_new(seen: Seen) -> None:
    resting = MovingList(5)
    assert [len(page) for page in read_moving_list(in_turn(resting.fetch, 3), KEY, 3, seen)] == [3, 2]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({KEY: 161}, {KEY: "161"}, True),
        ({KEY: "0161"}, {KEY: 161}, True),
        ({KEY: "a"}, {KEY: "b"}, False),
        ({KEY: None, "imsi": "1"}, {"imsi": "1", KEY: None}, True),
        ({"imsi": "1"}, {"imsi": "2"}, False),
        ({KEY: "", "imsi": "1"}, {KEY: "", "imsi": "2"}, False),
        ({KEY: "9" * 30}, {KEY: int("9" * 30)}, True),
    ],
)
def test_what_tells_items_apart(one: Item, other: Item, same: bool, seen: Seen) -> None:
    assert (key_of(one, KEY) == key_of(other, KEY)) is same
    assert seen.add([key_of(one, KEY)]) == [0]
    assert seen.add([key_of(other, KEY)]) == ([] if same else [0])
    assert key_of(one, KEY) in seen
