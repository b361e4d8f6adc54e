"""What the drawer shows of a service in an environment: what was live, what comes next, how its objects are."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime

from headway.domain.board.cells import between
from headway.domain.board.facts import Candidate, Changes, Question, Workload
from headway.domain.board.grid import Facts
from headway.domain.board.values import Cell
from headway.domain.releases.ledger import short_tag
from headway.domain.releases.links import commit_page
from headway.operations.connections import Connections

LINES = 25


@dataclass(frozen=True, slots=True)
class Stay:
    """One version of a service in an environment: from when to when it was there, and how that went."""

    version: str
    image: str
    commit: str
    page: str
    kind: str
    who: str
    why: str
    approvers: tuple[str, ...]
    since: datetime
    until: datetime | None
    state: str
    cause: str
    is_current: bool
    can_return: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A version that the environment before has had since the one that is here."""

    version: str
    subject: str
    when: datetime
    who: str


@dataclass(frozen=True, slots=True)
class Details:
    """Everything about one cell."""

    cell: Cell
    owner: str
    stays: tuple[Stay, ...]
    more: int
    steps: tuple[Step, ...]
    source: str
    workloads: tuple[Workload, ...]
    candidate: Candidate | None
    questions: tuple[Question, ...]
    commands: tuple[str, ...]
    locked: bool
    held: bool
    """Whether a person's choice of an older image holds automation back."""


def details(connections: Connections, facts: Facts, cell: Cell) -> Details:
    """Return what is known about a cell, without asking anybody."""
    here = facts.environments[cell.environment]
    name, service = cell.environment, cell.service
    history = here.history.get(service, ())
    source = facts.config.environments[name].promote_from or ""
    before = facts.environments.get(source)
    steps = between(here, before, service) if before is not None and cell.behind else ()
    images = {it.commit: str(image) for it, image in before.history.get(service, ())} if before else {}
    commands = [shlex.join(["headway", "history", name, "--service", service])]
    if cell.behind:
        commands.append(shlex.join(["headway", "promote", name, "--service", service]))
    commands.append(shlex.join(["headway", "rollback", name, "--service", service]))
    return Details(
        cell,
        facts.config.services[service].owner,
        tuple(_stays(connections, history[:LINES])),
        max(len(history) - LINES, 0),
        tuple(
            Step(
                short_tag(images.get(it.commit, "")),
                facts.subjects.get(images.get(it.commit, ""), "") or it.reason or it.subject,
                it.time,
                it.actor,
            )
            for it in steps
        ),
        source,
        (here.workloads or {}).get(service, ()),
        facts.candidates.get(service),
        tuple(it for it in facts.questions if it.environment == name),
        tuple(commands),
        any(it.kind == "lock" for it in cell.marks),
        bool(facts.holds.choices_on(name, service)) and not facts.config.environments[name].approvals,
    )


def _stays(connections: Connections, history: Changes) -> list[Stay]:
    settings, found = connections.settings, list[Stay]()
    until: datetime | None = None
    for number, (entry, image) in enumerate(history):
        came = [it.at for it in entry.outcomes if it.state == "live"]
        since = min(came, default=entry.time)
        found.append(
            Stay(
                short_tag(image) if image.text else "gone",
                image.text,
                entry.commit,
                commit_page(connections.repo.url, entry.commit, settings.commit_url),
                entry.kind,
                entry.actor,
                entry.reason or entry.subject,
                entry.approvers,
                since,
                until,
                entry.state,
                str(entry.cause).partition("\n")[0],
                number == 0,
                bool(number and came),
            )
        )
        until = since
    return found
