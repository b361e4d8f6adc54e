"""What is done about a press or a command: look up what it is about, decide, do, answer whoever pressed.

What a message carries is only what to look up. Who may do it is asked of the roles of the newest commit, at each step.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from headway.domain.board.facts import Question
from headway.domain.config.model import Verb
from headway.domain.notifications.slack_buttons import Subject
from headway.domain.policy.audit import act_of, answered
from headway.domain.policy.roles import NOBODY
from headway.domain.slack.answers import help_message, status_message, why_message
from headway.domain.slack.decisions import (
    Decision,
    Do,
    Refusal,
    ShowAgain,
    on_answer,
    on_confirm,
    stale_rollback,
)
from headway.domain.slack.intents import Intent, Odd
from headway.domain.slack.people import Unmapped
from headway.domain.slack.views import (
    PlanShown,
    plan_message,
    plan_view,
    question_message,
    rollback_view,
    sentence,
    told_view,
    working_view,
)
from headway.errors import FailedError, HeadwayError, RefusedError, explained
from headway.operations.audit import Audit
from headway.operations.board import plans
from headway.operations.board.gathering import Board
from headway.operations.board.plans import Planned
from headway.operations.why import why
from headway.systems.notify.slack_app import SlackApp
from headway.web.board.answers import seen_by
from headway.web.board.rights import Visitor
from headway.web.board.starting import Starter
from headway.web.serving import roles_now
from headway.web.slack.people import People

MODAL = ("plan", "rollback", "undo")
"""What is shown in a modal: it must be opened within three seconds, so that comes first."""
_log = logging.getLogger("headway.slack")


class Acting:
    """Does what is wanted. Called in a thread of its own for each press."""

    def __init__(
        self,
        board: Board,
        starter: Starter,
        audit: Audit,
        slack: SlackApp,
        people: People,
    ) -> None:
        self._board, self._starter, self._audit = board, starter, audit
        self._slack, self._people = slack, people
        self._one = threading.Lock()

    def odd(self, payload: Odd) -> None:
        """Note a payload that leads to nothing."""
        act = act_of(replace(NOBODY, way_in="slack"), "slack", datetime.now(UTC))
        self._audit.record(answered(act, "refused", f"{payload.user or 'nobody'}: {payload.why}"))

    def __call__(self, intent: Intent) -> None:
        """Do it, and answer; whatever goes wrong is a sentence for whoever pressed."""
        try:
            if intent.kind in MODAL and not intent.view:
                intent = replace(intent, view=self._slack.open_view(intent.trigger, working_view()))
            who = self._people.of(intent.sender)
            if isinstance(who, Unmapped):
                self._unmapped(intent, who)
                return
            connections = self._board.connections
            person = Visitor(who, roles_now(connections))
            self._see_app(intent)
            self._act(intent, person)
        except Exception as problem:  # noqa: BLE001 - whoever pressed gets a sentence, and never a traceback
            error: HeadwayError = explained(problem)
            _log.warning("%s in Slack: %s", intent.kind, error.message)
            self._say(intent, error.message, error.hint or "Nothing was done.")

    def _act(self, intent: Intent, person: Visitor) -> None:
        work: dict[str, Callable[[Intent, Visitor], None]] = {
            "approve": self._answer,
            "reject": self._answer,
            "plan": self._show_plan,
            "rollback": self._roll_back,
            "undo": self._roll_back,
            "choose": self._roll_back,
            "promote": self._promote,
            "confirm": self._confirm,
            "status": self._status,
            "why": self._why,
        }
        if intent.kind == "help":
            self._send(intent, help_message(intent.typed))
        else:
            work[intent.kind](intent, person)

    def _unmapped(self, intent: Intent, who: Unmapped) -> None:
        act = act_of(replace(NOBODY, way_in="slack"), intent.kind, datetime.now(UTC))
        self._audit.record(answered(act, "denied", f"{intent.sender.user}: {who.why}"))
        self._say(intent, f"headway does not know you: {who.why}.", f"{who.hint}.")

    def _see_app(self, intent: Intent) -> None:
        """Refuse a message of another application's whose Slack app this is too."""
        app = self._board.snapshot.config.app
        if intent.subject.app and intent.subject.app != app:
            raise RefusedError(
                f"this message is of the application {intent.subject.app}, and this headway releases {app}",
                hint="give each application a Slack app of its own",
            )

    def _allowed(
        self,
        intent: Intent,
        person: Visitor,
        verb: Verb,
        environment: str,
        services: Sequence[str],
        what: str = "",
    ) -> bool:
        """Return whether somebody may; if not, it is in the audit, and they are told."""
        denied = person.denied(verb, environment, services)
        if denied is None:
            return True
        act = act_of(
            person.who, what or verb, datetime.now(UTC),
            environment=environment, services=services, plan=intent.subject.plan,
        )  # fmt: skip
        self._audit.record(answered(act, "denied", str(denied)))
        self._say(intent, f"{denied.message}.", f"{denied.hint}.")
        return False

    # --- a plan that waits ---

    def _question(self, run: str) -> Question | None:
        self._starter.look()
        return next((it for it in self._board.questions if it.run == run), None)

    def _answer(self, intent: Intent, person: Visitor) -> None:
        # One after the other: the second of two presses sees what the first one did.
        with self._one:
            said, over = self._answered(intent, person)
        if said and intent.message and not intent.own:
            self._settle(intent, said, over=over)

    def _answered(self, intent: Intent, person: Visitor) -> tuple[str, bool]:
        """Answer a plan that waits.

        Gives what to say on the release's message, nothing where nothing was done, and whether the plan is decided.
        """
        subject, decision = intent.subject, intent.kind
        question = self._question(subject.run)
        environment = question.environment if question else subject.environment
        services = sorted(question.services) if question else []
        config = self._board.connections.config(self._board.connections.repo.head)
        rules = config.environment(environment)
        if not self._allowed(intent, person, "approve", environment, services, decision):
            return "", False
        ended = "" if question else self._starter.fate(subject.run)
        verdict = on_answer(intent, person.name, question, self._starter.decided, ended, rules.approve_on)
        act = act_of(
            person.who,
            decision,
            datetime.now(UTC),
            environment=environment,
            services=services,
            plan=subject.plan,
        )
        if not isinstance(verdict, Do) or question is None:
            self._audit.record(answered(act, "refused", getattr(verdict, "text", "")))
            if isinstance(verdict, ShowAgain) and question is not None:
                now = replace(subject, plan=question.plan)
                self._send(intent, question_message(question.text, now, verdict.text))
            else:
                self._refuse(intent, verdict)
            return "", False
        with self._audit.done([act]):
            self._starter.answer(question.run, decision, person.name, "", question.plan, way="slack")
        word = "Approved" if decision == "approve" else "Rejected"
        self._say(intent, f"{word}: {question.what}, plan {question.plan}.", replaces=True)
        return f"{word} by {person.name}", decision == "reject" or rules.approvals == 1

    def _settle(self, intent: Intent, said: str, *, over: bool) -> None:
        """Take the buttons from the message of a plan that is decided; the run itself goes on with the message."""
        try:
            self._slack.settle(intent.channel, intent.message, said, over=over)
        except HeadwayError as error:
            _log.warning("Slack's message keeps its buttons until the run goes on: %s", error.message)

    def _show_plan(self, intent: Intent, person: Visitor) -> None:
        question = self._question(intent.subject.run)
        environment = question.environment if question else intent.subject.environment
        if not self._allowed(
            intent, person, "read", environment, sorted(question.services) if question else []
        ):
            return
        if question is None:
            self._say(
                intent,
                f"This does not wait for an approval any more: {self._starter.fate(intent.subject.run)}.",
            )
            return
        self._slack.update_view(
            intent.view, plan_view(f"Plan for {environment}", question.text, question.page)
        )

    # --- rolling back and promoting ---

    def _roll_back(self, intent: Intent, person: Visitor) -> None:
        subject = intent.subject
        connections = self._board.connections
        if not self._allowed(intent, person, "rollback", subject.environment, subject.services):
            return
        snapshot = connections.at(connections.repo.fetch())
        snapshot.rules(subject.environment)
        if intent.kind == "rollback":
            last = connections.repo.last_change(
                subject.environment, snapshot.place(subject.environment), snapshot.commit
            )
            if over := stale_rollback(intent, last.commit, f"{last.what} by {last.actor}"):
                self._say(intent, f"{over}.")
                return
        plan = self._rollback_plan(subject, person)
        self._slack.update_view(intent.view, rollback_view(self._shown(plan), reason=intent.reason))

    def _rollback_plan(self, subject: Subject, person: Visitor) -> Planned:
        self._board.read_repo()
        return plans.rollback(
            self._board.connections,
            self._board.record,
            subject.environment,
            subject.services,
            subject.to,
            person.name,
        )

    def _promote(self, intent: Intent, person: Visitor) -> None:
        subject = intent.subject
        if not self._allowed(intent, person, "promote", subject.environment, subject.services):
            return
        plan = plans.promotion(self._board.connections, subject.environment, subject.services, person.name)
        self._send(intent, plan_message(self._shown(plan)))

    def _confirm(self, intent: Intent, person: Visitor) -> None:
        subject = intent.subject
        verb: Verb = "rollback" if subject.verb == "rollback" else "promote"
        if not self._allowed(intent, person, verb, subject.environment, subject.services):
            return
        if verb == "rollback":
            plan = self._rollback_plan(subject, person)
        else:
            plan = plans.promotion(
                self._board.connections, subject.environment, subject.services, person.name
            )
        # Working a plan out may take a while, and a right may have gone meanwhile.
        person = Visitor(person.who, roles_now(self._board.connections))
        if not self._allowed(intent, person, verb, subject.environment, plan.touched):
            return
        act = act_of(
            person.who, verb, datetime.now(UTC),
            environment=subject.environment, services=plan.touched, plan=subject.plan,
        )  # fmt: skip
        verdict = on_confirm(intent, plan.fingerprint, plan.blocked)
        if isinstance(verdict, ShowAgain):
            self._audit.record(answered(act, "refused", verdict.text))
            shown = self._shown(plan)
            if intent.view:
                self._slack.update_view(intent.view, rollback_view(shown, verdict.text, intent.reason))
            else:
                self._send(intent, plan_message(shown, verdict.text), replaces=True)
            return
        if not isinstance(verdict, Do) or plan.request is None:
            self._audit.record(answered(act, "refused", getattr(verdict, "text", "")))
            self._refuse(intent, verdict)
            return
        asked = plan.request.model_copy(update={"actor": person.name, "reason": intent.reason.strip()})
        # What was shown once starts once, also where it is pressed twice and by another server.
        press = hashlib.sha256("|".join((intent.view or intent.message, subject.plan)).encode()).hexdigest()[
            :32
        ]
        with self._audit.done([act]):
            page = self._starter.start(plan.verb, asked, plan.touched, f"slack-{press}")
        waits = (
            f"It waits for {plan.approvals} approval{'s' if plan.approvals != 1 else ''}."
            if plan.approvals
            else ""
        )
        what = "The rollback of" if verb == "rollback" else "The promotion to"
        self._say(
            intent,
            f"{what} {subject.environment} has been started.",
            f"{waits} {page}".strip(),
            replaces=True,
        )

    def _shown(self, plan: Planned) -> PlanShown:
        app = self._board.snapshot.config.app
        subject = Subject(app, plan.environment, plan.services, plan.verb, plan=plan.fingerprint, to=plan.to)
        states = [(it.commit, f"{it.when:%d %b %H:%M} {it.what} by {it.who}") for it in plan.states]
        if plan.to and plan.to not in [commit for commit, _ in states]:
            states.insert(0, (plan.to, f"the last that was live before ({plan.to[:9]})"))
        return PlanShown(
            subject,
            tuple((it.service, it.old, it.new, it.why) for it in plan.changes),
            plan.notes,
            plan.blocked,
            plan.approvals,
            tuple(states) if plan.verb == "rollback" else (),
        )

    # --- looking ---

    def _status(self, intent: Intent, person: Visitor) -> None:
        self._board.fetch()
        grid = seen_by(self._board.grid, person)
        self._send(intent, status_message(grid, intent.subject.environment, datetime.now(UTC)))

    def _why(self, intent: Intent, person: Visitor) -> None:
        environment = intent.subject.environment
        if not self._allowed(intent, person, "read", environment, [intent.service]):
            return
        connections = self._board.connections
        snapshot = connections.at(connections.repo.fetch())
        snapshot.rules(environment)
        found = why(connections, snapshot, environment, intent.service)
        self._send(intent, why_message(environment, intent.service, found.facts))

    # --- answers ---

    def _refuse(self, intent: Intent, verdict: Decision) -> None:
        found = verdict if isinstance(verdict, Refusal) else Refusal("There is nothing to do.")
        self._say(intent, found.text, found.hint)

    def _say(self, intent: Intent, text: str, hint: str = "", *, replaces: bool = False) -> None:
        if intent.view:
            body = told_view("headway", text, hint)
            self._quietly(lambda: self._slack.update_view(intent.view, body))
        else:
            self._quietly(lambda: self._send(intent, sentence(text, hint), replaces=replaces))

    def _send(self, intent: Intent, body: dict[str, Any], *, replaces: bool = False) -> None:
        """Answer for the eyes of whoever asked; with `replaces`, in place of what only they see."""
        if intent.answer_at and self._slack.answer(intent.answer_at, body, replace=replaces and intent.own):
            return
        if not intent.channel:
            raise FailedError("Slack named no place for an answer")
        self._slack.whisper(intent.channel, intent.sender.user, body)

    def _quietly(self, work: Callable[[], None]) -> None:
        try:
            work()
        except HeadwayError as error:
            _log.warning("an answer could not be given in Slack: %s", error.message)
