"""Roles: who may do what, for every way in."""

from __future__ import annotations

import pytest

from headway.domain.config.reading import load_config
from headway.domain.policy.roles import NOBODY, VERBS, Identity, may, person, rights
from headway.errors import ConfigError

FILE = b"""version: 1
app: shop
services:
  web: {image: registry.example.com/web}
  api: {image: registry.example.com/api}
environments:
  staging: {path: staging, cluster: {namespace: staging}}
  production: {path: production, cluster: {namespace: production}}
roles:
  readers: {groups: [everyone], may: [read]}
  developers: {people: [ann@example.com], may: [release, promote, rollback], environments: [staging]}
  web-team: {people: [Ann@Example.com], groups: ["Web Team"], may: [release, rollback], environments: [production], services: [web]}
  on-call: {people: [olga], may: [rollback, lock, unlock, reconcile, approve, force]}
  ci: {tokens: [deploy], may: [release], environments: [staging], services: [web]}
"""
ROLES = load_config(FILE).document.roles
ANN = person("ann@example.com", way_in="oidc")
WEB = person("wim", ["Web Team"], way_in="proxy")
OLGA = person("Olga", way_in="slack")
READER = person("rita", ["everyone"], way_in="oidc")
STRANGER = person("eve", ["others"], way_in="oidc")
CI = Identity("token", "deploy", way_in="token")


@pytest.mark.parametrize(
    ("who", "verb", "environment", "services", "force", "denied"),
    [
        (ANN, "release", "staging", ["web", "api"], False, ""),
        (ANN, "release", "staging", [], False, ""),
        (ANN, "read", "staging", [], False, ""),
        (ANN, "lock", "staging", ["web"], False, "may not lock web in staging"),
        (ANN, "release", "production", ["web"], False, ""),
        (ANN, "release", "production", ["web", "api"], False, "may not release web, api in production"),
        (ANN, "release", "production", [], False, "may not release in production"),
        (ANN, "promote", "production", ["web"], False, "may not promote"),
        (ANN, "release", "", ["web"], False, "every environment"),
        (ANN, "release", "staging", ["web"], True, "may not force web in staging"),
        (WEB, "rollback", "production", ["web"], False, ""),
        (WEB, "rollback", "staging", ["web"], False, "may not rollback web in staging"),
        (OLGA, "rollback", "production", [], True, ""),
        (OLGA, "reconcile", "", [], False, ""),
        (OLGA, "rebuild", "", [], False, "may not rebuild"),
        (READER, "read", "production", ["api"], False, ""),
        (READER, "release", "staging", ["web"], False, "allowed there: read"),
        (STRANGER, "read", "staging", [], False, "eve has no role"),
        (NOBODY, "read", "staging", [], False, "nobody is logged in"),
        (CI, "release", "staging", ["web"], False, ""),
        (CI, "release", "staging", ["api"], False, "may not release api"),
        (CI, "rollback", "staging", ["web"], False, "may not rollback"),
        (Identity("token", "ann@example.com"), "release", "staging", ["web"], False, "has no role"),
        (person("deploy", way_in="oidc"), "release", "staging", ["web"], False, "has no role"),
    ],
)  # fmt: skip
def test_what_somebody_may_do(
    who: Identity, verb: str, environment: str, services: list[str], force: bool, denied: str
) -> None:
    """A person or a token may do what one of its roles allows for each service; what is said names what is allowed."""
    found = may(ROLES, who, verb, environment, services, force=force)  # type: ignore[arg-type]
    assert (denied in str(found)) if denied else found is None


@pytest.mark.parametrize(
    "name",
    ["", " ", "ann smith", " ann", "ann\n", "ann\x00", "ann\u202e", "\u200bann", "a" * 201, "ann\u00a0"],
)
def test_an_empty_or_odd_name_has_no_rights(name: str) -> None:
    """What names nobody has no right, whatever its groups, and also where headway.yaml has no roles."""
    who = person(name, ["everyone"], way_in="proxy")
    assert who == NOBODY
    assert all(may(roles, who, verb, "staging") for roles in (ROLES, None) for verb in VERBS)


def test_without_roles_everybody_who_is_known_may_do_everything() -> None:
    """A headway.yaml without `roles` restricts nobody who is logged in; one with an empty map allows nobody anything."""
    assert rights(None, STRANGER, "production") == frozenset(VERBS)
    assert rights({}, ANN, "staging") == frozenset()


def test_a_name_is_compared_as_it_stands_but_for_its_case() -> None:
    """Ann by another address is somebody else here, though an approval by either would count once."""
    assert may(ROLES, person("ANN@example.com", way_in="oidc"), "release", "staging") is None
    assert may(ROLES, person("ann+ci@example.com", way_in="oidc"), "release", "staging") is not None
    assert may(ROLES, person("ann", way_in="oidc"), "release", "staging") is not None


def test_the_buttons_are_the_rights() -> None:
    """What is shown to somebody is what they may do there."""
    assert rights(ROLES, ANN, "staging") == {"read", "release", "promote", "rollback"}
    assert rights(ROLES, ANN, "production") == frozenset()
    assert rights(ROLES, ANN, "production", "web") == {"read", "release", "rollback"}
    assert rights(ROLES, STRANGER, "staging", "web") == frozenset()


@pytest.mark.parametrize(
    ("role", "said"),
    [
        ("{people: [ann], may: [deploy]}", "headway.yaml:10:28: roles.x.may.0: 'read', 'release'"),
        ("{people: [ann], may: []}", "at least one is expected"),
        ("{may: [read]}", "nobody has this role"),
        ("{people: [ann], may: [read], environments: [stagin]}", "no environment 'stagin'; did you mean staging?"),
        ("{people: [ann], may: [read], services: [wep]}", "no service 'wep'; did you mean web?"),
        ("{people: [''], may: [read]}", "roles.x.people.0"),
    ],
)  # fmt: skip
def test_a_role_that_says_nothing_is_refused(role: str, said: str) -> None:
    """A role without holders, verbs, or with unknown names is a mistake at its place."""
    with pytest.raises(ConfigError) as caught:
        load_config(FILE.partition(b"  readers")[0] + f"  x: {role}\n".encode())
    assert said in str(caught.value)
