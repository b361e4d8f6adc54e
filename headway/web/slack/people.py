"""Who presses in Slack: the member that Slack names, as a person of headway.yaml."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from headway.domain.config.model import Person
from headway.domain.policy.roles import Identity
from headway.domain.slack.intents import Sender
from headway.domain.slack.people import Unmapped, foreign, identity_of, mapped
from headway.systems.notify.slack_app import SlackApp


class People:
    """Asks headway.yaml of the moment, and Slack where e-mail addresses count."""

    def __init__(self, slack: SlackApp, people: Callable[[], Mapping[str, Person]], *, emails: bool) -> None:
        self._slack, self._people, self._emails = slack, people, emails

    def of(self, sender: Sender) -> Identity | Unmapped:
        """Return who sent a payload; raise TransientError where Slack cannot be asked."""
        here = self._slack.workspace()
        if why := foreign(sender, here):
            return Unmapped(why, "press in the workspace of this headway")
        people = self._people()
        ask = self._emails and not mapped(sender.user, people)
        profile = self._slack.profile(sender.user) if ask else None
        return identity_of(sender.user, people, profile, here)
