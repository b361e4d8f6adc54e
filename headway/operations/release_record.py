"""Everything that the config repo knows of one release."""

from __future__ import annotations

from dataclasses import dataclass

from headway.domain.manifests.secret_diff import without_secrets
from headway.domain.releases.ledger import REQUEST, Entry, Outcome
from headway.domain.releases.message import Triple
from headway.operations.connections import Connections
from headway.operations.targets import commit_named


@dataclass(frozen=True, slots=True)
class ReleaseStory:
    """One release: named facts, changes (service, from, to), outcomes, and its commit's diff."""

    entry: Entry
    facts: tuple[tuple[str, str], ...]
    changes: tuple[Triple, ...]
    outcomes: tuple[Outcome, ...]
    diff: str

    def as_dict(self) -> dict[str, object]:
        """Return what `--output json` prints."""
        return {**self.entry.as_dict(), "facts": dict(self.facts), "diff": self.diff}


def release_story(connections: Connections, name: str) -> ReleaseStory:
    """Read a release by its id or commit; raise UsageError where there is none."""
    repo = connections.repo
    commit = commit_named(connections.repo, name)
    entry = repo.entry(commit)
    record = entry.record
    facts = [
        ("commit", commit),
        ("release", entry.release_id),
        ("environment", entry.environment),
        ("kind", entry.kind),
        ("subject", entry.subject),
        ("who", entry.actor),
        ("when", f"{entry.time:%Y-%m-%d %H:%M:%S} UTC"),
        ("why", entry.reason),
        *((_spaced(key), value) for key, value in (record.trailers if record else ()) if key != REQUEST),
    ]
    if entry.environment and repo.live(entry.environment) == commit:
        facts.append(("now", f"it is what is live in {entry.environment}"))
    elif reverted := _rolled_back_by(connections, entry):
        facts.append(("now", f"rolled back by {reverted}"))
    diff = without_secrets(
        repo.diff(entry.parents[0], commit) if entry.parents else "",
        lambda path: repo.read(entry.parents[0], path),
        lambda path: repo.read(commit, path),
    )
    return ReleaseStory(
        entry,
        tuple((key, value) for key, value in facts if value),
        record.changes if record else (),
        entry.outcomes,
        diff,
    )


def _spaced(trailer: str) -> str:
    return trailer.replace("-", " ").lower()


def _rolled_back_by(connections: Connections, entry: Entry) -> str:
    """Return the commit that took a release back; empty where none did."""
    brought = {(name, new) for name, _, new in entry.record.changes} if entry.record else set()
    for later in connections.repo.commits_between(entry.commit, connections.repo.head):
        if later.record is None or later.kind != "rollback":
            continue
        if entry.environment and later.environment != entry.environment:
            continue
        reverts = dict(later.record.trailers).get("Reverts")
        if entry.commit in (reverts, *later.undoes) or brought & {
            (name, old) for name, old, _ in later.record.changes
        }:
            return later.commit[:9]
    return ""
