"""What an open drawer asks for by itself: it opens at once, and what takes longer comes when it is there.

Each answer is a part of the drawer, in time or with the reason why there is nothing. The same parts are in the
page of `?with=…`, for a browser without a script.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from headway.errors import explained
from headway.operations.board import on_demand
from headway.operations.metrics import measured, rows_for_people
from headway.web.board.answers import Desk, Refused, drawer, known, see
from headway.web.board.rights import Visitor

SECONDS, AT_ONCE = 12.0, 8
"""So long one of these may take, and so many are worked on at a time; more wait, and give up as late."""
MEASURED = timedelta(days=30)
PARTS = ("pods", "diff")


class Later:
    """The routes of the drawer's parts."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._limiter: anyio.CapacityLimiter | None = None
        self.routes = [
            *(
                Route(f"/-/{it}/{{environment}}/{{service}}", known(desk, self._part(it)), methods=["GET"])
                for it in PARTS
            ),
            Route("/-/metrics/{environment}", known(desk, self._metrics), methods=["GET"]),
        ]

    def _part(self, part: str) -> Callable[[Request, Visitor], Any]:
        async def show(request: Request, person: Visitor) -> Response:
            name, service = request.path_params["environment"], request.path_params["service"]
            if self._desk.board.grid.cell(name, service) is None:
                raise Refused(404, f"There is no {service[:60]!r} in {name[:60]!r}")
            see(person, name, [service])
            return HTMLResponse(await self.part(part, name, service))

        return show

    async def part(self, part: str, name: str, service: str) -> str:
        """Return a part of a service's drawer as HTML, or why it cannot be shown."""
        board = self._desk.board
        known = board.facts().environments[name].workloads or {}
        values: dict[str, Any] = {"problem": "", "found": None, "before": known.get(service, ())}
        try:
            snapshot = board.snapshot
            if part == "pods":
                values["found"] = await self._in_time(
                    on_demand.pods, board.connections, snapshot, name, service
                )
            else:
                candidate = board.facts().candidates.get(service)
                values["found"] = await self._in_time(
                    on_demand.difference, board.connections, snapshot, name, service, candidate
                )
        except TimeoutError:
            values["problem"] = f"there was no answer within {SECONDS:.0f} s"
        except Exception as error:  # noqa: BLE001 - the drawer stands without, and says why
            values["problem"] = on_demand.said(explained(error))
        return self._desk.pages.page(f"{part}.html", **values)

    async def _metrics(self, request: Request, person: Visitor) -> Response:
        name, desk = request.path_params["environment"], self._desk
        if desk.board.grid.head(name) is None:
            raise Refused(404, f"There is no environment {name[:60]!r}")
        see(person, name)
        until = datetime.now(UTC)
        config = desk.board.snapshot.config
        services = [it for it in config.services if person.sees(name, it)]
        try:
            rows = await self._in_time(
                measured, desk.board.connections, config, [name], services, until - MEASURED, until
            )
        except TimeoutError:
            raise Refused(503, f"The history could not be read within {SECONDS:.0f} s") from None
        # What is counted of all services is for who sees all of them.
        shown = [
            it
            for it in rows
            if it.service in services or (not it.service and person.sees_all_of(name, config.services))
        ]
        columns, cells = rows_for_people([it for it in shown if it.ended or it.deployments])
        return drawer(
            desk, request, person, "metrics.html", f"{name}: the last {MEASURED.days} days",
            environment=name, columns=columns[1:], cells=[it[1:] for it in cells],
        )  # fmt: skip

    async def _in_time(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do what asks other systems in a thread; a thread that is late is left to its own deadlines."""
        self._limiter = self._limiter or anyio.CapacityLimiter(AT_ONCE)
        with anyio.fail_after(SECONDS):
            return await anyio.to_thread.run_sync(
                lambda: work(*arguments), limiter=self._limiter, abandon_on_cancel=True
            )
