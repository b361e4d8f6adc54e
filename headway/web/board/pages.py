"""The routes that show: the board, a service, an environment, and what changes while they are open."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from headway.operations.board.details import details
from headway.web.board.answers import Desk, Refused, board_values, drawer, in_thread, known, markup, see
from headway.web.board.forms import keep
from headway.web.board.headers import HEADERS
from headway.web.board.later import PARTS, Later
from headway.web.board.live import MOST
from headway.web.board.rendering import STATIC
from headway.web.board.rights import Visitor

HISTORY = 40
"""So many entries of an environment's history are shown."""
PING, PATIENCE = 45, 30.0
"""Seconds between two signs of life, and seconds that a board may leave what it is sent unread."""
FILES = {str(it.relative_to(STATIC)): it for it in STATIC.rglob("*") if it.is_file()}


class Reading:
    """The routes that change nothing."""

    def __init__(self, desk: Desk, later: Later) -> None:
        self._desk, self._later = desk, later
        self.routes = [
            Route("/", known(desk, self._home), methods=["GET"]),
            Route("/-/grid", known(desk, self._grid), methods=["GET"]),
            Route("/-/live", self._live, methods=["GET"]),
            Route("/-/static/{name:path}", self._file, methods=["GET"]),
        ]
        self.last_routes = [
            Route("/{environment}", known(desk, self._environment), methods=["GET"]),
            Route("/{environment}/{service}", known(desk, self._service), methods=["GET"]),
        ]

    async def _home(self, request: Request, person: Visitor) -> Response:
        values = board_values(self._desk, request, person)
        response = HTMLResponse(self._desk.pages.page("page.html", **values))
        keep(request, response, self._desk.tokens.browser(request))
        return response

    async def _grid(self, request: Request, person: Visitor) -> Response:
        return HTMLResponse(self._desk.pages.page("board.html", **board_values(self._desk, request, person)))

    async def _environment(self, request: Request, person: Visitor) -> Response:
        name = request.path_params["environment"]
        head = self._desk.board.grid.head(name)
        if head is None:
            raise Refused(404, f"There is no environment {name[:60]!r}")
        see(person, name)
        facts = self._desk.board.facts()
        entries = facts.environments[name].entries[:HISTORY]
        return drawer(self._desk, request, person, "environment.html", name, head=head, entries=entries)

    async def _service(self, request: Request, person: Visitor) -> Response:
        name, service = request.path_params["environment"], request.path_params["service"]
        cell = self._desk.board.grid.cell(name, service)
        if cell is None:
            raise Refused(404, f"There is no {service[:60]!r} in {name[:60]!r}")
        see(person, name, [service])
        found = await in_thread(details, self._desk.board.connections, self._desk.board.facts(), cell)
        asked = [it for it in PARTS if it in request.query_params.getlist("with")]
        more = {it: markup(await self._later.part(it, name, service)) for it in asked}
        return drawer(
            self._desk, request, person, "service.html", f"{service} in {name}",
            it=found, rights=person.rights(name, service), more={**dict.fromkeys(PARTS, ""), **more},
        )  # fmt: skip

    async def _live(self, request: Request) -> Response:
        desk, person = self._desk, await self._desk.visitor(request)
        if person is None:
            return Response(status_code=401, headers=HEADERS)
        if len(desk.hub.clients) >= MOST:
            return Response("too many boards are open", status_code=503, headers=HEADERS)
        version = request.query_params.get("v", "")

        async def events() -> AsyncIterator[ServerSentEvent]:
            async for event, html in desk.hub.follow(lambda: desk.visitor(request), desk.board.grid, version):
                yield ServerSentEvent(html, event=event)

        return EventSourceResponse(events(), ping=PING, send_timeout=PATIENCE, headers=HEADERS)

    async def _file(self, request: Request) -> Response:
        found = FILES.get(request.path_params["name"])
        if found is None:
            return Response(status_code=404, headers=HEADERS)
        kind = mimetypes.guess_type(found.name)[0] or "text/plain"
        kept = {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
        return Response(found.read_bytes(), media_type=kind, headers=kept)
