"""The endpoint for CI: what a token may start, by its own file and by the roles of headway.yaml; and the audit of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from headway.domain.config.model import Role
from headway.domain.policy.tokens import digest, read_tokens
from headway.operations.audit import Audit
from headway.settings import Settings
from headway.web.api import Api
from tests.servers.http import HttpServer

TOKENS = read_tokens(
    f"""tokens:
- {{name: deploy, sha256: "{digest("one")}", flows: [release, rollback, build-images], environments: ["*"], force: true}}
- {{name: idle, sha256: "{digest("two")}", flows: [release], environments: ["*"]}}
""",
    "tokens.yaml",
)
ROLES = {
    "ci": Role(tokens=["deploy"], may=["release"], environments=["staging"], services=["web"]),
    "people": Role(people=["idle"], may=["release"]),
}
WEB = {"environment": "staging", "images": [{"service": "web", "image": "1.2"}]}


def call(
    tmp_path: Path, flow: str, body: dict[str, Any], token: str = "one", roles: Any = ROLES
) -> tuple[int, Any]:
    """Call it; the Prefect server has no deployments, which is 422 and so the answer to whatever may be started."""
    prefect = HttpServer()
    prefect.answers.extend([(404, {}, {})] * 3)
    settings = Settings(state=tmp_path, prefect=f"{prefect.url}/api")
    app = Starlette(routes=Api(settings, lambda: TOKENS, lambda: roles, Audit(settings)).routes)
    answer = TestClient(app).post(f"/api/{flow}", json=body, headers={"Authorization": f"Bearer {token}"})
    prefect.close()
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("flow", "body", "token", "roles", "status", "said"),
    [
        ("release", WEB, "one", ROLES, 422, "has no deployment"),
        ("release", WEB, "one", None, 422, "has no deployment"),
        ("release", {**WEB, "environment": "production"}, "one", ROLES, 403, "deploy may not release web in production"),
        ("release", {**WEB, "images": [{"service": "api", "image": "1"}]}, "one", ROLES, 403, "may not release api"),
        ("release", {**WEB, "force": True, "reason": "x"}, "one", ROLES, 403, "may not force"),
        ("rollback", {"environment": "staging", "services": ["web"]}, "one", ROLES, 403, "may not rollback"),
        ("rollback", {"environment": "staging"}, "one", None, 422, "has no deployment"),
        ("build-images", {"services": ["web"]}, "one", ROLES, 422, "has no deployment"),
        ("release", WEB, "two", ROLES, 403, "idle has no role"),
        ("release", WEB, "two", {}, 403, "idle has no role"),
        ("release", WEB, "three", None, 401, "no token"),
    ],
)  # fmt: skip
def test_what_a_token_may_start(
    tmp_path: Path, flow: str, body: dict[str, Any], token: str, roles: Any, status: int, said: str
) -> None:
    """Both its file and a role must allow it; a person's role of the same name is none."""
    found, answer = call(tmp_path, flow, body, token, roles)
    assert (found, said in answer["error"]) == (status, True)


def test_every_answer_is_in_the_audit(tmp_path: Path) -> None:
    """What was allowed and what was denied, with who asked, for what, and why not."""
    call(tmp_path, "release", WEB)
    call(tmp_path, "rollback", {"environment": "staging", "services": ["web"]})
    acts = list(Audit(Settings(state=tmp_path)).acts())
    assert [(it.who, it.verb, it.environment, it.services, it.answer) for it in acts] == [
        ("ci:deploy", "release", "staging", ("web",), "allowed"),
        # The server has no such deployment: it was allowed, and came to nothing.
        ("ci:deploy", "release", "staging", ("web",), "failed"),
        ("ci:deploy", "rollback", "staging", ("web",), "denied"),
    ]
    assert "has no deployment" in acts[1].why
    assert "may not rollback" in acts[2].why


def test_what_cannot_be_audited_is_not_done(tmp_path: Path) -> None:
    """A disk that takes nothing refuses the act: nobody could see later who asked for it."""
    (tmp_path / "audit.jsonl").mkdir()
    status, answer = call(tmp_path, "release", WEB)
    assert (status, "cannot be written" in answer["error"]) == (502, True)


def test_the_audit_holds_no_secret_and_one_line_an_act(tmp_path: Path) -> None:
    """Whatever is typed into a request."""
    odd = "x\n{}\u202e"
    call(tmp_path, "rollback", {"environment": odd, "services": ["web"], "reason": "hw_secret"})
    lines = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert len(lines) == 1
    assert json.loads(lines[0])["environment"] == "x {}\\u202e"
    assert "hw_" not in lines[0]
