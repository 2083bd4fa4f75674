# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve the journal, faults, options, clock and real data to tests (`/admin`)."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from .server import Service

Handler = Callable[[Request], Awaitable[Response]]


class Admin:
    """The admin path.

    Answers are JSON, or 204 without a body; a problem is `{"message": ...}`.

    Args:
        service: the service that it reads and changes.
        token: the required value of the header X-Sandbox-Token of every request.
    """

    def __init__(self, service: Service, token: str) -> None:
        self._service = service
        self._token = token.encode()
        self.routes = [
            Route("/admin/journal", self._guarded(self._journal), methods=["GET"]),
            Route("/admin/journal", self._guarded(self._clear_journal), methods=["DELETE"]),
            Route("/admin/faults", self._guarded(self._fault), methods=["POST"]),
            Route("/admin/faults", self._guarded(self._clear_faults), methods=["DELETE"]),
            Route("/admin/options", self._guarded(self._options), methods=["PATCH"]),
            Route("/admin/clock", self._guarded(self._clock), methods=["POST"]),
            Route("/admin/participants/{participant_id:int}", self._guarded(self._participant), methods=["GET"]),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            given = request.headers.get("x-sandbox-token", "").encode()
            if not hmac.compare_digest(given, self._token):
                return _problem(403, "the header X-Sandbox-Token is missing or wrong")
            try:
                return await handler(request)
            except LookupError as error:
                return _problem(404, str(error))
            except ValueError as error:
                return _problem(400, str(error))

        return guarded

    async def _journal(self, request: Request) -> Response:
        return JSONResponse(self._service.journal.entries())

    async def _clear_journal(self, request: Request) -> Response:
        self._service.journal.clear()
        return _nothing()

    async def _fault(self, request: Request) -> Response:
        self._service.fault(await _fields(request))
        return _nothing()

    async def _clear_faults(self, request: Request) -> Response:
        self._service.faults.clear()
        return _nothing()

    async def _options(self, request: Request) -> Response:
        self._service.set(await _fields(request))
        return _nothing()

    async def _clock(self, request: Request) -> Response:
        self._service.clock.advance((await _fields(request)).get("advance"))
        return _nothing()

    async def _participant(self, request: Request) -> Response:
        return JSONResponse(self._service.node.truth(request.path_params["participant_id"]))


async def _fields(request: Request) -> dict[str, Any]:
    """Return the JSON object in a request; raise ValueError if there is none."""
    found = await request.json()
    if not isinstance(found, dict):
        raise ValueError("the body must be a JSON object")
    return found


def _nothing() -> Response:
    return Response(status_code=204)


def _problem(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status_code=status)
