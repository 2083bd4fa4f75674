"""A server of the API that does nothing, for measuring the client.

It knows one campaign of as many participants as asked for, all failed, and carries every action out by answering: at
once, or after a service time, in which it works on three requests and lets further ones wait, as the front end does.
`python bare_server.py PARTICIPANTS [SERVICE_SECONDS [SERVERS [PLACES]]]` prints its URL, one line for each of several
servers, and serves until it is ended.
"""

from __future__ import annotations

import asyncio
import functools
import json
import selectors
import sys
from collections import deque
from typing import ClassVar

PLACES = 3


class Conversation(asyncio.Protocol):
    """One kept-alive connection.

    Requests come whole or in pieces, one after the other.
    """

    participants = 0
    service_time = 0.0
    waiting: ClassVar[deque[tuple[Conversation, bytes]]] = deque()
    places = PLACES

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while True:
            head, found, rest = self._read.partition(b"\r\n\r\n")
            if not found:
                return
            length = int(next(line[15:] for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"))
            if len(rest) < length:
                return
            self._read = rest[length:]
            body = b'{"code":0}' if b'"action_participant"' in rest[:length] else self._listed(rest[:length])
            answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            self._serve(answer % (len(body), body))

    def _serve(self, answer: bytes) -> None:
        """Answer at once, or after the service time of a place."""
        if not self.service_time:
            self._transport.write(answer)
            return
        self.waiting.append((self, answer))
        if self.places:
            type(self).places -= 1
            self._work(asyncio.get_running_loop().time())

    @classmethod
    def _work(cls, begins: float) -> None:
        """Work on the request that has waited longest, from a moment on."""
        ends = begins + cls.service_time
        asyncio.get_running_loop().call_at(ends, cls._done, ends, *cls.waiting.popleft())

    @classmethod
    def _done(cls, ended: float, conversation: Conversation, answer: bytes) -> None:
        if cls.waiting:
            cls._work(ended)  # a waiting request began at that moment, even if this machine's timer was late
        else:
            cls.places += 1
        conversation._transport.write(answer)

    def _listed(self, body: bytes) -> bytes:
        """Return a page of the campaign, the number of its participants, or the numbers of those in each state."""
        asked = json.loads(body)
        params = asked["params"]
        if asked["request"] == "query_campaigns":
            counts = b'"finished":0,"pending_build":0,"pending_send":0,"canceled":0,"failed":%d' % self.participants
            return b'{"code":0,"campaign":[{"campaign_id":1,%b}]}' % counts
        if params.get("state", "failed") != "failed":
            return b'{"code":0,"participants":[]}'
        if "limit" not in params:
            return b'{"code":0,"count":%d}' % self.participants
        return page(params["offset"] + 1, min(self.participants, params["offset"] + params["limit"]))


@functools.lru_cache(maxsize=400)
def page(first: int, last: int) -> bytes:
    """Return a page of participants: one that is read again is there at once, so that its reader alone is measured."""
    item = (
        '{"participant_id":"%d","campaign_id":"1","imsi":"00101%010d","iccid":"89310100%011d",'
        '"msisdn":"88299%07d","state":"failed"}'
    )
    items = ",".join(item % (number, number, number, number) for number in range(first, last + 1))
    return b'{"code":0,"participants":[%b]}' % items.encode()


async def serve(participants: int, service_time: float = 0.0, servers: int = 1, places: int = PLACES) -> None:
    loop, listening = asyncio.get_running_loop(), []
    for _server in range(servers):
        own = {"participants": participants, "service_time": service_time, "waiting": deque(), "places": places}
        listening.append(await loop.create_server(type("Server", (Conversation,), own), "127.0.0.1", 0))
    for server in listening:
        print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api.php", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in listening))


if __name__ == "__main__":
    # select() keeps time to the microsecond; epoll rounds each wait up to the next millisecond.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(serve(int(sys.argv[1]), *map(float, sys.argv[2:3]), *map(int, sys.argv[3:])))
