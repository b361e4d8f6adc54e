"""The routes that do: a GET shows the plan, and the POST does it if it is still the same one.

Whoever presses sends the fingerprint of what was shown. Where something else would be done by then,
that is shown instead, and nothing has happened.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headway.domain.board.facts import Question
from headway.domain.config.model import Verb
from headway.domain.policy.approval_proof import only_there
from headway.domain.policy.audit import Act, act_of, answered
from headway.domain.policy.people import same_person
from headway.errors import UsageError
from headway.operations.board import plans
from headway.operations.board.acts import KINDS, change_holds
from headway.operations.board.plans import Planned
from headway.operations.holds import end_of, end_words
from headway.web.board.answers import Desk, Refused, drawer, in_thread, known, see, told
from headway.web.board.forms import same_origin
from headway.web.board.rights import Visitor
from headway.web.board.starting import Starter
from headway.web.bodies import BodyRefused, read_body
from headway.web.serving import roles_now

CHANGED = "This is another plan than the one that you saw: something has changed since. Nothing was done."
OLD = "This form is too old, or another browser's. Nothing was done; look again and press once more."
TITLES = {
    "promote": "Promote to",
    "rollback": "Roll back",
    "lock": "Lock",
    "unlock": "Unlock",
    "automate": "Automate",
    "reconcile": "Reconcile",
    "approve": "Approve for",
}
BUTTONS = {
    "promote": "Promote",
    "rollback": "Roll back",
    "lock": "Lock",
    "unlock": "Unlock",
    "automate": "Automate",
    "reconcile": "Reconcile",
    "approve": "Approve",
    "reject": "Reject",
}
RIGHTS: dict[str, Verb] = {
    "promote": "promote",
    "rollback": "rollback",
    "lock": "lock",
    "unlock": "unlock",
    "automate": "automate",
    "reconcile": "reconcile",
    "approve": "approve",
    "reject": "approve",
}
FORM_FIELDS, FORM_SERVICES, FORM_BYTES = 2100, 2000, 300_000


class Acting:
    """The buttons."""

    def __init__(self, desk: Desk, starter: Starter) -> None:
        self._desk, self._starter = desk, starter
        self.routes: list[Route] = [
            Route("/-/lock", known(desk, self._shown("lock")), methods=["GET"]),
            Route("/-/lock", known(desk, self._pressed("lock")), methods=["POST"]),
            Route("/-/approvals/{run}", known(desk, self._question), methods=["GET"]),
            Route("/-/approvals/{run}", known(desk, self._answered), methods=["POST"]),
        ]
        for verb in ("promote", "rollback", "lock", "unlock", "automate", "reconcile"):
            path = f"/-/{verb}/{{environment}}"
            self.routes.append(Route(path, known(desk, self._shown(verb)), methods=["GET"]))
            self.routes.append(Route(path, known(desk, self._pressed(verb)), methods=["POST"]))

    def _shown(self, verb: str) -> Callable[[Request, Visitor], Awaitable[Response]]:
        async def show(request: Request, person: Visitor) -> Response:
            query = request.query_params
            services = [str(it) for it in query.getlist("service")][:FORM_SERVICES]
            for each in self._places(request):
                see(person, each, services)
            plan = await in_thread(self._plan, verb, request, person, services, query.get("to", ""))
            # What it was worked out on may be newer than what the board shows.
            await in_thread(self._desk.board.read_repo)
            return self._page(request, person, plan)

        return show

    def _pressed(self, verb: str) -> Callable[[Request, Visitor], Awaitable[Response]]:
        async def press(request: Request, person: Visitor) -> Response:
            form = await _form(request)
            services = [str(it) for it in form.getlist("service")]
            for each in self._places(request):
                see(person, each, services)
            plan = await in_thread(self._plan, verb, request, person, services, str(form.get("to", "")))
            person = await self._as_now(person)
            acts = self._acts(person, verb, self._places(request), plan.touched, form)
            await self._see_right(person, acts, form)
            if notice := self._outdated(request, person, form, plan.fingerprint):
                await self._note_refused(acts, notice)
                return self._page(request, person, plan, notice, str(form.get("reason", "")), status=409)
            return await self._do(request, person, plan, form, acts)

        return press

    def _places(self, request: Request) -> list[str]:
        """Return the environments that a request is about."""
        name = request.path_params.get("environment", "")
        return [name] if name else list(self._desk.board.snapshot.config.environments)

    async def _as_now(self, person: Visitor) -> Visitor:
        """Return somebody with the roles as they are now: a right may have gone since they saw the plan."""
        return Visitor(person.who, await in_thread(roles_now, self._desk.board.connections))

    def _acts(
        self, person: Visitor, verb: str, environments: Sequence[str], services: Sequence[str], form: FormData
    ) -> list[Act]:
        """Return what somebody asks for, as the audit has it: an act in each environment."""
        now, plan = datetime.now(UTC), str(form.get("plan", ""))[:12]
        return [
            act_of(person.who, verb, now, environment=it, services=services, plan=plan) for it in environments
        ]

    async def _see_right(self, person: Visitor, acts: Sequence[Act], form: FormData) -> None:
        """See that somebody may do what they press in each environment; what they may not is in the audit."""
        force = form.get("force") == "yes"
        for act in acts:
            if denied := person.denied(RIGHTS[act.verb], act.environment, act.services, force=force):
                await in_thread(self._desk.audit.record, answered(act, "denied", str(denied)))
                raise Refused(403, denied.message, denied.hint)

    def _outdated(self, request: Request, person: Visitor, form: FormData, plan: str) -> str:
        """Return why a form is not for what would be done now; empty where it is."""
        if not self._desk.tokens.fits(request, str(form.get("token", "")), person.name):
            return OLD
        return CHANGED if form.get("plan") != plan else ""

    async def _note_refused(self, acts: Sequence[Act], why: str) -> None:
        for act in acts:
            await in_thread(self._desk.audit.record, answered(act, "refused", why))

    def _audited(self, acts: Sequence[Act], work: Callable[..., Any], *arguments: Any) -> Any:
        """Do something, in a thread, that is in the audit before."""
        with self._desk.audit.done(acts):
            return work(*arguments)

    def _plan(self, verb: str, request: Request, person: Visitor, services: list[str], to: str) -> Planned:
        connections, name = self._desk.board.connections, request.path_params.get("environment", "")
        if verb == "promote":
            return plans.promotion(connections, name, services, person.name)
        if verb == "rollback":
            return plans.rollback(connections, self._desk.board.record, name, services, to, person.name)
        if verb == "reconcile":
            return plans.reconciling(connections, name, person.name)
        names = [name] if name else list(self._desk.board.snapshot.config.environments)
        service = services[0] if services else ""
        if verb == "automate":
            return plans.automating(connections, name, service)
        make = plans.locking if verb == "lock" else plans.unlocking
        return make(connections, names, service)

    async def _do(
        self, request: Request, person: Visitor, plan: Planned, form: FormData, acts: Sequence[Act]
    ) -> Response:
        reason, force = str(form.get("reason", "")).strip(), form.get("force") == "yes"
        where = plan.environment or "every environment"
        if refusal := _refusal(plan, reason, force):
            await self._note_refused(acts, refusal[1])
            raise Refused(*refusal)
        if plan.verb in KINDS:
            return await self._hold(request, person, plan, form, acts)
        assert plan.request is not None
        asked = plan.request.model_copy(update={"actor": person.name, "reason": reason, "force": force})
        page = await in_thread(self._audited, acts, self._starter.start, plan.verb, asked, plan.touched)
        text = "It has been started; the board shows how it goes."
        if plan.approvals:
            text = f"It waits for {plan.approvals} approval{'s' if plan.approvals != 1 else ''}."
        heading = f"{TITLES[plan.verb]} {where}: started"
        return told(self._desk, request, person, 202, heading, text, state="rolling", link=page)

    async def _hold(
        self, request: Request, person: Visitor, plan: Planned, form: FormData, acts: Sequence[Act]
    ) -> Response:
        """Do what is a commit of holds.yaml."""
        connections, names = self._desk.board.connections, self._places(request)
        service, reason = plan.services[0] if plan.services else "", str(form.get("reason", "")).strip()
        until = str(form.get("until", "")) if plan.verb == "lock" else ""
        try:
            ends = await in_thread(self._ends, names, until)
        except UsageError as error:
            await self._note_refused(acts, error.message)
            raise
        commits = await in_thread(
            self._audited,
            acts,
            change_holds,
            connections,
            plan.verb,
            names,
            service,
            person.name,
            reason,
            ends,
        )
        await in_thread(self._desk.board.read_repo)
        words = {"lock": "is locked", "unlock": "is unlocked", "automate": "is automatic"}
        done = f"{service or plan.environment or 'Every environment'} {words[plan.verb]}"
        config = self._desk.board.snapshot.config
        said = "; ".join(
            f"{it} is locked{end_words(config, it, end)}" for it, end in ends.items() if end is not None
        )
        commit = f"commit {commits[-1][:9]}" if commits else "it was so already"
        return told(
            self._desk, request, person, 200, done, "; ".join(filter(None, (said, commit))), state="live"
        )

    def _ends(self, names: Sequence[str], until: str) -> dict[str, datetime | None]:
        config, now = self._desk.board.snapshot.config, datetime.now(UTC)
        return {it: end_of(config, it, until, now) for it in names}

    # --- approvals ---

    async def _question(self, request: Request, person: Visitor) -> Response:
        question = await self._waiting(request)
        see(person, question.environment, question.services)
        return self._question_page(request, person, question)

    async def _answered(self, request: Request, person: Visitor) -> Response:
        form = await _form(request)
        question, reason = await self._waiting(request), str(form.get("reason", "")).strip()
        decision = "reject" if form.get("decision") == "reject" else "approve"
        person = await self._as_now(person)
        acts = self._acts(person, decision, [question.environment], sorted(question.services), form)
        await self._see_right(person, acts, form)
        if notice := self._outdated(request, person, form, question.plan):
            await self._note_refused(acts, notice)
            return self._question_page(request, person, question, notice)
        if decision == "approve" and same_person(person.name, question.actor):
            own = f"{person.name} requested it, and cannot approve it too"
            await self._note_refused(acts, own)
            raise Refused(403, own)
        rules = self._desk.board.snapshot.config.environments.get(question.environment)
        wanted = rules.approve_on if rules is not None else ()
        if decision == "approve" and (only := only_there(question.environment, wanted, "board")):
            await self._note_refused(acts, only)
            raise Refused(403, only)
        await in_thread(
            self._audited,
            acts,
            self._starter.answer,
            question.run,
            decision,
            person.name,
            reason,
            question.plan,
        )
        word = "Approved" if decision == "approve" else "Rejected"
        return told(
            self._desk, request, person, 200, word, f"{question.what}: plan {question.plan}", state="live"
        )

    async def _waiting(self, request: Request) -> Question:
        run = request.path_params["run"]
        if not any(it.run == run for it in self._desk.board.questions):
            # A link may be followed before the next look at the Prefect server.
            await in_thread(self._starter.look)
        found = next((it for it in self._desk.board.questions if it.run == run), None)
        if found is None:
            raise Refused(404, "This does not wait for an approval any more")
        return found

    def _question_page(
        self, request: Request, person: Visitor, question: Question, notice: str = ""
    ) -> Response:
        plan = plans.answering(question.plan, "approve", question.environment, question.run)
        own = same_person(person.name, question.actor)
        allowed = person.may("approve", question.environment, question.services) and not own
        refusal = "You asked for it: somebody else must approve it." if own else "You may not approve this."
        return self._page(
            request, person, plan, notice, status=409 if notice else 200,
            question=question, allowed=allowed, refusal=refusal,
        )  # fmt: skip

    # --- the page of a plan ---

    def _may(self, request: Request, person: Visitor, plan: Planned) -> bool:
        return all(person.may(RIGHTS[plan.verb], it, plan.touched) for it in self._places(request))

    def _page(
        self,
        request: Request,
        person: Visitor,
        plan: Planned,
        notice: str = "",
        reason: str = "",
        *,
        status: int = 200,
        question: Question | None = None,
        allowed: bool | None = None,
        refusal: str = "",
    ) -> Response:
        where = plan.environment or "every environment"
        what = ", ".join(plan.services[:3]) + (
            f" and {len(plan.services) - 3} more" if len(plan.services) > 3 else ""
        )
        middle = f" {what} in" if what and plan.verb != "promote" else f" {what} to" if what else ""
        title = TITLES[plan.verb].removesuffix(" to") if what else TITLES[plan.verb]
        can_act = self._may(request, person, plan) if allowed is None else allowed
        token = self._desk.tokens.made(self._desk.tokens.browser(request), person.name)
        values: dict[str, Any] = {
            "plan": plan,
            "notice": notice,
            "reason": reason,
            "question": question,
            "subjects": self._desk.board.facts().subjects,
            "can_act": can_act,
            "can_force": person.may("force", plan.environment, plan.touched),
            "refusal": refusal or f"You may not {plan.verb} here.",
            "token": token,
            "action": request.url.path,
            "button": BUTTONS[plan.verb],
            "second": question is not None,
        }
        return drawer(self._desk, request, person, "plan.html", f"{title}{middle} {where}", status, **values)


def _refusal(plan: Planned, reason: str, force: bool) -> tuple[int, str] | None:
    """Return why a plan is not done as it was pressed, with the answer's status; None where it is."""
    if plan.needs_reason and not reason:
        return 422, "A reason is needed: it is recorded in the commit"
    if force and not reason:
        return 422, "Overriding needs a reason: it is recorded"
    if plan.request is None and plan.verb not in KINDS:
        return 409, "There is nothing to do any more"
    return None


async def _form(request: Request) -> FormData:
    """Read a form that this server's own page has sent."""
    if not same_origin(request):
        raise Refused(403, "This did not come from the board's own page")
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise Refused(415, "A form is expected")
    try:
        body = await read_body(request, FORM_BYTES)
    except BodyRefused as error:
        raise Refused(error.status, f"Nothing was done: {error.message}") from None
    try:
        fields: list[tuple[str, str | UploadFile]] = [
            *parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS)
        ]
    except ValueError:
        raise Refused(400, "The form cannot be read") from None
    return FormData(fields)
