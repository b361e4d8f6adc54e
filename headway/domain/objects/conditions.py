"""Questions about an object, in the words of `kubectl wait --for`.

    condition=Ready                        a condition of that type is True
    condition=Progressing=False            … has that status
    jsonpath={.status.phase}=Running       the value there is that text
    jsonpath={.status.phase}=Running|Ended the value there is one of those texts
    jsonpath={.status.endpoint}            there is a value, and it is not empty

A path may name fields (`.a`, `['a.b']`), items of a list (`[0]`, `[*]`) and choose among them
(`[?(@.type=="Ready")]`). With several values one of them must fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_STEP = re.compile(
    r"""\.(?P<field>[A-Za-z0-9_\-/]+)
    |\[(?P<quote>['"])(?P<quoted>[^'"]+)(?P=quote)\]
    |\[(?P<index>-?\d+|\*)\]
    |\[\?\(@\.(?P<key>[A-Za-z0-9_\-.]+)\s*==\s*(?P<mark>['"])(?P<value>[^'"]*)(?P=mark)\)\]""",
    re.X,
)
_CONDITION = re.compile(r"condition=(?P<type>[^=\s]+)(?:=(?P<status>\S+))?")
_JSONPATH = re.compile(r"jsonpath=\{(?P<path>[^{}]*)\}(?:=(?P<value>.*))?")
_FORM = (
    "condition=Ready, condition=Ready=False, jsonpath={.status.phase}=Running or jsonpath={.status.endpoint} "
    "is expected, in the words of `kubectl wait --for`"
)

Step = tuple[str, str, str]
"""How a path goes on: ("field", name, ""), ("item", number or *, ""), ("where", key, value)."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question, read: the path, and the texts of which the value must be one; none for any value."""

    text: str
    steps: tuple[Step, ...]
    values: tuple[str, ...]

    def holds(self, item: Mapping[str, Any]) -> bool:
        """Return whether the answer is yes."""
        found = list(_walk(item, self.steps))
        if self.values:
            return any(_text(it).casefold() in self.values for it in found)
        return any(it not in (None, "", [], {}) for it in found)

    def __str__(self) -> str:
        return self.text


def parse_question(text: str) -> Question:
    """Read a question; raise ValueError with what is expected for one that is none."""
    if found := _CONDITION.fullmatch(text.strip()):
        steps = _steps(f'.status.conditions[?(@.type=="{found["type"]}")].status')
        return Question(text, steps, ((found["status"] or "True").casefold(),))
    if found := _JSONPATH.fullmatch(text.strip()):
        values = found["value"]
        chosen = (
            tuple(it.strip().strip("'\"").casefold() for it in values.split("|"))
            if values is not None
            else ()
        )
        return Question(text, _steps(found["path"].strip()), chosen)
    raise ValueError(_FORM)


def value_at(item: Mapping[str, Any], path: str) -> Any:
    """Return the first value at a path; None where there is none."""
    return next(_walk(item, _steps(path)), None)


def _steps(path: str) -> tuple[Step, ...]:
    path = path.removeprefix("$")
    at, steps = 0, []
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise ValueError(f"the path cannot be read from {path[at:]!r} on: {_FORM}")
        if found["field"] or found["quoted"]:
            steps.append(("field", found["field"] or found["quoted"], ""))
        elif found["index"]:
            steps.append(("item", found["index"], ""))
        else:
            steps.append(("where", found["key"], found["value"]))
        at = found.end()
    if not steps:
        raise ValueError(f"a path is missing: {_FORM}")
    return tuple(steps)


def _walk(value: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    (kind, name, wanted), rest = steps[0], steps[1:]
    if kind == "field":
        if isinstance(value, Mapping) and name in value:
            yield from _walk(value[name], rest)
    elif isinstance(value, list):
        for each in _chosen(value, kind, name, wanted):
            yield from _walk(each, rest)


def _chosen(value: list[Any], kind: str, name: str, wanted: str) -> list[Any]:
    if kind == "item":
        return value if name == "*" else value[int(name) :][:1]
    keys = tuple(("field", it, "") for it in name.split("."))
    return [it for it in value if any(_text(found) == wanted for found in _walk(it, keys))]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
