# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages ahead over HTTP: so many are under way and no more, in order, and nothing stays behind."""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._api.ahead import PagesAhead
from ansible_collections.simops.yateota.plugins.module_utils._api.client import Client
from ansible_collections.simops.yateota.plugins.module_utils._api.pace import Pace
from ansible_collections.simops.yateota.plugins.module_utils._api.reader import Reader
from ansible_collections.simops.yateota.plugins.module_utils._api.transport import Connection
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import TransportError
from ansible_collections.simops.yateota.tests.unit.plugins.servers import read_request, serving
from hypothesis import given, settings
from hypothesis import strategies as st

from yateota_sandbox import Sandbox

WAIT = 30  # seconds after which something that must come has not come


class ListServer(socketserver.BaseRequestHandler):
    """Keeps its connections, and answers with `server.page(offset, limit)`, which may wait for other requests."""

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self.server.met.append(self.client_address)
            while request := read_request(self.request):
                params = json.loads(request.partition(b"\r\n\r\n")[2])["params"]
                status, answer = "200 OK", {"code": 0, "count": self.server.count}
                if "limit" in params:
                    self.server.offsets.append(params["offset"])
                    answer = self.server.page(params["offset"], params["limit"])
                    if answer is None:
                        status = "404 Not Found"
                body = json.dumps(answer).encode()
                self.request.sendall(
                    b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status.encode(), len(body), body)
                )


def items_of(ids: list[int]) -> dict[str, Any]:
    return {"code": 0, "participants": [{"participant_id": each, "state": "failed"} for each in ids]}


@contextlib.contextmanager
def a_list(size: int, page: Callable[[list[int], int, int], Any] | None = None) -> Iterator[Any]:
    """A server of a list of `size` participants; `page` makes an answer of them, an offset and a limit."""
    ids = list(range(1, size + 1))
    with serving(ListServer) as server:
        server.count, server.offsets, server.met = size, [], []
        server.page = lambda offset, limit: (
            items_of(ids[offset : offset + limit]) if page is None else page(ids, offset, limit)
        )
        yield server


@contextlib.contextmanager
def reading(server: Any, page_size: int, concurrency: int = 3) -> Iterator[Iterator[list[int | None]]]:
    """The pages that a reader yields, as ids; in the end no thread of its own remains."""
    client = Client(Connection(server.api_url, retries=0, timeout=WAIT), concurrency)
    pages = Reader(client, [].append, concurrency).participants(1, page_size=page_size)
    try:
        yield ([each.participant_id for each in page] for page in pages)
    finally:
        pages.close()
        client.close()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("yateota-reader")]


@pytest.mark.parametrize("concurrency", [2, 3, 5])
def test_so_many_pages_are_under_way_and_are_taken_in_order(concurrency: int) -> None:
    """After the first page, the server answers none until so many have come, and the later ones first.

    The first page takes longer than any computing of this process, which would otherwise have fewer under way.
    """
    met, answered = threading.Barrier(concurrency), threading.Condition()
    last: list[int] = []

    def page(ids: list[int], offset: int, limit: int) -> Any:
        if not offset:
            time.sleep(0.5)
        else:
            met.wait(WAIT)
            with answered:
                last.append(offset)
                last.sort()
                assert answered.wait_for(lambda: last[-1] == offset, WAIT)
                last.remove(offset)
                answered.notify_all()
        return items_of(ids[offset : offset + limit])

    size = 1 + 9 * (1 + 2 * concurrency)  # the first page, and twice as many as are under way with the end's own
    with a_list(size - 9, page) as server, reading(server, 10, concurrency) as pages:
        assert [each for found in pages for each in found] == list(range(1, size - 8))
        assert sorted(server.offsets) == [9 * place for place in range(1 + 2 * concurrency)]
        assert len(server.met) <= concurrency


def test_a_page_that_is_not_taken_holds_the_next_ones_back() -> None:
    """Memory: at most as many pages as may be under way are read ahead of the one that is looked at."""
    with a_list(1000) as server, reading(server, 10) as pages:
        for taken in range(1, 20):
            next(pages)
            assert len(server.offsets) <= taken + 3
    assert len(server.offsets) <= 22


def test_pages_for_which_no_thread_is_worth_it_are_read_when_they_are_taken() -> None:
    """Those that are under way by then are taken as they come."""
    readers: dict[int, threading.Thread] = {}

    def fetch(offset: int, _is_wanted: Callable[[], bool] | None) -> list[dict[str, Any]]:
        readers[offset] = threading.current_thread()
        return [{"participant_id": offset}]

    pace = Pace(3, moment=lambda: 0.0, computed=map(float, itertools.count()).__next__)
    with contextlib.closing(PagesAhead(fetch, 3, pace)) as pages:
        pages.take(0)
        pages.expect([1, 2, 3])
        pace.limit = 0
        for offset in range(1, 10):
            assert pages.take(offset) == [{"participant_id": offset}]
            pages.expect(range(offset + 1, 10))
    mine = {offset for offset, reader in readers.items() if reader is threading.current_thread()}
    assert mine == set(range(10)) - {1, 2, 3}


