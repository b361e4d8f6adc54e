"""Which person a member of the workspace is. Slack proves the member; headway.yaml or an address says the person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headway.domain.config.model import Person
from headway.domain.policy.roles import Identity, person
from headway.domain.slack.intents import Sender


@dataclass(frozen=True, slots=True)
class Workspace:
    """The workspace that headway's token is of, and its app; empty where Slack did not say."""

    team: str
    app: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """What Slack says of a member: their workspace, their e-mail address, and whether it is theirs."""

    user: str
    team: str = ""
    email: str = ""
    confirmed: bool = False
    bot: bool = False
    deleted: bool = False
    stranger: bool = False


@dataclass(frozen=True, slots=True)
class Unmapped:
    """Why a member is nobody, and how they become somebody."""

    why: str
    hint: str


def foreign(sender: Sender, here: Workspace) -> str:
    """Return why a payload is not this workspace's and app's; empty where it is."""
    if not sender.team or sender.team != here.team:
        return "it comes from another workspace"
    if here.app and sender.app != here.app:
        return "it comes from another app"
    if sender.home and sender.home != here.team:
        return "whoever sent it is a member of another workspace"
    return ""


def mapped(user: str, people: Mapping[str, Person]) -> str:
    """Return the name of the person who is a member in `people` of headway.yaml; empty where nobody is."""
    return next((name for name, it in people.items() if it.slack == user), "")


def identity_of(
    user: str, people: Mapping[str, Person], profile: Profile | None, here: Workspace
) -> Identity | Unmapped:
    """Return which person a member is; `profile` is None where e-mail addresses do not count."""
    hint = f"add yourself to `people` in headway.yaml, with `slack: {user}`"
    name = mapped(user, people)
    if not name and profile is not None:
        if why := _no_address(profile, user, here):
            return Unmapped(why, hint)
        name = profile.email
    if not name:
        return Unmapped(f"nobody in headway.yaml is {user} in Slack", hint)
    found = person(name, way_in="slack")
    if found.kind == "nobody":
        return Unmapped(
            "the name that you have in headway.yaml is none", "it must be plain text without spaces"
        )
    return found


def _no_address(profile: Profile, user: str, here: Workspace) -> str:
    """Return why a profile's e-mail address names nobody; empty where it does."""
    if profile.user != user or profile.bot or profile.deleted:
        return "bots and members who have left are nobody"
    if profile.stranger or profile.team != here.team:
        return "members of other workspaces are not known by their e-mail address"
    if not profile.email or not profile.confirmed:
        return "your profile in Slack has no e-mail address that is confirmed"
    return ""
