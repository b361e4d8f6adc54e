"""What the board tells on: what has changed, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from headway.domain.board.facts import Workload
from headway.domain.board.values import Grid
from headway.domain.policy.holds import Holds, Lock, stamp
from headway.operations.board import gathering
from headway.operations.board.gathering import WHOLE, Board
from headway.operations.connections import Connections
from headway.settings import Settings
from tests.web.board.stage import Shop

pytestmark = pytest.mark.slow
Told = list[tuple[frozenset[str], frozenset[str]]]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """An application of two services in two environments."""
    made = Shop(tmp_path / "shop", services=("web", "orders"))
    made.begin()
    yield made
    made.close()


@pytest.fixture
def board(shop: Shop, tmp_path: Path) -> Iterator[Board]:
    """Its board, which has read the repo and asks nobody by itself."""
    settings = Settings(
        repo=shop.remote.url, state=tmp_path / "state", kubeconfig=str(shop.folder / "kubeconfig"),
        docker_config=str(shop.folder),
    )  # fmt: skip
    with Connections(settings) as connections:
        made = Board(connections)
        made.fetch()
        yield made
        made.close()


def told_by(board: Board) -> Told:
    """Return a list that gets what the board tells from now on."""
    found: Told = []

    def changed(grid: Grid, cells: frozenset[str], heads: frozenset[str]) -> None:
        found.append((cells, heads))

    board.listen(changed)
    return found


def workloads(**statuses: str) -> dict[str, tuple[Workload, ...]]:
    return {name: (Workload(f"Deployment/{name}", it),) for name, it in statuses.items()}


def test_one_workload_that_changes_is_one_cell(board: Board) -> None:
    board._standing("staging", workloads(web="live", orders="live"), "")
    told = told_by(board)
    board._standing("staging", workloads(web="failed", orders="live"), "")
    assert told == [(frozenset({"c-staging--web"}), frozenset({"staging"}))]
    cells = {it.service: it.state for it in board.grid.cells() if it.environment == "staging"}
    assert cells == {"web": "failed", "orders": "live"}
    board._standing("staging", workloads(web="failed", orders="live"), "")
    assert len(told) == 1


def test_that_a_source_answered_again_is_no_news(board: Board) -> None:
    """Open boards are told nothing where nothing has changed; that one cannot be asked is told, and that it can again."""
    told = told_by(board)
    board.fetch()
    board.by_the_clock()
    assert told == []
    board._standing("staging", {}, "the API server does not answer")
    assert told == [(frozenset(), frozenset())]
    assert [it.error for it in board.grid.sources if it.error] == ["the API server does not answer"]


def test_a_newer_image_in_the_registry_is_the_head_of_a_row(board: Board, shop: Shop) -> None:
    board.look_at_registry()
    told = told_by(board)
    shop.image("orders", "1.1.0")
    board.connections.registry.forget(board.snapshot.config.services["orders"].ref)
    board.look_at_registry()
    assert told == [(frozenset({"r-orders"}), frozenset())]
    row = board.grid.row("orders")
    assert row is not None
    assert row.candidate is not None
    assert ":1.1.0@" in row.candidate.image


def test_a_lock_that_ends_is_told(board: Board, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself, without a commit: the cell loses its mark when its time has come."""
    end = datetime.now(UTC) + timedelta(hours=1)
    lock = Lock("production", "web", "dora", stamp(datetime.now(UTC)), "migration", stamp(end))
    shop.remote.push({"holds.yaml": Holds((lock,)).write()})
    board.fetch()
    cell = board.grid.cell("production", "web")
    assert cell is not None
    assert cell.flags == ("locked",)
    told = told_by(board)
    board.by_the_clock()
    assert told == []

    class Then(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Then:
            return cls.fromtimestamp(end.timestamp(), tz)

    monkeypatch.setattr(gathering, "datetime", Then)
    board.by_the_clock()
    assert told == [(frozenset({"c-production--web"}), frozenset())]
    cell = board.grid.cell("production", "web")
    assert cell is not None
    assert cell.flags == ()


def test_a_new_service_is_the_whole(board: Board, shop: Shop) -> None:
    told = told_by(board)
    shop.services = (*shop.services, "users")
    shop.remote.push({"headway.yaml": shop.headway_yaml()})
    board.fetch()
    assert told == [(WHOLE, WHOLE)]
