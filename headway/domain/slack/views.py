"""What is answered in Slack: plans, modals and sentences as blocks, escaped, and never longer than Slack takes.

Limits (Slack, Block Kit): 50 blocks in a message and 100 in a modal, 3000 characters in a section's text and in a
modal's metadata, 24 in its title, 100 options with 75 characters each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from headway.domain.notifications.slack_blocks import escape, escaped
from headway.domain.notifications.slack_buttons import (
    APPROVE,
    CHOOSE,
    CONFIRM,
    PREFIX,
    REJECT,
    VALUE,
    Subject,
    button,
)
from headway.domain.slack.intents import REASON, ROLLBACK_VIEW, TO
from headway.domain.text.visible import visible_line

Block = dict[str, Any]
TEXT, CHUNK, CHUNKS = 2900, 2800, 12
CHANGES, LINES, OPTIONS = 20, 10, 25
TITLE, OPTION = 24, 75


@dataclass(frozen=True, slots=True)
class PlanShown:
    """What would be done, for people: `changes` are (service, old, new, why), `states` (commit, what)."""

    subject: Subject
    changes: tuple[tuple[str, str, str, str], ...] = ()
    notes: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    approvals: int = 0
    states: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        """Return what it does, as a line."""
        what = "Promote to" if self.subject.verb == "promote" else "Roll back"
        return f"{what} {self.subject.environment}"

    @property
    def can_be_done(self) -> bool:
        """Whether there is something to do that nothing holds back."""
        return bool(self.subject.plan) and not self.blocked


def sentence(text: str, hint: str = "") -> dict[str, Any]:
    """Return a message of a sentence and what to do next."""
    said = escaped(f"{text}\n{hint}" if hint else text, TEXT)
    return {"text": said, "blocks": [_section(said)]}


def lines(rows: Iterable[str], heading: str = "") -> dict[str, Any]:
    """Return a message of lines that are escaped already, cut where Slack takes no more."""
    head, body = [f"*{escape(heading)}*"] if heading else [], [*rows]
    text = ""
    for at, row in enumerate([*head, *body]):
        if len(text) + len(row) > TEXT:
            text += f"\n… and {len(head) + len(body) - at} more"
            break
        text += f"\n{row}" if text else row
    return {"text": text, "blocks": [_section(text)]}


def plan_message(plan: PlanShown, notice: str = "") -> dict[str, Any]:
    """Return the message that shows a plan to whoever asked for it, with a button where it can be done."""
    blocks = [_section(f"*{escape(plan.title)}*"), *_plan_blocks(plan, notice)]
    if plan.can_be_done and len(plan.subject.to_value()) <= VALUE:
        word = "Promote" if plan.subject.verb == "promote" else "Roll back"
        blocks.append({"type": "actions", "elements": [button(CONFIRM, word, plan.subject)]})
    elif plan.can_be_done:
        blocks.append(
            _section("These are too many services for a button: leave the names out, or use the board.")
        )
    return {"text": escaped(notice or plan.title, 300), "blocks": blocks}


def question_message(text: str, subject: Subject, notice: str) -> dict[str, Any]:
    """Return the plan that waits now, with its own buttons, to somebody who answered another one."""
    blocks = [_section(escaped(notice, TEXT)), *_code(text, 4)]
    elements = [button(APPROVE, "Approve", subject), button(REJECT, "Reject", subject)]
    blocks.append({"type": "actions", "elements": elements})
    return {"text": escaped(notice, 300), "blocks": blocks}


def rollback_view(plan: PlanShown, notice: str = "", reason: str = "") -> dict[str, Any]:
    """Return the modal of a rollback: the states to choose from, the plan, and the button where it can be done."""
    blocks = _plan_blocks(plan, notice)
    if plan.states:
        blocks.insert(1 if notice else 0, _choice(plan))
    if plan.can_be_done:
        text: Block = {"type": "plain_text_input", "action_id": REASON, "max_length": 200}
        label = {"type": "plain_text", "text": "Why (it is recorded in the commit)"}
        more = {"initial_value": reason} if reason else {}
        blocks.append(
            {
                "type": "input",
                "block_id": REASON,
                "optional": True,
                "label": label,
                "element": {**text, **more},
            }
        )
    view = _view(plan.title, blocks)
    view |= {"callback_id": ROLLBACK_VIEW, "private_metadata": plan.subject.to_value()}
    if plan.can_be_done:
        view["submit"] = {"type": "plain_text", "text": "Roll back"}
    return view


def plan_view(title: str, text: str, page: str = "") -> dict[str, Any]:
    """Return the modal that shows the plan of a run that waits."""
    more = [_section(f"<{page}|The run's page>")] if page and not set(page) & set("|<> ") else []
    return _view(title, [*(_code(text, CHUNKS) or [_section("The plan is not there yet.")]), *more])


def told_view(title: str, text: str, hint: str = "") -> dict[str, Any]:
    """Return the modal that says a sentence."""
    return _view(title, sentence(text, hint)["blocks"])


def working_view(title: str = "headway") -> dict[str, Any]:
    """Return the modal that stands while the plan is worked out."""
    return told_view(
        title,
        "Working it out…",
        "If this stays, look at the channel: where nothing has happened, press again.",
    )


def without_buttons(blocks: Iterable[Any], line: str) -> list[Block]:
    """Return a message's blocks without its buttons, and with a line that says why."""
    kept = [it for it in blocks if isinstance(it, dict) and it.get("type") != "actions"]
    return [*kept[:48], {"type": "context", "elements": [_markdown(escaped(line, 300))]}]


