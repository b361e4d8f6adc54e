"""The board refuses an approval where only Slack's count, and takes it where its own do."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from headway.domain.policy.roles import Identity
from headway.operations.audit import Audit
from headway.web.board.answers import Desk
from headway.web.board.forms import Tokens
from headway.web.board.live import Hub
from headway.web.board.rendering import Pages
from headway.web.board.verbs import Acting
from tests.web.slack.room import RUN, Room


@pytest.mark.parametrize(
    ("approve_on", "decision", "status"),
    [
        ("[slack]", "approve", 403),
        ("[slack]", "reject", 200),
        ("[board, slack]", "approve", 200),
        ("[board]", "approve", 200),
    ],
)
def test_where_approvals_count(tmp_path: Path, approve_on: str, decision: str, status: int) -> None:
    """Otherwise somebody would approve, and the run would go on to wait without a word."""
    room = Room(tmp_path, approvals=f"approvals: 1, approve_on: {approve_on}")
    try:
        pages = Pages()

        async def bob(request: object) -> Identity:
            return Identity("person", "bob@example.com", way_in="oidc")

        desk = Desk(room.board, pages, Hub(pages), Tokens(), bob, Audit(room.settings))
        app = Starlette(routes=list(Acting(desk, room.starter).routes))
        with TestClient(app, base_url="http://127.0.0.1:8642") as browser:
            shown = browser.get(f"/-/approvals/{RUN}", headers={"hx-request": "true"})
            assert shown.status_code == 200
            form = shown.text[shown.text.index('class="act"') :]
            fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
            answer = browser.post(
                f"/-/approvals/{RUN}",
                data={**fields, "decision": decision},
                headers={"sec-fetch-site": "same-origin", "hx-request": "true"},
            )
        assert answer.status_code == status, answer.text
        assert len(room.prefect.resumed) == (1 if status == 200 else 0)
        if status == 403:
            assert "takes approvals in Slack only" in html.unescape(answer.text)
    finally:
        room.close()
