"""What waits for whom: a plan is for everybody who may approve it, but for who asked for it."""

from __future__ import annotations

from headway.domain.board.facts import Question
from headway.domain.board.values import Grid
from headway.domain.policy.people import same_person
from headway.web.board.rights import Visitor


def questions_for(grid: Grid, person: Visitor) -> list[Question]:
    """Return the plans that wait for a person's answer."""
    return [
        it
        for head in grid.heads
        for it in head.questions
        if person.may("approve", it.environment, it.services) and not same_person(person.name, it.actor)
    ]


def runs_for(grid: Grid, person: Visitor) -> frozenset[str]:
    """Return the runs whose plans wait for a person's answer."""
    return frozenset(it.run for it in questions_for(grid, person))


def cells_for(grid: Grid, person: Visitor) -> frozenset[tuple[str, str]]:
    """Return the cells (environment, service) that such a plan changes."""
    return frozenset(
        (it.environment, service) for it in questions_for(grid, person) for service in it.services
    )
