"""Who may do what: the roles of headway.yaml, and one function that answers for every way in.

A person or a token may do what at least one of its roles allows, service by service. Without `roles` every
person who is logged in may do everything, and a token what its own file says. Whoever is not known may do nothing.
Names are compared exactly but for their case: the broad comparison of `people` is for refusing approvals only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from headway.domain.config.model import Role, Verb

VERB_OF: Mapping[str, Verb] = {
    "deliver": "release",
    "release": "release",
    "watch-registry": "release",
    "promote": "promote",
    "rollback": "rollback",
    "reconcile": "reconcile",
    "rebuild": "rebuild",
}
"""The right that starting a flow needs. Building an image changes no environment."""
WayIn = Literal["", "local", "oidc", "proxy", "token", "slack"]
VERBS: tuple[Verb, ...] = get_args(Verb)
_SPACE = re.compile(r"\s")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, as the way in has proven it; `groups` are those that the login or the proxy names.

    `name` is a person's e-mail address or login, or a token's name. It is empty for somebody who is not known.
    `way_in` is how it was proven: at this machine itself, by a login, by a proxy's word, by a token, by Slack.
    """

    kind: Literal["person", "token", "nobody"] = "nobody"
    name: str = ""
    groups: frozenset[str] = frozenset()
    way_in: WayIn = ""

    @property
    def actor(self) -> str:
        """Return who asks, as commits record it."""
        return f"ci:{self.name}" if self.kind == "token" else self.name


NOBODY = Identity()


@dataclass(frozen=True, slots=True)
class Denied:
    """Why somebody may not do something, and what they may do there instead."""

    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


def person(name: str, groups: Iterable[str] = (), *, way_in: WayIn) -> Identity:
    """Return the person of a name that a way in has proven; nobody where the name is empty or no plain text.

    What has spaces, control characters or invisible ones in it, or is longer than 200 characters, names nobody.
    """
    if not _is_name(name) or _SPACE.search(name):
        return NOBODY
    return Identity("person", name, frozenset(filter(_is_name, groups)), way_in)


def may(
    roles: Mapping[str, Role] | None,
    who: Identity,
    verb: Verb,
    environment: str = "",
    services: Sequence[str] = (),
    *,
    force: bool = False,
) -> Denied | None:
    """Return None where somebody may do something, else why not.

    An empty environment means all of them, no services all services there. `roles` is None where headway.yaml has
    none. With `force`, the right to force is asked for besides.
    """
    if who.kind == "nobody" or not who.name:
        return Denied("nobody is logged in", "log in first")
    if roles is None:
        return None
    mine = [role for role in roles.values() if _has(role, who)]
    if not mine:
        return Denied(f"{who.name} has no role in headway.yaml", "ask for one under `roles`")
    if force and (denied := may(roles, who, "force", environment, services)):
        return denied
    if all(any(_allows(it, verb, environment, each) for it in mine) for each in services or [""]):
        return None
    where = environment or "every environment"
    what = f"{verb} {', '.join(services)} in {where}" if services else f"{verb} in {where}"
    here = [
        it for it in VERBS if any(it in _verbs(role) and _in(role.environments, environment) for role in mine)
    ]
    return Denied(f"{who.name} may not {what}", f"allowed there: {', '.join(here) or 'nothing'}")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a request is about: no environment means all of them, no service all services there."""

    environments: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    force: bool = False


def scope_of(request: Mapping[str, Any]) -> Scope:
    """Return what a flow's request is about; the environment that a promotion comes from is only read."""
    environments = [request.get("environment"), *request.get("environments", ())]
    services = [*request.get("services", ()), *(it.get("service") for it in request.get("images", ()))]
    return Scope(
        tuple(it for it in environments if it), tuple(it for it in services if it), bool(request.get("force"))
    )


def denied_in(roles: Mapping[str, Role] | None, who: Identity, verb: Verb, scope: Scope) -> Denied | None:
    """Return None where somebody may do something in all of a request's scope, else why not."""
    for environment in scope.environments or ("",):
        if denied := may(roles, who, verb, environment, scope.services, force=scope.force):
            return denied
    return None


def rights(
    roles: Mapping[str, Role] | None, who: Identity, environment: str, service: str = ""
) -> frozenset[Verb]:
    """Return what somebody may do to a service in an environment, or to all of it: which buttons are shown."""
    return frozenset(
        it for it in VERBS if may(roles, who, it, environment, [service] if service else ()) is None
    )


def _allows(role: Role, verb: Verb, environment: str, service: str) -> bool:
    return verb in _verbs(role) and _in(role.environments, environment) and _in(role.services, service)


def _verbs(role: Role) -> set[Verb]:
    # Nobody can act on what they may not see.
    return {*role.may, "read"}


def _in(named: list[str], asked: str) -> bool:
    """Return whether what is asked for is named; an empty question means everything, as an empty list does."""
    return not named or asked in named


def _has(role: Role, who: Identity) -> bool:
    if who.kind == "token":
        return who.name in role.tokens
    return _plain(who.name) in map(_plain, role.people) or bool(who.groups & set(role.groups))


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _LONGEST and text.isprintable() and text == text.strip()
