"""The endpoint for CI: one call starts a flow, with a token that may do that and nothing else.

    POST /api/FLOW          the flow's request as JSON; 201 with a new run, 200 with the one of the same key
    GET  /api/runs/ID       how it goes, and its log lines from `?after=N` on

It checks and passes on. Whether something is there already, the Prefect server knows by its key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from headway import requests
from headway.domain.config.model import Role
from headway.domain.policy.audit import act_of, answered
from headway.domain.policy.roles import VERB_OF, Identity, denied_in, scope_of
from headway.domain.policy.tokens import Token, token_of
from headway.domain.runs.deployments import deployment_of
from headway.domain.runs.keys import is_commit, key_of
from headway.errors import RefusedError, TransientError, UsageError, explained
from headway.operations.audit import Audit
from headway.operations.connections import Connections
from headway.settings import Settings
from headway.systems.prefect.api import PrefectApi
from headway.web.app import as_text
from headway.web.bodies import BodyRefused, read_body

BODY_LIMIT = 100_000
REFUSED = ("rebuild", "set-image")
"""Flows that nobody starts from CI: one replaces a cluster, the other goes past the config repo."""
MODELS = {flow: model for flow, model in requests.MODELS.items() if flow not in REFUSED}


class _Answer(Exception):
    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.response = JSONResponse(
            {"error": as_text(message), **({"hint": as_text(hint)} if hint else {})}, status_code=status
        )


class Api:
    """The endpoint's routes. `tokens` is asked at each call, so that a revoked token is refused at once."""

    def __init__(
        self,
        settings: Settings,
        tokens: Callable[[], tuple[Token, ...]],
        roles: Callable[[], Mapping[str, Role] | None],
        audit: Audit,
    ) -> None:
        self._settings, self._tokens, self._roles, self._audit = settings, tokens, roles, audit
        self.routes = [
            Route("/api/runs/{run}", self._guarded(self._look), methods=["GET"]),
            Route("/api/{flow}", self._guarded(self._start), methods=["POST"]),
        ]

    def _guarded(self, work: Callable[[HttpRequest, Token], Any]) -> Callable[[HttpRequest], Any]:
        async def answer(request: HttpRequest) -> Response:
            try:
                answered: Response = await work(request, self._token(request))
                return answered
            except _Answer as error:
                return error.response
            except ClientDisconnect:
                return Response(status_code=400)
            except Exception as problem:  # noqa: BLE001 - the caller gets a message, and never a traceback
                shown = explained(problem)
                status = {UsageError: 422, RefusedError: 403, TransientError: 503}
                code = next((it for kind, it in status.items() if isinstance(shown, kind)), 502)
                return _Answer(code, shown.message, shown.hint).response

        return answer

    def _token(self, request: HttpRequest) -> Token:
        kind, _, said = request.headers.get("authorization", "").partition(" ")
        found = token_of(self._tokens(), said.strip()) if kind.lower() == "bearer" else None
        if found is None:
            raise _Answer(401, "no token, or one that is not known", "send Authorization: Bearer TOKEN")
        return found

    async def _start(self, request: HttpRequest, token: Token) -> Response:
        flow = request.path_params["flow"]
        model = MODELS.get(flow)
        if model is None:
            raise _Answer(404, f"no flow {flow[:40]!r}", f"known: {', '.join(MODELS)}")
        asked = await _read(request, model, token)
        body = asked.model_dump(mode="json")
        who = Identity("token", token.name, way_in="token")
        scope = scope_of(body)
        act = act_of(
            who,
            VERB_OF.get(flow, flow),
            datetime.now(UTC),
            environment=", ".join(scope.environments),
            services=scope.services,
        )

        def check() -> None:
            token.check(flow, body)
            if flow in VERB_OF and (denied := denied_in(self._roles(), who, VERB_OF[flow], scope)):
                raise RefusedError(denied.message, hint=denied.hint)

        try:
            await run_in_threadpool(check)
        except RefusedError as error:
            await run_in_threadpool(self._audit.record, answered(act, "denied", error.message))
            raise
        key = self._key(flow, asked, token, request.headers.get("idempotency-key", ""))
        parameters = {"request": requests.as_form(asked)}
        name = deployment_of(flow, getattr(asked, "environment", ""), self._settings.deployments)

        def start() -> tuple[str, bool]:
            tags = ["api", f"token:{token.name}"]
            with (
                self._audit.done([act]),
                PrefectApi(self._settings.prefect_url()) as api,
                Connections(self._settings) as connections,
            ):
                return api.started(flow, name, parameters, key, tags, connections.see_that_it_is_ours)

        run, new = await run_in_threadpool(start)
        page = self._settings.prefect_url().removesuffix("/api") + f"/runs/flow-run/{run}"
        return JSONResponse({"run": run, "new": new, "page": page}, status_code=201 if new else 200)

    def _key(self, flow: str, asked: requests.Request, token: Token, said: str) -> str:
        """Return the key of a call that says one, or is known by its commit; any other is a new run each time."""
        if not said and not is_commit(getattr(asked, "ref", "")):
            return ""
        # Prefect knows keys by their flow, which several applications may share.
        who = ("api", self._settings.deployments, token.name, said)
        return key_of(flow, asked.model_dump(mode="json"), who)

    async def _look(self, request: HttpRequest, token: Token) -> Response:
        run, after = request.path_params["run"], request.query_params.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) < 10):
            raise _Answer(422, "after must be a number")

        def look() -> dict[str, Any] | None:
            with PrefectApi(self._settings.prefect_url()) as api:
                return api.log_after(run, f"token:{token.name}", int(after))

        found = await run_in_threadpool(look)
        if found is None:
            raise _Answer(404, "no such run of this token's")
        return JSONResponse(found)


async def _read(request: HttpRequest, model: type[requests.Request], token: Token) -> requests.Request:
    try:
        body = await read_body(request, BODY_LIMIT)
    except BodyRefused as error:
        raise _Answer(error.status, error.message) from None
    try:
        data = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise _Answer(400, f"the body is not JSON: {str(error)[:200]}") from None
    try:
        asked = model.model_validate(data)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, it['loc']))}: {it['msg']}" for it in error.errors())
        raise _Answer(422, f"the request is not valid: {wrong}") from None
    # Who asks is known by the token, whatever the request says besides.
    who = f"ci:{token.name}" + (f" ({asked.actor.strip()[:150]})" if asked.actor.strip() else "")
    return asked.model_copy(update={"actor": who})
