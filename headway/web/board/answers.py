"""What every route of the board does first and last: who asks, may they, and how what they get is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from headway.domain.board.filters import CHIPS, counts, filtered
from headway.domain.board.times import duration
from headway.domain.board.values import Grid
from headway.domain.config.model import Role
from headway.errors import HeadwayError, RefusedError, TransientError, UsageError, explained
from headway.operations.audit import Audit
from headway.operations.board.gathering import Board
from headway.web.board.asked import cells_for, runs_for
from headway.web.board.forms import Tokens, keep
from headway.web.board.headers import guarded
from headway.web.board.live import Hub
from headway.web.board.rendering import Pages
from headway.web.board.rights import Visitor
from headway.web.login.people import Who


@dataclass(frozen=True)
class Desk:
    """What the routes share; `login` is where people log in, empty where there is no such page."""

    board: Board
    pages: Pages
    hub: Hub
    tokens: Tokens
    who: Who
    audit: Audit
    login: str = ""

    async def visitor(self, request: Request) -> Visitor | None:
        """Return who sends a request; None where that is nobody."""
        who = await self.who(request)
        return Visitor(who, self.roles()) if who.kind == "person" else None

    def roles(self) -> Mapping[str, Role] | None:
        """Return the roles of headway.yaml as the board shows it; what is pressed goes by those of the moment."""
        return self.board.snapshot.config.document.roles


class Refused(Exception):
    """What is not there or not allowed, with its status."""

    def __init__(self, status: int, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.status, self.text, self.hint = status, text, hint


Work = Callable[[Request, Visitor], Awaitable[Response]]
STATUS = ((UsageError, 422), (RefusedError, 403), (TransientError, 503))


def known(desk: Desk, work: Work) -> Callable[[Request], Awaitable[Response]]:
    """Return a route that answers people who are known, and says what went wrong where something did."""

    async def answer(request: Request) -> Response:
        try:
            person = await desk.visitor(request)
        except HeadwayError as error:
            return PlainTextResponse(f"{error.message}\n", status_code=503)
        if person is None:
            # Back to where they were, unless it was a form: that is shown again from its page.
            path = (
                request.url.path if request.method == "GET" and not request.headers.get("hx-request") else "/"
            )
            login = f"{desk.login}?{urlencode({'next': path})}" if desk.login else ""
            return HTMLResponse(desk.pages.page("nobody.html", login=login), status_code=401)
        try:
            return await work(request, person)
        except Refused as error:
            return told(desk, request, person, error.status, "It was not done", error.text, error.hint)
        except Exception as problem:  # noqa: BLE001 - whoever looks gets a sentence, and never a traceback
            shown: HeadwayError = explained(problem)
            status = next((code for kind, code in STATUS if isinstance(shown, kind)), 502)
            return told(desk, request, person, status, "It was not done", shown.message, shown.hint)

    return guarded(answer)


def seen_by(grid: Grid, person: Visitor) -> Grid:
    """Return what a person may see of the board."""
    if person.sees_everything:
        return grid
    heads = tuple(it for it in grid.heads if person.sees(it.environment))
    names = {it.environment for it in heads}
    rows = tuple(
        replace(
            row,
            cells=tuple(
                it
                if person.sees(it.environment, it.service)
                else replace(it, state="absent", version="", image="", marks=(), behind=0)
                for it in row.cells
                if it.environment in names
            ),
        )
        for row in grid.rows
    )
    return replace(grid, heads=heads, rows=tuple(it for it in rows if any(c.version for c in it.cells)))


def board_values(desk: Desk, request: Request, person: Visitor) -> dict[str, Any]:
    """Return what the board's own templates need."""
    version, grid = desk.hub.version, seen_by(desk.board.grid, person)
    mine, runs = cells_for(grid, person), runs_for(grid, person)
    query, chip = request.query_params.get("q", "")[:200], request.query_params.get("show", "")
    chip = chip if chip in CHIPS else ""
    urgent = any(it.needs_somebody for it in grid.heads)
    heads = [
        {
            "environment": it.environment,
            "opened": it.needs_somebody if urgent else at == len(grid.heads) - 1,
            "html": markup(desk.pages.head(it, at, person.rights(it.environment), runs)),
        }
        for at, it in enumerate(grid.heads)
    ]
    return {
        "grid": grid,
        "version": version,
        "heads": heads,
        # With a script the page has every row, and hides what does not fit.
        "rows": desk.pages.rows(filtered(grid, query, chip, mine) if query or chip else grid),
        "counts": counts(grid, mine),
        "query": query,
        "chip": chip,
        "person": person.name,
        "logout": "/logout" if desk.login else "",
        "can_stop": all(person.may("lock", it.environment) for it in grid.heads),
    }


def markup(text: str) -> Any:
    """Return HTML that was made by a template as what it is."""
    from markupsafe import Markup

    return Markup(text)


def drawer(
    desk: Desk, request: Request, person: Visitor, part: str, heading: str, status: int = 200, **values: Any
) -> Response:
    """Return what the drawer shows: alone for a page that is open, or the whole page with it."""
    values = {"heading": heading, "span": duration, **values}
    if request.headers.get("hx-request") == "true" and not request.headers.get("hx-history-restore-request"):
        grid = desk.board.grid
        response = HTMLResponse(
            desk.pages.page(part, grid=grid, **values), status_code=status, headers={"Vary": "HX-Request"}
        )
    else:
        page = {**board_values(desk, request, person), "part": part, **values}
        response = HTMLResponse(
            desk.pages.page("drawer.html", **page), status_code=status, headers={"Vary": "HX-Request"}
        )
    keep(request, response, desk.tokens.browser(request))
    return response


def told(
    desk: Desk,
    request: Request,
    person: Visitor,
    status: int,
    heading: str,
    text: str,
    hint: str = "",
    state: str = "failed",
    link: str = "",
) -> Response:
    """Return a sentence in the drawer."""
    return drawer(
        desk, request, person, "told.html", heading, status, text=text, hint=hint, state=state, link=link
    )


async def in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    """Do what waits for Git or a cluster beside the event loop."""
    return await run_in_threadpool(work, *arguments)


def see(person: Visitor, environment: str, services: Collection[str] = ()) -> None:
    """Refuse to show what somebody may not see, as if it were not there."""
    if not all(person.sees(environment, it) for it in services or [""]):
        raise Refused(404, f"There is no {', '.join(services)[:60] or environment[:60]} that you may see")
