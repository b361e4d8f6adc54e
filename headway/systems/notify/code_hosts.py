"""Tell GitHub and GitLab at the source commit what became of it: a commit status, and a deployment.

Notifying twice shows nothing twice: where there is a deployment, its state is read before another one is set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from headway.domain.notifications.notices import Notice
from headway.domain.text.addresses import host_and_path
from headway.domain.text.visible import visible_line
from headway.errors import FailedError, TransientError
from headway.systems.machine.tls import trusted

SECONDS = 10.0
_GITHUB = {
    "planned": "pending",
    "waiting": "pending",
    "releasing": "pending",
    "unfinished": "pending",
    "applied": "pending",
    "live": "success",
}
_DEPLOYED = {
    **_GITHUB,
    "waiting": "queued",
    "planned": "queued",
    "releasing": "in_progress",
    "superseded": "inactive",
}
_GITLAB = {
    "planned": "pending",
    "waiting": "pending",
    "releasing": "running",
    "unfinished": "running",
    "applied": "running",
    "live": "success",
}


_PUBLIC = {"github": "https://api.github.com", "gitlab": "https://gitlab.com/api/v4"}
_SCHEMES = ("https", "http", "ssh", "git", "git+ssh")


@dataclass(frozen=True, slots=True)
class Host:
    """A host of source repos: its kind, the name that stands in their URLs, its API, and the token for it alone."""

    kind: str
    name: str
    api: str
    token: str = field(repr=False)


def known_hosts(set_up: Mapping[str, tuple[str, str]]) -> list[Host]:
    """Return the hosts that a token is set for: kind → (API's URL, token).

    A token goes to the host that it is for and to no other: the public one, or the one whose API was named.
    headway.yaml may name any host, and none of those gets to see it.
    """
    found = ((kind, api or _PUBLIC[kind], token) for kind, (api, token) in set_up.items() if token)
    return [
        Host(kind, (urlsplit(api).hostname or "").removeprefix("api."), api, token)
        for kind, api, token in found
    ]


def repo_of(url: str) -> tuple[str, str]:
    """Return a repo's host and path, such as `github.com` and `acme/shop`; empty where the URL is no host's."""
    host, path = host_and_path(url)
    scheme, separator, _ = url.partition("://")
    known = host and path and (not separator or scheme in _SCHEMES)
    return (host, path) if known else ("", "")


class CodeHost:
    """One host's API, with its token."""

    def __init__(self, kind: str, api: str, token: str) -> None:
        headers = {"PRIVATE-TOKEN": token} if kind == "gitlab" else {"Authorization": f"Bearer {token}"}
        self.kind = kind
        self._client = httpx.Client(
            verify=trusted(),
            base_url=api,
            headers={**headers, "User-Agent": "headway"},
            timeout=SECONDS,
            follow_redirects=False,
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def notify(self, path: str, sha: str, notice: Notice, page: str) -> None:
        """Write a status on a commit, and a deployment of it to the environment."""
        if self.kind == "gitlab":
            self._notify_gitlab(path, sha, notice, page)
        else:
            self._notify_github(path, sha, notice, page)

    def _notify_github(self, path: str, sha: str, notice: Notice, page: str) -> None:
        deployments = f"/repos/{path}/deployments"
        state, description = _DEPLOYED.get(notice.state, "failure"), visible_line(notice.headline)[:140]
        known = self._get(f"{deployments}?sha={sha}&environment={quote(notice.environment)}")
        if known:
            # What is said already is not said again: others may listen to these events.
            newest = self._get(f"{deployments}/{known[0]['id']}/statuses?per_page=1")
            if [(it["state"], it["description"]) for it in newest] == [(state, description)]:
                return
        self._post(
            f"/repos/{path}/statuses/{sha}",
            {
                "state": _GITHUB.get(notice.state, "failure"),
                "context": f"headway/{notice.environment}",
                "description": description,
                **({"target_url": page} if page else {}),
            },
        )
        made = known[0] if known else self._post(
            deployments,
            {
                "ref": sha,
                "environment": notice.environment,
                "auto_merge": False,
                "required_contexts": [],
                "description": notice.release,
            },
        )  # fmt: skip
        self._post(
            f"{deployments}/{made['id']}/statuses",
            {"state": state, "description": description} | ({"log_url": page} if page else {}),
        )

    def _notify_gitlab(self, path: str, sha: str, notice: Notice, page: str) -> None:
        project = f"/projects/{quote(path, safe='')}"
        state = _GITLAB.get(notice.state, "canceled" if notice.state == "superseded" else "failed")
        status = {
            "state": state,
            "name": f"headway/{notice.environment}",
            "description": visible_line(notice.headline)[:250],
        }
        # GitLab refuses a status that is there already, and one that goes back, such as from running to pending.
        done = "Cannot transition status" if state in ("pending", "running") else f"from :{state}"
        self._post(f"{project}/statuses/{sha}", status | ({"target_url": page} if page else {}), done)
        if state not in ("success", "failed"):
            return
        newest = f"environment={quote(notice.environment)}&order_by=id&sort=desc&per_page=1"
        known = [(it["sha"], it["status"]) for it in self._get(f"{project}/deployments?{newest}")]
        if known != [(sha, state)]:
            self._post(
                f"{project}/deployments",
                {"environment": notice.environment, "sha": sha, "ref": sha, "tag": False, "status": state},
            )

    def _get(self, path: str) -> Any:
        return self._send("GET", path, None)

    def _post(self, path: str, body: dict[str, Any], done: str = "") -> Any:
        return self._send("POST", path, body, done)

    def _send(self, method: str, path: str, body: dict[str, Any] | None, done: str = "") -> Any:
        """Send a request and return its answer's JSON; a 400 that says `done` means that it is so already."""
        host = self._client.base_url.host
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise TransientError(f"{host} cannot be reached: {type(error).__name__}") from None
        if answer.status_code == 429 or answer.status_code >= 500:
            after = answer.headers.get("Retry-After", "")
            wait = float(after) if after.isdigit() else None
            raise TransientError(f"{host} answers {answer.status_code}", retry_after=wait)
        if done and answer.status_code == 400 and done in answer.text:
            return {}
        if answer.status_code >= 300:
            raise FailedError(
                f"{host} refuses {method} {path.partition('?')[0]}: {answer.status_code}",
                hint="GitHub's token has to write commit statuses and deployments, GitLab's needs the scope api",
            )
        try:
            return answer.json()
        except ValueError:
            raise FailedError(
                f"{host} answers {method} {path.partition('?')[0]} with no JSON",
                hint=f"is HEADWAY_{self.kind.upper()}_URL the URL of its API?",
            ) from None
