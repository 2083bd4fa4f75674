# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The admin path: the journal, faults, options, the clock and the truth about a participant, for tests."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .actions import Refusal

if TYPE_CHECKING:
    from .server import Service


def admin_routes(service: Service, token: str) -> list[Route]:
    """The routes of the admin path; each asks for `token` in the header X-Sandbox-Token."""

    def check_token(request: Request) -> None:
        given = request.headers.get("x-sandbox-token", "")
        if not hmac.compare_digest(given.encode(), token.encode()):
            raise HTTPException(403, "X-Sandbox-Token is missing or wrong")

    async def content(request: Request) -> dict[str, Any]:
        try:
            found = await request.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise HTTPException(400, "the body has to be a JSON object")
        return found

    async def journal(request: Request) -> Response:
        check_token(request)
        if request.method == "DELETE":
            service.journal.clear()
            return Response(status_code=204)
        return JSONResponse(service.journal.entries())

    async def faults(request: Request) -> Response:
        check_token(request)
        if request.method == "DELETE":
            service.faults.clear()
            return Response(status_code=204)
        return _done(lambda fields: service.fault(**fields), await content(request))

    async def options(request: Request) -> Response:
        check_token(request)
        return _done(lambda changes: service.set(**changes), await content(request))

    async def clock(request: Request) -> Response:
        check_token(request)
        return _done(lambda fields: service.advance(**fields), await content(request))

    async def participant(request: Request) -> Response:
        check_token(request)
        try:
            return JSONResponse(service.node.truth(request.path_params["participant_id"]))
        except Refusal as refusal:
            return _problem(refusal.code, refusal.message)

    return [
        Route("/admin/journal", journal, methods=["GET", "DELETE"]),
        Route("/admin/faults", faults, methods=["POST", "DELETE"]),
        Route("/admin/options", options, methods=["PATCH"]),
        Route("/admin/clock", clock, methods=["POST"]),
        Route("/admin/participants/{participant_id:int}", participant, methods=["GET"]),
    ]


def _done(act: Any, fields: dict[str, Any]) -> Response:
    try:
        act(fields)
    except (TypeError, ValueError) as error:
        return _problem(400, str(error))
    return Response(status_code=204)


def _problem(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status_code=status)
