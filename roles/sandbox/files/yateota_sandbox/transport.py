# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulate the front end, `api.php`, before and after the node handles a request."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import math
from http import HTTPStatus
from typing import Any, NamedTuple

from starlette.types import Receive, Scope, Send

from .actions import RefusedError
from .faults import Fault, Faults
from .journal import Entry, Journal
from .node import NAME, REQUESTS, Node
from .options import Options
from .protocol import Connection

MOST_AT_NODE = 3  # requests that the front end lets through to one node at a time [F]
TIMEOUT = {"code": 200, "message": "Timeout waiting for Yate response."}  # [F]
NOISE = b"\n// Not writeable /var/log/json_api"  # [F]

_log = logging.getLogger("yateota_sandbox")
_dumps = json.JSONEncoder(separators=(",", ":")).encode


class HttpRefusedError(Exception):
    """A request refused before it is read [F].

    The answer is an HTML page with the reason in its title and status.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Response(NamedTuple):
    """An HTTP response."""

    status: int
    body: bytes
    content_type: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    reason: str | None = None


class FrontEnd:
    """The ASGI application behind `/api.php`.

    Args:
        node: handles the requests.
        options: how the server behaves; may be replaced while it runs.
        journal: gets an entry for every request.
        faults: the faults to simulate.
    """

    def __init__(self, node: Node, options: Options, journal: Journal, faults: Faults) -> None:
        self.options = options
        self._node = node
        self._journal = journal
        self._faults = faults
        self._places = asyncio.Semaphore(MOST_AT_NODE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or close its connection if a fault says so."""
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            if not message.get("more_body"):
                break
        connection: Connection = scope["state"]["connection"]
        entry = self._journal.open(connection.number)
        try:
            response = await self._respond(scope, body, entry)
        except HttpRefusedError as refusal:
            response = _page(refusal.status, refusal.reason)
        except Exception:  # noqa: BLE001 - the real front end answers every error with this page
            _log.exception("request %s", entry["request"])
            response = _page(500, "Internal server error")
        if response is None:
            connection.abort()
            await receive()  # the disconnect, so that no answer is written
            return
        entry["http_status"] = response.status
        await self._send(response, connection, send)

    async def _send(self, response: Response, connection: Connection, send: Send) -> None:
        headers = [
            (b"content-type", response.content_type),
            (b"content-length", str(len(response.body)).encode()),
            *response.headers,
        ]
        if self.options.connection == "close":
            headers.append((b"connection", b"close"))
        if response.reason is not None:
            connection.reason = response.reason.encode()
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _respond(self, scope: Scope, body: bytes, entry: Entry) -> Response | None:
        """Return the response to a request; None if there is none."""
        content = self._accept(scope, body, entry)
        name, params = content.get("request"), content.get("params")
        entry["request"], entry["node"], entry["params"] = name, content.get("node"), params
        known = REQUESTS.get(name) if isinstance(name, str) else None
        entry["write"] = known is not None and known.write
        fault = self._faults.match(name, params.get("action") if isinstance(params, dict) else None)
        if fault is None:
            return self._json(await self._ask_node(content, entry), entry)
        entry["fault"] = fault.kind
        answer = await self._ask_node(content, entry) if fault.acts else {}
        if fault.seconds and fault.kind in ("delay", "timeout_before", "timeout_after"):
            await asyncio.sleep(fault.seconds)
        return self._broken(fault, answer, entry)

    def _accept(self, scope: Scope, body: bytes, entry: Entry) -> dict[str, Any]:
        """Return the content of an accepted request.

        Whether the request was authenticated is recorded.

        Raises:
            HttpRefusedError: the front end refuses it.
        """
        headers = dict(scope["headers"])
        if b"origin" in headers:
            raise HttpRefusedError(403, "Access Forbidden")
        if self.options.secret is not None:
            given = headers.get(b"x-authentication")
            if given is None:
                raise HttpRefusedError(401, "API Authentication Required")
            if not hmac.compare_digest(given, self.options.secret.get_secret_value().encode()):
                raise HttpRefusedError(403, "API Authentication Rejected")
        entry["authenticated"] = True
        is_json = headers.get(b"content-type", b"").split(b";")[0].strip().lower() == b"application/json"
        if is_json and scope["method"] != "POST":
            raise HttpRefusedError(405, "Method Not Allowed")
        if not body.strip():
            raise HttpRefusedError(400, "Empty Request")
        if not is_json:
            raise HttpRefusedError(415, "Unsupported Media Type")
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise HttpRefusedError(415, "Unparsable JSON content")
        return content

    async def _ask_node(self, content: dict[str, Any], entry: Entry) -> dict[str, Any]:
        """Return the answer's body.

        A node that takes too long still carries the request out [F].
        """
        service_time = self.options.service_time
        if not service_time and not self._places.locked():
            return self._handle(content, entry)
        patience = self.options.front_end_timeout
        asked_at = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(patience):
                await self._places.acquire()
        except TimeoutError:
            return TIMEOUT
        try:
            remaining = patience - (asyncio.get_running_loop().time() - asked_at)
            await asyncio.sleep(min(service_time, remaining))
            answer = self._handle(content, entry)
            return answer if service_time <= remaining else TIMEOUT
        finally:
            self._places.release()

    def _handle(self, content: dict[str, Any], entry: Entry) -> dict[str, Any]:
        try:
            for name in ("request", "node"):
                if content.get(name) in (None, ""):
                    raise RefusedError(402, f"Missing parameter '{name}'")
            if content["node"] != NAME:
                raise RefusedError(401, f"Unknown node '{content['node']}'")
            params = content.get("params")
            if params is None or params == []:  # PHP writes an empty object as an empty list
                params = {}
            if not isinstance(params, dict):
                raise RefusedError(401, "Invalid value for 'params': not an object")
            answer = self._node.answer(content["request"], params)
        except RefusedError as refusal:
            if self.options.lists == "object" and content["request"] == "query_campaigns" and refusal.code == 404:
                return {"code": 0, "campaign": {}}
            return {"code": refusal.code, "message": refusal.message}
        entry["carried_out"] = True
        return {"code": 0, **(_with_objects(answer) if self.options.lists == "object" else answer)}

    def _json(self, answer: dict[str, Any], entry: Entry) -> Response:
        entry["code"] = answer["code"]
        body = _dumps(answer).encode()
        return Response(200, body + NOISE if self.options.not_writeable else body)

    def _broken(self, fault: Fault, answer: dict[str, Any], entry: Entry) -> Response | None:
        """Return a fault's response to a request; None for a dropped connection."""
        kind = fault.kind
        if kind in ("drop_before", "drop_after"):
            return None
        if kind == "delay":
            return self._json(answer, entry)
        if kind in ("timeout_before", "timeout_after"):
            return self._json(TIMEOUT, entry)
        if kind == "code":
            body = {"code": fault.code}
            return self._json(body if fault.message is None else body | {"message": fault.message}, entry)
        return _unreadable(fault, answer)


