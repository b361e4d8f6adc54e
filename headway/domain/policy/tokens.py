"""Who may start what: tokens with rights, each known by its hash alone."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from headway.domain.config.model import NAME
from headway.errors import RefusedError, UsageError

Flow = Literal["build-images", "deliver", "release", "promote", "rollback", "reconcile", "watch-registry"]
PREFIX = "hw_"


class Token(BaseModel):
    """One token's rights. An empty list of services means all of them; flows and environments are always named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=NAME)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    flows: list[Flow] = Field(min_length=1)
    environments: list[str] = []
    services: list[str] = []
    force: bool = False

    def check(self, flow: str, request: Mapping[str, Any]) -> None:
        """Raise RefusedError where this token may not start a flow with a request."""
        if flow not in self.flows:
            raise RefusedError(
                f"the token {self.name} may not start {flow}", hint=f"it may {', '.join(self.flows)}"
            )
        named = [request.get("environment"), request.get("source"), *request.get("environments", ())]
        environments = [it for it in named if it]
        if flow != "build-images" and not request.get("environment") and not request.get("environments"):
            # A request without an environment means all of them.
            environments.append("*")
        for environment in environments:
            if environment not in self.environments and "*" not in self.environments:
                what = "every environment" if environment == "*" else str(environment)
                raise RefusedError(
                    f"the token {self.name} may do nothing in {what}",
                    hint=f"it may in {', '.join(self.environments) or 'none'}",
                )
        services = [*request.get("services", ()), *(it.get("service") for it in request.get("images", ()))]
        if self.services and (not services or set(services) - set(self.services)):
            raise RefusedError(
                f"the token {self.name} may release {', '.join(self.services)} only",
                hint="name these services",
            )
        if request.get("force") and not self.force:
            raise RefusedError(f"the token {self.name} may not force", hint="ask a person to do it")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    tokens: list[Token] = []


def read_tokens(text: str, file: str) -> tuple[Token, ...]:
    """Read a tokens file; raise UsageError that says what is wrong where."""
    try:
        # As text: a hash of digits alone is no number, and a name is no date.
        found = _File.model_validate(yaml.load(text, Loader=yaml.BaseLoader) or {}).tokens
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UsageError(f"{file}:{line}: not YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError) as error:
        said = getattr(error, "reason", "") or "it cannot be read"
        raise UsageError(f"{file}: not YAML: {said}") from None
    except ValidationError as error:
        # Hashes are no secret, but what was pasted here by mistake may be: the file's content is not shown.
        first = error.errors(include_input=False, include_url=False)[0]
        raise UsageError(f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    names = [it.name for it in found]
    if len(set(names)) < len(names):
        raise UsageError(f"{file}: two tokens have the same name", hint="their runs could not be told apart")
    return tuple(found)


def token_of(tokens: tuple[Token, ...], said: str) -> Token | None:
    """Return the token that somebody shows; every one is compared, in constant time."""
    shown, found = digest(said), None
    for each in tokens:
        if hmac.compare_digest(each.sha256, shown):
            found = each
    return found


def new_token() -> str:
    """Make a token."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """Return what a tokens file knows of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
