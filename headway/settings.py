"""Everything that environment variables set, in one table.

Addresses and folders stand here, and one secret that is headway's own. Other credentials
never do: Git's come from its credential helpers or the SSH agent, the registries' from
Docker's config, the cluster's from the kubeconfig, so none can reach a log or a parameter.
"""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from headway.errors import UsageError


def _state_home() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "headway"


PREFIX = "HEADWAY_"


class Settings(BaseModel):
    """The `HEADWAY_*` environment variables; an empty one counts as not set.

    Read here and not by pydantic-settings, whose import takes a tenth of the time of a short command.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, **values: Any) -> None:
        names = {name: PREFIX + name.upper() for name in type(self).model_fields}
        found = {name: text for name, variable in names.items() if (text := os.environ.get(variable))}
        try:
            super().__init__(**found | values)
        except ValidationError as error:
            # What a variable holds may be a secret and is not shown.
            wrong = "; ".join(
                f"{names.get(str(it['loc'][0]), it['loc'][0])}: {it['msg']}"
                for it in error.errors()
                if it["loc"]
            )
            raise UsageError(
                wrong or "a HEADWAY_* variable is wrong", hint="correct it, or unset it for its default"
            ) from None

    repo: str = ""
    """URL of the config repo, as `git clone` takes it."""

    branch: str = "main"
    """Branch of the config repo that says what should run."""

    config: str = "headway.yaml"
    """Path of the application's headway.yaml in the config repo, if it is not at its root: `apps/shop/headway.yaml`."""

    state: Path = Field(default_factory=_state_home)
    """Folder for mirrors, caches and locks. Losing it is harmless: everything in it is made again."""

    kubeconfig: str = ""
    """Path of the kubeconfig with the contexts that headway.yaml names; empty means what kubectl would use."""

    docker_config: str = ""
    """Folder of Docker's config.json with the registries' logins; empty means what docker would use."""

    kustomize: str = ""
    """Path of kustomize; empty means `kustomize` on PATH, else `kubectl kustomize`."""

    helm: str = ""
    """Path of Helm 3 or 4; empty means `helm` on PATH."""

    chart_hosts: str = ""
    """Hosts from which charts that are pinned in headway.yaml may be fetched, separated by commas; empty means none."""

    actor: str = ""
    """Who makes requests, as recorded in commits; empty means the login name."""

    prefect: str = ""
    """URL of the Prefect API; empty means `PREFECT_API_URL`."""

    deployments: str = ""
    """Prefix for the names of the Prefect deployments, needed if several config repos share one Prefect server."""

    prometheus: str = ""
    """URL of the Prometheus that `verify: {promql: …}` queries."""

    hook_secret: SecretStr = SecretStr("")
    """Secret with which push events to `headway serve` are signed, or which they carry as a token."""

    slack_token: SecretStr = SecretStr("")
    """Bot token of the Slack app that sends notifications (`notify` in headway.yaml)."""

    slack_url: str = ""
    """URL of Slack's Web API, if it is not Slack's own."""

    slack_signing_secret: SecretStr = SecretStr("")
    """Signing secret of the Slack app: with it, `headway serve` takes buttons and commands over HTTP."""

    slack_app_token: SecretStr = SecretStr("")
    """App-level token (`connections:write`): with it, `headway serve` takes them over a connection of its own (Socket
    Mode)."""

    slack_emails: bool = False
    """Know people in Slack by the confirmed e-mail address of their profile, besides `people` in headway.yaml."""

    apprise: SecretStr = SecretStr("")
    """Addresses for mail, Teams, Discord and others, as `name=url name=url`; headway.yaml uses the names."""

    webhook_secret: SecretStr = SecretStr("")
    """Secret with which CloudEvents to webhooks are signed."""

    github_token: SecretStr = SecretStr("")
    """Token for commit statuses and deployments on GitHub, if `notify` has `commits: true`."""

    github_url: str = ""
    """API URL of your own GitHub server; the token is then for that server, not for github.com."""

    gitlab_token: SecretStr = SecretStr("")
    """Token for commit statuses and deployments on GitLab, if `notify` has `commits: true`."""

    gitlab_url: str = ""
    """API URL of your own GitLab server; the token is then for that server, not for gitlab.com."""

    alarm: str = ""
    """Prefect notification block for alarms, as `type/name`; empty means Slack, if `notify` has a channel."""

    commit_url: str = ""
    """URL of a commit's page, with {commit} in it; needed if the host is not GitHub, GitLab, Gitea or Bitbucket."""

    url: str = ""
    """Address of `headway serve`, as people and CI reach it."""

    token: SecretStr = SecretStr("")
    """Token for that address, as `headway token` made it."""

    tokens: str = ""
    """File of the tokens that `headway serve` accepts, with the rights of each."""

    oidc_issuer: str = ""
    """URL of the identity provider (OpenID Connect) through which people log in to the board."""

    oidc_client_id: str = ""
    """Client id of headway at that provider; its redirect address is `/login/callback` of `headway serve`."""

    oidc_client_secret: SecretStr = SecretStr("")
    """Client secret of headway at that provider."""

    oidc_name: str = "email"
    """Claim that names a person. `email` counts only if the provider has verified it."""

    oidc_groups: str = "groups"
    """Claim that lists a person's groups."""

    oidc_scope: str = "openid email profile"
    """Scopes that are requested at login; with `offline_access`, rights are checked again every ten minutes."""

    proxy_user_header: str = ""
    """Header in which a proxy names the person, such as X-Forwarded-Email, if the proxy does the login."""

    proxy_groups_header: str = ""
    """Header in which that proxy lists the person's groups, separated by commas."""

    proxy_secret: SecretStr = SecretStr("")
    """What that proxy sends in the header X-Headway-Proof, so that nobody else can name people."""

    audit: str = ""
    """File in which `headway serve` keeps who asked it for what; empty means audit.jsonl in the state folder."""

    approval_secret: SecretStr = SecretStr("")
    """Secret with which `headway serve` signs approvals given on the board and in Slack, for environments that take
    them there only (`approve_on`). The workers need it too."""

    local: bool = False
    """Run every command in its own process, as `--local` does."""

    def config_repo(self) -> str:
        """Return the config repo's URL, or say how to set it."""
        if not self.repo:
            raise UsageError(
                "no config repo is set",
                hint="set HEADWAY_REPO to the URL of the Git repo that holds headway.yaml",
            )
        return self.repo

    def allowed_chart_hosts(self) -> frozenset[str]:
        """Return the hosts from which charts may be fetched."""
        # A person may as well give the address that the browser shows.
        hosts = (it.strip().rpartition("://")[2].partition("/")[0] for it in self.chart_hosts.split(","))
        return frozenset(it.lower() for it in hosts if it)

    def who(self) -> str:
        """Return the person or program that asks."""
        if self.actor:
            return self.actor
        try:
            return getpass.getuser()
        except (KeyError, OSError):
            return f"uid {os.getuid()}"

    def prefect_url(self) -> str:
        """Return the Prefect API's URL, without a slash at its end; empty where none is set."""
        return (self.prefect or os.environ.get("PREFECT_API_URL", "")).rstrip("/")
