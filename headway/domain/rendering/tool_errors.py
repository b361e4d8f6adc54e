"""What a tool says when it does not render: made short, with the file and line that it is about."""

from __future__ import annotations

import posixpath
import re

from headway.domain.rendering.unit import Unit
from headway.errors import Problem

LONGEST = 400
_NOISE = re.compile(
    r"accumulation err='|accumulating (?:resources|components)(?: from '[^']*')?: |"
    r"failed to (?:apply|load) (?:builtin|transformer)[^:]*: |&?\{0x[0-9a-f]+ <nil>\}:? |^error: ",
    re.IGNORECASE,
)
_TEMPLATE = re.compile(r"^(?:template: )?[^\s:]+:\d+:\d+:?\s*(?:executing \"[^\"]*\" at <[^>]*>:\s*)?")
_AFTERTHOUGHT = re.compile(
    r"'?: (?:must build at directory|must resolve to a file)\b.*|\s*: unable to run: '.*", re.DOTALL
)
_PLACE = re.compile(r"\(?\b((?:[\w.@+-]+/)+[\w.@+-]+\.(?:ya?ml|tpl|json|txt)):(\d+)(?::(\d+))?\)?:?\s*")
_LINE = re.compile(r"(?:yaml: |: )line (\d+)(?: column (\d+))?:?\s*")
_FILE = re.compile(r"((?:[\w.@+-]+/)*[\w.@+-]+\.(?:ya?ml|tpl|json|env))\b")
_NUMBER = re.compile(r"cannot unmarshal (\w+) into Go struct field [\w.]*?(\w+) of type string")
_ADVICE = (
    ("missing in charts/", "run `helm dependency build` and commit what it puts into charts/"),
    ("found character that cannot start any token", "a tab or a stray character: YAML is indented with spaces"),
    ("no matches for Id", "the patch's target is in none of the resources: correct its kind and name"),
    ("cycle detected", "a base may not name what names it"),
    ("fails to load: security; file", "a file may not lie outside its kustomization's folder: move it there"),
    ("is not in or below", "a file may not lie outside its kustomization's folder: move it there"),
    ("evalsymlink failure", "no such file or folder in the config repo"),
    ("no such host", "nothing is fetched while rendering: put it into the config repo"),
    ("connection refused", "nothing is fetched while rendering: put it into the config repo"),
)  # fmt: skip


def short_problem(said: str, unit: Unit, scratch: str) -> Problem:
    """Return a tool's error as a problem of a file of the config repo; `scratch` is where the tool saw that."""
    text = " ".join(said.replace(f"{scratch}/", "").replace(scratch, ".").split())
    text = re.sub(r"(?:WARNING|Warning|level=\w+|# Warning)[^:]*:.*?(?=Error:|$)", "", text) or text
    text = text.partition("Error: ")[2] or text
    advice = next((way for sign, way in _ADVICE if sign in text), "")
    file, line, column = _place(text, unit)
    text = _AFTERTHOUGHT.sub("", text)
    text = _NOISE.sub("", text).replace("Use --debug flag to render out invalid YAML", "").strip(" '")
    text = _TEMPLATE.sub("", text)
    if number := _NUMBER.search(text):
        text = f"{number[2]} is a {number[1]}, and text is expected"
        advice = f"put the value of {number[2]} in quotes"
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    tool = "kustomize" if unit.kind == "kustomization" else "helm"
    return Problem(file, line, column, f"{tool}: {text}{f'; {advice}' if advice else ''}")


def _place(text: str, unit: Unit) -> tuple[str, int, int]:
    """Return the file of the repo that a message names, with its line and column; else what makes the unit."""
    if found := _PLACE.search(text):
        file = _of_repo(found[1], unit)
        if file:
            return file, int(found[2]), int(found[3] or 1)
    named = next((file for it in _FILE.findall(text) if (file := _of_repo(it, unit))), "")
    # A line of a rendered template is none of its source.
    rendered = "YAML parse error on" in text
    if named and (line := _LINE.search(text)) and not rendered:
        return named, int(line[1]), int(line[2] or 1)
    return (named, 1, 1) if named else (unit.entry, unit.line, unit.column)


def _of_repo(named: str, unit: Unit) -> str:
    """Return the repo's path of a file as a tool names it; Helm writes a chart's name in the place of its folder."""
    name, _, rest = named.partition("/")
    folders = [it for it in (*unit.reads, unit.fetched) if it]
    charts = [unit.chart.path or unit.path, *(it for it in folders if posixpath.basename(it) == name)]
    of_chart = [posixpath.join(it, rest) for it in charts if rest]
    of_unit = posixpath.join(unit.path, named)
    tried = [named, *of_chart, of_unit] if unit.kind == "chart" else [named, of_unit, *of_chart]
    for path in map(posixpath.normpath, tried):
        if path in unit.reads or path.startswith(tuple(f"{it}/" for it in folders)):
            return path
    return ""
