"""How a button starts a flow: as a Prefect run, or in this process; and what is under way."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from headway.domain.board.facts import Decided, Run
from headway.domain.policy.approval_proof import places
from headway.domain.runs.deployments import deployment_of
from headway.errors import HeadwayError, RefusedError, explained
from headway.operations.board.gathering import Board
from headway.operations.board.prefect import Asked
from headway.operations.connections import Connections
from headway.requests import Forcible, as_form

AT_ONCE = 16
DECIDED = 500
"""So many answers are remembered, to tell whoever comes next."""
TOLD = timedelta(minutes=10)
"""How long the board says why something that it started came to nothing."""


class Starter(Protocol):
    """Starts what was pressed, and answers what waits."""

    def start(self, flow: str, request: Forcible, services: Sequence[str], press: str = "") -> str:
        """Start a flow; return the address of its page, empty where it has none.

        The same `press` starts nothing twice.
        """
        ...

    def answer(self, run: str, decision: str, by: str, reason: str, plan: str, *, way: str = "board") -> None:
        """Answer a run that waits for an approval; `way` is where that was given."""
        ...

    def look(self) -> None:
        """See what waits and what goes on."""
        ...

    @property
    def decided(self) -> Sequence[Decided]:
        """The answers that were given here lately."""
        ...

    def fate(self, run: str) -> str:
        """Return what became of a run that does not wait any more."""
        ...


@dataclass
class Going:
    """What runs in this process."""

    runs: dict[str, Run] = field(default_factory=dict)
    ended: dict[str, datetime] = field(default_factory=dict)


class StartsHere:
    """Runs flows in this process, with connections that stay open, and follows what they say."""

    def __init__(self, connections: Connections, board: Board) -> None:
        self._connections, self._board = connections, board
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="press")
        self._lock = threading.Lock()
        self._going = Going()
        from headway.flows.promote import promote_images
        from headway.flows.reconcile import reconcile_images
        from headway.flows.rollback import roll_back

        self._flows: dict[str, Callable[[Connections, Any], object]] = {
            "promote": promote_images,
            "rollback": roll_back,
            "reconcile": reconcile_images,
        }

    def start(self, flow: str, request: Forcible, services: Sequence[str], press: str = "") -> str:
        """Start a flow in a thread."""
        key, environment = press or uuid.uuid4().hex, str(getattr(request, "environment", ""))
        words = {"promote": "promotion", "rollback": "rollback", "reconcile": "reconcile"}
        run = Run(
            environment, f"{words[flow]} by {request.actor}", datetime.now(UTC), services=frozenset(services)
        )
        with self._lock:
            if key in self._going.runs:
                return ""
            self._going.runs[key] = run
        self._tell()
        self._pool.submit(self._run, key, flow, request)
        return ""

    def answer(self, run: str, decision: str, by: str, reason: str, plan: str, *, way: str = "board") -> None:
        """Refuse: nothing waits without Prefect."""
        raise RefusedError("nothing waits for an approval without Prefect")

    def look(self) -> None:
        """Do nothing: what goes on in this process tells of itself."""

    @property
    def decided(self) -> Sequence[Decided]:
        """None: nothing waits without Prefect."""
        return ()

    def fate(self, run: str) -> str:
        """Return that nothing waits without Prefect."""
        return "nothing waits for an approval without Prefect"

    def heard(self, line: str) -> None:
        """Take in a line that something in this process said."""
        with self._lock:
            going = {key: it for key, it in self._going.runs.items() if not it.error}
            mine = [
                key
                for key, it in going.items()
                if line.startswith((f"{it.environment}:", f"{it.environment} ")) or len(going) == 1
            ]
            for key in mine:
                self._going.runs[key] = replace(self._going.runs[key], line=line.partition("\n")[0][:300])
        if mine:
            self._tell()

    def _run(self, key: str, flow: str, request: Forcible) -> None:
        error = ""
        try:
            self._flows[flow](self._connections, request)
        except Exception as problem:  # noqa: BLE001 - whoever pressed sees why it came to nothing
            error = _said(explained(problem))
        with self._lock:
            run = self._going.runs.pop(key)
            now = datetime.now(UTC)
            if error:
                self._going.runs[key] = replace(run, error=error, line="")
                self._going.ended[key] = now
            for old in [it for it, at in self._going.ended.items() if now - at > TOLD]:
                del self._going.ended[old]
                self._going.runs.pop(old, None)
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            runs = list(self._going.runs.values())
        self._board.read_repo()
        self._board.set_runs(runs)

    def close(self) -> None:
        """Let what runs end."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class StartsThere:
    """Starts flows as Prefect runs, the same deployments as the command does."""

    def __init__(self, connections: Connections, board: Board, app: str) -> None:
        from headway.systems.prefect.api import PrefectApi

        self._connections, self._board = connections, board
        settings = connections.settings
        self._page = settings.prefect_url().removesuffix("/api")
        self._api = PrefectApi(settings.prefect_url())
        self._asked = Asked(self._api, app, connections.settings.approval_secret.get_secret_value())
        self._followed = set[str]()
        self.decided: deque[Decided] = deque(maxlen=DECIDED)
        self.on_cut_off: Callable[[], None] = lambda: None
        """Called when a run that waited or went on was cancelled or ran out of time: it cannot say so itself."""

    def start(self, flow: str, request: Forcible, services: Sequence[str], press: str = "") -> str:
        """Start the flow's deployment."""
        prefix = self._connections.settings.deployments
        name = deployment_of(flow, getattr(request, "environment", ""), prefix)
        run, _ = self._api.started(
            flow,
            name,
            {"request": as_form(request)},
            f"board-{press or uuid.uuid4().hex}",
            ["board"],
            self._connections.see_that_it_is_ours,
        )
        self.look()
        return f"{self._page}/runs/flow-run/{run}"

    def answer(self, run: str, decision: str, by: str, reason: str, plan: str, *, way: str = "board") -> None:
        """Answer a run that waits for an approval; refuse where nothing would prove where that was given."""
        environment = next((it.environment for it in self._board.questions if it.run == run), "")
        rules = self._board.snapshot.config.environments.get(environment)
        secret = self._connections.settings.approval_secret.get_secret_value()
        if decision == "approve" and rules is not None and rules.approve_on and not secret:
            raise RefusedError(
                f"{environment} takes approvals {places(rules.approve_on)} only, and this server cannot prove that "
                "they were given there",
                hint="set HEADWAY_APPROVAL_SECRET for `headway serve`, as for the workers",
            )
        self._asked.answer(run, decision, by, reason, plan, way)
        self.decided.append(Decided(run, plan, decision, by, datetime.now(UTC)))
        self.look()

    def look(self) -> None:
        """Ask the server what waits and what goes on."""
        try:
            questions = self._asked.questions(self._board.snapshot.config.services)
            runs = self._asked.runs()
            there = {it.run for it in questions} | {it.page.rpartition("/")[2] for it in runs if it.page}
            endings = {it: self._asked.ending(it) for it in self._followed - there}
            self._followed = there | {it for it, how in endings.items() if how == "goes on"}
        except Exception as error:  # noqa: BLE001 - the board says since when it does not know
            self._board.prefect_failed(error)
            return
        if "cut off" in endings.values():
            self.on_cut_off()
        ended = len(runs) < len(self._board.runs)
        self._board.set_questions(questions)
        self._board.set_runs(runs)
        if runs or ended:
            self._board.fetch()

    def fate(self, run: str) -> str:
        """Return what became of a run that does not wait any more."""
        return self._asked.fate(run)

    def close(self) -> None:
        """Close the connection."""
        self._api.__exit__()


def _said(error: HeadwayError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message
