"""A server of the API that does nothing and answers at once: what is measured against it is the client.

It knows one campaign of as many participants as it is told, all failed, and carries every action out by answering.
`python bare_server.py PARTICIPANTS` prints its URL and serves until it is ended.
"""

from __future__ import annotations

import asyncio
import json
import sys


class Conversation(asyncio.Protocol):
    """One kept-alive connection; requests come whole or in pieces, one after the other."""

    participants = 0

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
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            )

    def _listed(self, body: bytes) -> bytes:
        """A page of the campaign, or the number of its participants."""
        params = json.loads(body)["params"]
        if "limit" not in params:
            return b'{"code":0,"count":%d}' % self.participants
        first = params["offset"] + 1
        last = min(self.participants, params["offset"] + params["limit"])
        item = (
            '{"participant_id":"%d","campaign_id":"1","imsi":"00101%010d","iccid":"89310100%011d",'
            '"msisdn":"88299%07d","state":"failed"}'
        )
        items = ",".join(item % (number, number, number, number) for number in range(first, last + 1))
        return b'{"code":0,"participants":[%b]}' % items.encode()


async def serve(participants: int) -> None:
    Conversation.participants = participants
    server = await asyncio.get_running_loop().create_server(Conversation, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api.php", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