def _plan_blocks(plan: PlanShown, notice: str) -> list[Block]:
    found = [_section(f":warning: {escaped(notice, 500)}")] if notice else []
    rows = [
        f"• {escaped(service, 80)}  `{_code_span(old)}` → `{_code_span(new)}`"
        + (f"  {escaped(why, 100)}" if why else "")
        for service, old, new, why in plan.changes[:CHANGES]
    ]
    more = len(plan.changes) - CHANGES
    rows += [f"… and {more} more"] if more > 0 else []
    found.append(_section(_joined(rows)) if rows else _section("No image changes."))
    for head, texts in (("Held back", plan.blocked), ("Note", plan.notes)):
        if texts:
            shown = [f"*{head}:* {escaped(it, 250)}" for it in texts[:LINES]]
            found.append(_section(_joined(shown)))
    small = [f"plan `{plan.subject.plan}`"] if plan.subject.plan else []
    if plan.approvals:
        small.append(f"it then waits for {plan.approvals} approval{'s' if plan.approvals != 1 else ''}")
    if small:
        found.append({"type": "context", "elements": [_markdown(it) for it in small]})
    return found


def _choice(plan: PlanShown) -> Block:
    options = [_option(commit, what) for commit, what in plan.states[:OPTIONS]]
    first = next((it for it in options if it["value"] == plan.subject.to), options[0])
    return {
        "type": "section",
        "block_id": TO,
        "text": _markdown("To the state:"),
        "accessory": {
            "type": "static_select",
            "action_id": PREFIX + CHOOSE,
            "options": options,
            "initial_option": first,
        },
    }


def _option(commit: str, what: str) -> Block:
    said = visible_line(what)
    said = said if len(said) <= OPTION else said[: OPTION - 1] + "…"
    return {"text": {"type": "plain_text", "text": said or commit[:9]}, "value": commit}


def _view(title: str, blocks: list[Block]) -> dict[str, Any]:
    said = visible_line(title)
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": said if len(said) <= TITLE else said[: TITLE - 1] + "…"},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": blocks[:100],
    }


def _code(text: str, most: int) -> list[Block]:
    """Return a long text as blocks of code, cut at lines, and a line that says how much more there is."""
    parts: list[str] = [""]
    for line in text.strip().replace("```", "'''").splitlines():
        shown = escaped(line, 400)
        if len(parts[-1]) + len(shown) + 1 > CHUNK:
            parts.append("")
        parts[-1] += f"{shown}\n"
    found = [_section(f"```{it}```") for it in parts[:most] if it.strip()]
    if len(parts) > most:
        found.append(_section("… the rest is on the run's page."))
    return found


def _joined(rows: list[str]) -> str:
    text = rows[0]
    for at, row in enumerate(rows[1:], 1):
        if len(text) + len(row) > TEXT:
            return f"{text}\n… and {len(rows) - at} more"
        text += f"\n{row}"
    return text


def _code_span(text: str) -> str:
    return escaped(text.replace("`", ""), 80)


def _section(text: str) -> Block:
    return {"type": "section", "text": _markdown(text)}


def _markdown(text: str) -> Block:
    return {"type": "mrkdwn", "text": text, "verbatim": True}
