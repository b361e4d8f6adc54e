"""What the Prefect server says to the board: plans that wait for an approval, and runs that go on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from headway.domain.board.facts import Question, Run
from headway.domain.policy.approval_proof import Answer, proof
from headway.domain.runs.endings import Ending, ending, fate
from headway.systems.prefect.api import PrefectApi
from headway.systems.prefect.going_on import going_on


class Asked:
    """The questions and runs of an application on a Prefect server. A question's plan is read once."""

    def __init__(self, api: PrefectApi, app: str, secret: str = "") -> None:
        self._api, self._app, self._secret = api, app, secret
        self._plans: dict[tuple[str, str], tuple[str, str]] = {}

    def questions(self, services: Iterable[str]) -> list[Question]:
        """Return what waits for an approval, the oldest first."""
        found, names, kept = [], list(services), dict[tuple[str, str], tuple[str, str]]()
        for it in self._api.waiting(self._app):
            key = (it.run_id, "".join(sorted(it.keys.values())))
            plan, text = kept[key] = self._plans.get(key) or self._api.question(it)
            found.append(
                Question(
                    it.run_id,
                    it.environment,
                    it.name,
                    it.actor,
                    datetime.fromisoformat(it.asked),
                    plan,
                    text,
                    self._page(it.run_id),
                    services_in(text, names),
                )
            )
        self._plans = kept
        return found

    def runs(self) -> list[Run]:
        """Return what goes on, with the last line of each run's log."""
        return [
            Run(it.environment, it.name, it.began, it.line, self._page(it.run_id), frozenset(it.services))
            for it in going_on(self._api, self._app)
        ]

    def answer(self, run: str, decision: str, by: str, reason: str, plan: str, way: str = "board") -> None:
        """Answer a run that waits, for somebody whom the board or Slack knows."""
        answer = {"decision": decision, "by": by, "reason": reason, "plan": plan}
        if self._secret:
            answer["proof"] = proof(self._secret, way, Answer(run, plan, decision, by))
        self._api.resume(run, answer)

    def fate(self, run: str) -> str:
        """Return what became of a run that does not wait any more, in words."""
        return fate(*self._state(run))

    def ending(self, run: str) -> Ending:
        """Return whether a run has ended, and could say so itself."""
        return ending(*self._state(run))

    def _state(self, run: str) -> tuple[str, str, str]:
        found = self._api.find(f"/flow_runs/{run}")
        state = (found or {}).get("state") or {}
        return str(state.get("type") or ""), str(state.get("name") or ""), str(state.get("message") or "")

    def _page(self, run: str) -> str:
        return f"{self._api.url.removesuffix('/api')}/runs/flow-run/{run}"


def services_in(plan: str, names: Iterable[str]) -> frozenset[str]:
    """Return the services that the table of a plan's report has a row of."""
    _, _, rest = plan.partition("\n| ---")
    rows, _, _ = rest.partition("\n\n")
    found = re.findall(r"^\|\s*`?([a-z0-9-]+)`?\s*\|", rows, re.MULTILINE)
    return frozenset(set(found) & set(names))
