"""GitHub and GitLab, told at the source commit what became of it: a commit status, and a deployment.

A status or deployment that is written twice says the same twice and does no harm.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import httpx

from headway.domain.notices import Notice
from headway.errors import FailedError, TransientError

SECONDS = 10.0
_GITHUB = {"planned": "pending", "waiting": "pending", "releasing": "pending", "live": "success"}
_DEPLOYED = {
    **_GITHUB,
    "waiting": "queued",
    "planned": "queued",
    "releasing": "in_progress",
    "superseded": "inactive",
}
_GITLAB = {"planned": "pending", "waiting": "pending", "releasing": "running", "live": "success"}


def place_of(url: str) -> tuple[str, str]:
    """Give a repo's host and path, such as `github.com` and `acme/shop`; empty where the URL is no host's."""
    found = re.fullmatch(r"(?:[a-z+]+://)?(?:[^@/]*@)?([^/:]+)(?::\d+)?[/:](.+?)(?:\.git)?/?", url)
    return (found[1].lower(), found[2].strip("/")) if found else ("", "")


class CodeHost:
    """One host's API, with its token."""

    def __init__(self, kind: str, api: str, token: str) -> None:
        headers = {"PRIVATE-TOKEN": token} if kind == "gitlab" else {"Authorization": f"Bearer {token}"}
        self.kind = kind
        self._client = httpx.Client(
            base_url=api,
            headers={**headers, "User-Agent": "headway"},
            timeout=SECONDS,
            follow_redirects=False,
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def tell(self, path: str, sha: str, notice: Notice, page: str) -> None:
        """Write a status on a commit, and a deployment of it to the environment."""
        if self.kind == "gitlab":
            self._tell_gitlab(path, sha, notice, page)
        else:
            self._tell_github(path, sha, notice, page)

    def _tell_github(self, path: str, sha: str, notice: Notice, page: str) -> None:
        link = {"target_url": page} if page else {}
        self._post(
            f"/repos/{path}/statuses/{sha}",
            {
                "state": _GITHUB.get(notice.state, "failure"),
                "context": f"headway/{notice.environment}",
                "description": notice.headline[:140],
                **link,
            },
        )
        known = self._get(f"/repos/{path}/deployments?sha={sha}&environment={quote(notice.environment)}")
        made = known[0] if known else self._post(
            f"/repos/{path}/deployments",
            {
                "ref": sha,
                "environment": notice.environment,
                "auto_merge": False,
                "required_contexts": [],
                "description": notice.release,
            },
        )  # fmt: skip
        self._post(
            f"/repos/{path}/deployments/{made['id']}/statuses",
            {"state": _DEPLOYED.get(notice.state, "failure"), "description": notice.headline[:140]}
            | ({"log_url": page} if page else {}),
        )

    def _tell_gitlab(self, path: str, sha: str, notice: Notice, page: str) -> None:
        project = quote(path, safe="")
        state = _GITLAB.get(notice.state, "canceled" if notice.state == "superseded" else "failed")
        self._post(
            f"/projects/{project}/statuses/{sha}",
            {"state": state, "name": f"headway/{notice.environment}", "description": notice.headline[:250]}
            | ({"target_url": page} if page else {}),
        )
        if state in ("success", "failed"):
            self._post(
                f"/projects/{project}/deployments",
                {"environment": notice.environment, "sha": sha, "ref": sha, "tag": False, "status": state},
            )

    def _get(self, path: str) -> Any:
        return self._send("GET", path, None)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self._send("POST", path, body)

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise TransientError(
                f"{self._client.base_url.host} cannot be reached: {type(error).__name__}"
            ) from None
        if answer.status_code == 429 or answer.status_code >= 500:
            after = answer.headers.get("Retry-After", "")
            wait = float(after) if after.isdigit() else None
            raise TransientError(
                f"{self._client.base_url.host} answers {answer.status_code}", retry_after=wait
            )
        if answer.status_code >= 300:
            raise FailedError(
                f"{self._client.base_url.host} refuses {method} {path.partition('?')[0]}: {answer.status_code}",
                hint="see the token's rights in docs/notifications.md",
            )
        return answer.json()