def _unreadable(fault: Fault, answer: dict[str, Any]) -> Response:
    """Return the response of a fault without readable JSON."""
    kind = fault.kind
    if kind == "redirect":
        return _page(302, "Found", ((b"location", str(fault.location).encode()),))
    if kind == "html":
        return _page(200, "Maintenance")
    if kind == "empty":
        return Response(200, b"")
    if kind == "no_result":
        return Response(200, b"{ }")
    if kind == "truncated":
        whole = _dumps(answer or {"code": 0}).encode()
        return Response(200, whole[: len(whole) // 2])
    status = int(kind.removeprefix("http_"))
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if fault.seconds is not None and status in (429, 503):
        headers = ((b"retry-after", str(math.ceil(fault.seconds)).encode()),)
    return _page(status, HTTPStatus(status).phrase, headers)


def _with_objects(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer whose lists are objects, as PHP writes arrays with gaps, the last item first."""

    def written(items: list[Any]) -> dict[str, Any]:
        return dict(reversed([(str(place), item) for place, item in enumerate(items)]))

    return {key: written(value) if isinstance(value, list) else value for key, value in answer.items()}


def _page(status: int, reason: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Response:
    title = f"{status} {reason}"
    body = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Response(status, body.encode(), b"text/html; charset=UTF-8", headers, reason)
