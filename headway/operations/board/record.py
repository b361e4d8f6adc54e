"""What the config repo says to the board: read whole once, and then only what is new."""

from __future__ import annotations

from collections.abc import Mapping

from headway.domain.board.facts import EnvironmentFacts, history_of
from headway.domain.images.reference import Image
from headway.domain.releases.ledger import Entry
from headway.domain.releases.plans import images_of
from headway.errors import HeadwayError
from headway.operations.connections import Connections
from headway.operations.pushes import services_pushed
from headway.operations.snapshot import Snapshot

LOOK_BACK = 2000
"""How many commits of the branch the board knows."""
RECENT = 200
"""Of so many commits the outcomes are read again when one was recorded: older ones have ended."""


class Record:
    """The config repo's branch as the board knows it. One thread asks it at a time."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._entries: list[Entry] = []
        self._pushed: dict[str, dict[str, dict[str, Image]]] = {}
        self._head = self._noted = ""
        self._paths: dict[str, str] = {}
        self.snapshot: Snapshot | None = None
        self.environments: dict[str, EnvironmentFacts] = {}

    @property
    def entries(self) -> list[Entry]:
        """The commits that it knows, the newest first."""
        return self._entries

    def read(self) -> bool:
        """Read what is new in the mirror, without asking the remote; return whether anything is."""
        repo = self._connections.repo
        head, noted = repo.head, repo.noted()
        if (head, noted) == (self._head, self._noted):
            return False
        snapshot = self._connections.at(head)
        paths = {name: it.path for name, it in snapshot.config.environments.items()}
        self._read_entries(head, noted, paths)
        self._head, self._noted, self._paths, self.snapshot = head, noted, paths, snapshot
        self.environments = {name: self._environment(snapshot, name) for name in paths}
        return True

    def _read_entries(self, head: str, noted: str, paths: Mapping[str, str]) -> None:
        repo, before = self._connections.repo, self._head
        if not before or paths != self._paths or not repo.on_branch(before):
            self._entries = list(repo.ledger(paths, limit=LOOK_BACK, head=head))
            return
        newer = list(repo.ledger(paths, since=before, head=head)) if head != before else []
        if noted != self._noted:
            recent = self._entries[:RECENT]
            self._entries[: len(recent)] = repo.refreshed(recent)
        self._entries = [*newer, *self._entries][:LOOK_BACK]

    def _environment(self, snapshot: Snapshot, name: str) -> EnvironmentFacts:
        mine = tuple(it.of(name) for it in self._entries if name in (it.environment, *it.environments))
        pushed = self._pushed.setdefault(name, {})
        for entry in mine:
            if entry.record is None and entry.commit not in pushed:
                pushed[entry.commit] = _brought(snapshot, name, entry)
        images, problem = self._images_of(snapshot, name)
        return EnvironmentFacts(
            name, images, mine, history_of(name, _with_folder(mine, name), pushed), problem=problem
        )

    def _images_of(self, snapshot: Snapshot, name: str) -> tuple[Mapping[str, tuple[Image, ...]], str]:
        try:
            return images_of(snapshot.config, snapshot.environment(name).indexes), ""
        except HeadwayError as error:
            return {}, error.message


def _brought(snapshot: Snapshot, name: str, entry: Entry) -> dict[str, Image]:
    """Return the images that a person's push brought to an environment, by service; empty for one that it took away."""
    services = services_pushed(snapshot, entry.at(name))
    try:
        images = images_of(snapshot.config, snapshot.past(name, entry.commit).indexes)
    except HeadwayError:
        images = {}
    return {it: next(iter(images.get(it, ())), Image("")) for it in services}


def _with_folder(entries: tuple[Entry, ...], name: str) -> list[Entry]:
    """Return the entries that changed the environment's folder: locks and rules change no service."""
    return [it for it in entries if name in it.environments or (it.record is not None and it.record.changes)]
