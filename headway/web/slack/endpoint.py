"""Slack's requests over HTTP: signed by Slack, bounded, taken at once.

POST /slack/actions      a pressed button, a sent modal: a form with `payload`
POST /slack/commands     /headway …: a form
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from headway.web.bodies import BodyRefused, read_body
from headway.web.slack.inbox import Inbox

BODY_LIMIT, BODY_SECONDS, FIELDS = 300_000, 5.0, 40
Signed = Callable[[Mapping[str, str], bytes], bool]


class Refused(Exception):
    """A request that is not taken, with its status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.response = JSONResponse({"error": text}, status_code=status)


class Endpoint:
    """The two routes."""

    def __init__(self, inbox: Inbox, signed: Signed) -> None:
        self._inbox, self._signed = inbox, signed
        self.routes = [
            Route("/slack/actions", self._guarded(self._action), methods=["POST"]),
            Route("/slack/commands", self._guarded(self._command), methods=["POST"]),
        ]

    def _guarded(
        self, work: Callable[[dict[str, str]], tuple[str, Mapping[str, Any]]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                kind, data = work(await self._form(request))
            except Refused as error:
                return error.response
            except ClientDisconnect:
                return Response(status_code=400)
            if not data:
                # Slack looks now and then whether the address answers.
                return Response(status_code=200)
            taken = await run_in_threadpool(self._inbox.take, kind, data)
            if taken.how == "odd":
                return JSONResponse({"error": taken.why}, status_code=400)
            if taken.how == "full" and not taken.answer:
                return JSONResponse({"error": "busy; nothing was done"}, status_code=503)
            # With a body that is empty Slack shows nothing.
            return JSONResponse(taken.answer) if taken.answer else Response(status_code=200)

        return answer

    async def _form(self, request: Request) -> dict[str, str]:
        """Read a form that Slack has signed; who has not signed it learns no more than that."""
        try:
            body = await read_body(request, BODY_LIMIT, BODY_SECONDS)
        except BodyRefused as error:
            raise Refused(error.status, error.message) from None
        if not self._signed(dict(request.headers), body):
            raise Refused(401, "this is not signed by Slack, or not in the last five minutes")
        try:
            return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS))
        except ValueError:
            raise Refused(400, "the form cannot be read") from None

    def _action(self, form: dict[str, str]) -> tuple[str, Mapping[str, Any]]:
        if "ssl_check" in form:
            return "", {}
        try:
            data = json.loads(form.get("payload", ""))
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            raise Refused(400, "payload is no JSON object")
        return "interactive", data or {"type": ""}

    def _command(self, form: dict[str, str]) -> tuple[str, Mapping[str, Any]]:
        return "slash_commands", {} if "ssl_check" in form else form or {"text": ""}