def test_who_needs_the_first_page_only_asks_for_no_other() -> None:
    with a_list(1000) as server, reading(server, 10) as pages:
        assert next(pages) == list(range(1, 11))
    assert server.offsets == [0]


def test_who_says_how_many_pages_are_taken_asks_for_no_more() -> None:
    with a_list(1000) as server:
        client = Client(Connection(server.api_url, retries=0, timeout=WAIT), 3)
        pages = Reader(client, [].append, 3).participants(1, page_size=10, most_pages=5)
        assert [found.participant_id for page in itertools.islice(pages, 5) for found in page] == list(range(1, 47))
        pages.close()
        client.close()
    assert sorted(server.offsets) == [0, 9, 18, 27, 36]


@pytest.mark.parametrize(("size", "offsets"), [(0, [0]), (1, [0]), (7, [0, 6]), (10, [0, 9]), (19, [0, 9, 18])])
def test_a_short_list_costs_no_request_more(size: int, offsets: list[int]) -> None:
    with a_list(size) as server, reading(server, 10) as pages:
        assert [each for found in pages for each in found] == list(range(1, size + 1))
    assert sorted(server.offsets) == offsets
    assert len(server.met) == 1 or len(offsets) > 2


def test_a_page_that_fails_ends_the_reading_after_those_before_it() -> None:
    with (
        a_list(
            1000, lambda ids, offset, limit: items_of(ids[offset : offset + limit]) if offset != 45 else None
        ) as server,
        reading(server, 10) as pages,
    ):
        assert [each for found in itertools.islice(pages, 5) for each in found] == list(range(1, 47))
        with pytest.raises(TransportError, match="HTTP 404"):
            next(pages)
    assert len(server.offsets) <= 6 + 3


def test_a_client_that_is_closed_leaves_no_thread_and_no_connection() -> None:
    """Though somebody still holds the list, as the traceback of a failure does, and a page is under way."""
    asked, answer = threading.Semaphore(0), threading.Event()

    def page(ids: list[int], offset: int, limit: int) -> Any:
        if offset > 9:
            asked.release()
            answer.wait(WAIT)
        return items_of(ids[offset : offset + limit])

    with a_list(1000, page) as server:
        client = Client(Connection(server.api_url, retries=0, timeout=WAIT), 3)
        pages = Reader(client, [].append, 3).participants(1, page_size=10)
        next(pages)
        next(pages)
        assert asked.acquire(timeout=WAIT)
        answer.set()
        client.close()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("yateota-reader")]
        assert not client._transport._kept
        pages.close()


def test_a_server_may_send_fewer_than_asked_for() -> None:
    with (
        a_list(300, lambda ids, offset, limit: items_of(ids[offset : offset + min(limit, 7)])) as server,
        reading(server, 100) as pages,
    ):
        assert [each for found in pages for each in found] == list(range(1, 301))
    assert len(server.offsets) == len(set(server.offsets)) == 51


@settings(max_examples=25)
@given(
    size=st.integers(0, 120),
    page_size=st.integers(2, 20),
    faults=st.dictionaries(
        st.integers(2, 40), st.sampled_from(["short", "empty", "again", "leave", "come"]), max_size=8
    ),
    seed=st.integers(0, 1000),
)
def test_what_stays_is_read_once_over_http(size: int, page_size: int, faults: dict[int, str], seed: int) -> None:
    """Answers are cut short or sent twice, and participants come and go, while three pages are under way."""
    chance, lock = random.Random(seed), threading.Lock()  # noqa: S311 (no secret depends on it)
    stayed = set(range(10, 10 * size + 10, 10))
    ids, last, number = sorted(stayed), items_of([]), iter(range(1, 10_000))

    def page(_ids: list[int], offset: int, limit: int) -> Any:
        nonlocal ids, last
        with lock:
            fault = faults.get(next(number))
            if fault == "leave":
                stayed.difference_update(leaving := chance.sample(ids, len(ids) // 3))
                ids = [each for each in ids if each not in leaving]
            elif fault == "come":
                ids = sorted({*ids, *(10 * chance.randint(0, size) + 5 for _unused in range(3))})
            found = ids[offset : offset + limit]
            if fault == "again":
                return last
            last = items_of(found[: len(found) // 2] if fault == "short" else [] if fault == "empty" else found)
            return last

    with a_list(size, page) as server, reading(server, page_size) as pages:
        found = [each for some in pages for each in some]
    assert len(found) == len(set(found))
    assert stayed <= set(found)


def test_a_sandbox_is_read_by_three_at_once(sandbox: Sandbox) -> None:
    client = Client(Connection(sandbox.url, api_secret="correct-horse"), 3)
    warnings: list[str] = []
    pages = Reader(client, warnings.append, 3).participants(167, page_size=7)
    assert [each.participant_id for page in pages for each in page] == list(range(185, 265))
    client.close()
    offsets = [entry["params"].get("offset") for entry in sandbox.journal()]
    assert sorted(offsets[1:]) == [*range(0, 80, 6), 79]
    assert warnings == []
