"""Logins for registries, from where docker keeps them: config.json and credential helpers.

Read again for each registry, since helpers give tokens that expire. Nothing here is
ever printed: a login's repr hides its password.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headway.domain.images.reference import HUB
from headway.errors import FailedError, UsageError

HELPER_SECONDS = 30
_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io")


@dataclass(frozen=True, slots=True)
class Login:
    """A user name with its password, or an identity token; `source` says where they came from."""

    username: str
    password: str = field(repr=False)
    source: str
    identity_token: str = field(default="", repr=False)


class DockerConfig:
    """Docker's config.json of one folder; a missing file means that there are no logins."""

    def __init__(self, folder: str | None = None) -> None:
        where = folder or os.environ.get("DOCKER_CONFIG") or "~/.docker"
        self.path = Path(where).expanduser() / "config.json"

    def login(self, registry: str) -> Login | None:
        """Return the login for a registry's host; None where there is none.

        Raises UsageError for a file that cannot be read, FailedError for a helper that fails.
        """
        config = self._read()
        keys = _HUB_KEYS if registry == HUB else (registry, f"https://{registry}", f"http://{registry}")
        hosts = {_host(it) for it in keys}
        for key, helper in self._table(config, "credHelpers").items():
            if _host(key) in hosts:
                return _ask_helper(str(helper), key)
        if store := config.get("credsStore"):
            for key in keys:
                if (found := _ask_helper(str(store), key)) is not None:
                    return found
        auths = self._table(config, "auths")
        # What names the registry exactly comes first, then any of its addresses.
        for key in (*keys, *(it for it in auths if it not in keys and _host(it) in hosts)):
            if isinstance(entry := auths.get(key), dict) and (found := self._entry(entry)) is not None:
                return found
        return None

    def _table(self, config: dict[str, Any], key: str) -> dict[str, Any]:
        table = config.get(key) or {}
        if not isinstance(table, dict):
            raise UsageError(f"{self.path}: `{key}` in it is no table", hint="run `docker login` again")
        return table

    def _entry(self, entry: dict[str, Any]) -> Login | None:
        name, password = str(entry.get("username", "")), str(entry.get("password", ""))
        if encoded := entry.get("auth"):
            try:
                name, _, password = base64.b64decode(encoded).decode().partition(":")
            except (ValueError, TypeError):
                raise UsageError(
                    f"{self.path}: an `auth` in it is not base64", hint="run `docker login` again"
                ) from None
        token = str(entry.get("identitytoken", ""))
        if not (name or token):
            return None
        return Login(name, password.rstrip("\0"), str(self.path), token)

    def _read(self) -> dict[str, Any]:
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError(
                f"{self.path} cannot be read: {error}", hint="correct it, or run `docker login` again"
            ) from None
        return data if isinstance(data, dict) else {}


def _host(key: str) -> str:
    """Cut a key down to the registry's host, as docker does: `https://host/v2/` is `host`."""
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _ask_helper(name: str, registry: str) -> Login | None:
    command = f"docker-credential-{name}"
    try:
        done = subprocess.run(
            [command, "get"],
            input=registry,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=HELPER_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise FailedError(
            f"the credential helper {command} is not installed",
            hint="install it, or run `docker login` without it",
        ) from None
    except (OSError, ValueError) as error:
        raise FailedError(
            f"the credential helper {command} cannot be started: {type(error).__name__}",
            hint="see that it may be executed, or run `docker login` without it",
        ) from None
    except subprocess.TimeoutExpired:
        raise FailedError(f"the credential helper {command} did not answer in {HELPER_SECONDS} s") from None
    if done.returncode:
        if "not found" in (done.stdout + done.stderr).lower():
            return None
        # What it printed may hold part of a secret, so only its name is told.
        raise FailedError(
            f"the credential helper {command} failed for {registry}",
            hint=f"try: echo {registry} | {command} get",
        )
    try:
        found = json.loads(done.stdout)
        username, secret = str(found["Username"]), str(found["Secret"])
    except (ValueError, KeyError, TypeError):
        raise FailedError(f"the credential helper {command} gave no login for {registry}") from None
    if not (username or secret):
        return None
    if username == "<token>":
        return Login("", "", command, secret)
    return Login(username, secret, command)
