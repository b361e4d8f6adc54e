"""Who somebody is, as far as texts tell: one person writes a name in several ways, and CI asks on a person's behalf.

Prefect's open-source server has no users: a name is what a form, a setting or a CI system says. What can be
told is told here, in one place. In doubt two spellings are one person: the cost is one more approval.
"""

from __future__ import annotations

import re
import unicodedata

UNKNOWN = "unknown (Prefect UI or API)"
"""Who asked for a run that names nobody. It is never the user whom the worker runs as."""
_JOB = re.compile(r"ci:\S+|(github|gitlab|buildkite|circleci|jenkins)( \S+)?", re.IGNORECASE)
_NOT_A_NAME = re.compile(r"[\W_]+")
_ADDRESSED = re.compile(r"(?:([^<>]*?)\s*<)?([^\s<>()@:]+@[^\s<>()@:]+)>?")
_NOREPLY = "noreply.github.com"


def actor_of(said: str) -> str:
    """Return who asks, as it is recorded: what was said, or that nobody was named."""
    return said.strip() or UNKNOWN


def author_of(actor: str, own: tuple[str, str]) -> tuple[str, str]:
    """Return the name and the e-mail that a commit of whoever asks is by; the e-mail is empty where none is known.

    `own` is Git's user where the commit is made: that is who asks, or somebody else, such as a worker's.
    """
    name, email = own
    if email and (same_person(actor, name) or same_person(actor, email)):
        return name or actor, email
    found = _ADDRESSED.fullmatch(actor.strip())
    return (found[1] or found[2], found[2]) if found else (actor, "")


def is_named(said: str) -> bool:
    """Return whether a text names anybody."""
    return bool(spellings(said))


def same_person(one: str, other: str) -> bool:
    """Return whether two texts may name one person, whatever the case, the address, the login's form, or the CI job."""
    return bool(spellings(one) & spellings(other))


def spellings(said: str) -> frozenset[str]:
    """Return the plain forms of a name: `ci:deploy (Ann.Smith@example.com)` is `ann smith`.

    A job of a CI system is whoever it says that it acts for, and itself where it says nobody.
    """
    if said.strip() == UNKNOWN:
        return frozenset()
    parts = [it for part in re.split(r"[()<>]", said) if (it := " ".join(part.split()))]
    people = [it for it in parts if not _JOB.fullmatch(it)]
    if len(people) == len(parts):
        # No job: what stands in brackets is another address, or a remark such as a team.
        people = [it for at, it in enumerate(parts) if at == 0 or "@" in it]
    return frozenset(found for it in people or parts if (found := _plain(it)))


def _plain(name: str) -> str:
    text = unicodedata.normalize("NFKD", name.rpartition("\\")[2].removeprefix("@"))
    text = "".join(it for it in text if unicodedata.category(it) not in ("Mn", "Cf")).casefold()
    local, at, host = text.rpartition("@")
    if at:
        # `ann+ci@example.com` reaches ann; GitHub writes `1234+ann@users.noreply.github.com`.
        text = local.rpartition("+")[2] if host.endswith(_NOREPLY) else local.partition("+")[0]
    return " ".join(sorted(_NOT_A_NAME.sub(" ", text).split()))
