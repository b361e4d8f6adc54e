"""Write headway.yaml for an application that was found: each line with where it comes from beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from headway.domain.moving.application import Application, Environment
from headway.domain.moving.documents import is_below, joined
from headway.domain.moving.found import Image, Rule
from headway.domain.moving.names import name_of
from headway.domain.rules.semver import version_key
from headway.domain.text.yaml_values import plain_value

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./@+-]*(?::[A-Za-z0-9_./@+-]+)*")
_WIDTH = 44

Line = tuple[str, str]
"""A line, and the comment beside it."""


def write(application: Application) -> str:
    """Return the text of a headway.yaml."""
    common = _common_rules(application)
    lines: list[Line] = [
        (
            "# What headway releases, and where. `headway init` wrote this from what is in the repo: read it, correct",
            "",
        ),
        ("# it, and check it with `headway lint`. A comment beside a line says where it comes from.", ""),
        ("version: 1", ""),
        (f"app: {scalar(application.name)}", ""),
        ("", ""),
        ("# The images that are released. Remove those that headway should leave alone.", ""),
        ("services:", ""),
    ]
    ruled = {service for it in application.environments for service in it.rules}
    for name, image in application.services.items():
        lines += _service(name, image, common.get(name), name in ruled)
    lines += [
        ("", ""),
        (
            "# Where the application runs, in the order of promotion. `cluster.context` names a kubeconfig context.",
            "",
        ),
        ("environments:", ""),
    ]
    for environment in application.environments:
        lines += _environment(application, environment, common)
    if application.ignore:
        lines += [("", ""), ("# Files in these folders that are no manifests.", ""), ("ignore:", "")]
        lines += [(f"- {scalar(str(it.value))}", it.why) for it in application.ignore]
    if application.left_out:
        lines += [("", ""), ("# Not carried over:", "")]
        lines += [(f"# - {it}", "") for it in dict.fromkeys(application.left_out)]
    return "".join(f"{_beside(text, why)}\n" for text, why in lines)


def _beside(text: str, why: str) -> str:
    # A line break or a control character must not end the comment that it is in.
    why = "".join(it if it.isprintable() else "?" for it in why)
    text = "".join(it if it.isprintable() else "?" for it in text)
    return f"{text:<{_WIDTH}}  # {why}" if why else text


def _service(name: str, image: Image, rule: Rule | None, ruled: bool) -> Iterable[Line]:
    why = str(image.place)
    if rule is None and not ruled and version_key(image.tag):
        hint = scalar(f"semver:>={image.tag.removeprefix('v')}")
        why += f", at {image.tag}; a rule for versions would be tags: {{match: {hint}}}"
    yield f"  {scalar(name)}:", ""
    yield f"    image: {scalar(image.repository)}", why
    if rule is not None:
        yield f"    tags: {flow(rule.tags)}", f"{rule.by}, {rule.place}"


def _common_rules(application: Application) -> dict[str, Rule]:
    """Return the rules that every environment has for a service."""
    found = {}
    for service in application.services:
        rules = [it.rules.get(service) for it in application.environments]
        first = rules[0]
        if first is not None and all(it is not None and it.tags == first.tags for it in rules):
            found[service] = first
    return found


def _environment(
    application: Application, environment: Environment, common: Mapping[str, Rule]
) -> Iterable[Line]:
    slot = environment.slot
    by = f"{slot.pointer.by}, {slot.pointer.place}" if slot.pointer else str(slot.units[0].place)
    yield f"  {scalar(environment.name)}:", ""
    new = bool(environment.chart) and not any(is_below(it, environment.path) for it in slot.values)
    own = "a new folder, for manifests beside the chart; it may be missing" if new else by
    yield f"    path: {scalar(_inside(application, environment.path))}", own
    if slot.chart:
        values = [scalar(_inside(application, it)) for it in slot.values]
        release = name_of(slot.pointer.release) if slot.pointer and slot.pointer.release else ""
        chart = environment.chart and scalar(_inside(application, environment.chart))
        said = [f"path: {chart}"] * bool(chart) + [f"values: [{', '.join(values)}]"] * bool(values)
        said += [f"release: {scalar(release)}"] * bool(release)
        if said:
            yield f"    chart: {{{', '.join(said)}}}", by if new else ""
    namespace = environment.namespace
    yield f"    cluster: {{namespace: {scalar(namespace.value)}}}", namespace.why
    some, mostly = _automatic_services(application, environment)
    promoted = environment.automatic is not None and environment.promote_from is not None
    release = "automatic" if mostly or promoted else "manual"
    why = environment.automatic.why if environment.automatic and release == "automatic" else ""
    yield f"    release: {release}", why
    yield from _values(environment)
    services = list(_services(application, environment, common, some, mostly, promoted))
    if services:
        yield "    services:", ""
        yield from services


def _automatic_services(application: Application, environment: Environment) -> tuple[set[str], bool]:
    """Return the services that a tool releases by itself here, and whether they are most of those that run here."""
    some = {name for name, rule in environment.rules.items() if rule.automatic}
    runs = {image.name for unit in environment.slot.units for image in unit.images}
    here = {name for name, image in application.services.items() if image.name in runs}
    return some, len(some) * 2 > len(here) and len(here) == len(application.services)


def _values(environment: Environment) -> Iterable[Line]:
    for key, said in (
        ("promote_from", environment.promote_from),
        ("soak", environment.soak),
        ("timeout", environment.timeout),
        ("approvals", environment.approvals),
    ):
        if said is not None:
            yield f"    {key}: {scalar(said.value) if isinstance(said.value, str) else said.value}", said.why
    if environment.approval_timeout:
        yield f"    approval_timeout: {environment.approval_timeout}", ""


def _services(
    application: Application,
    environment: Environment,
    common: Mapping[str, Rule],
    some: set[str],
    mostly: bool,
    promoted: bool,
) -> Iterable[Line]:
    for name in application.services:
        rule = environment.rules.get(name)
        parts = []
        if rule is not None and name not in common:
            parts.append(f"tags: {flow(rule.tags)}")
        if not promoted and (name in some) is not mostly:
            parts.append("release: automatic" if name in some else "release: manual")
        if parts:
            why = f"{rule.by}, {rule.place}" if rule is not None else "nothing released it by itself"
            yield f"      {scalar(name)}: {{{', '.join(parts)}}}", why


def _inside(application: Application, path: str) -> str:
    """Return a path of the repo as the application's headway.yaml says it."""
    inside = path.removeprefix(application.root).strip("/") if application.root else path
    return joined("", inside) or "."


def flow(value: Any) -> str:
    """Write a value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(str(key))}: {flow(it)}" for key, it in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value) if isinstance(value, str) else json.dumps(value)


def scalar(text: str) -> str:
    """Write a text so that YAML reads it as that text: plain where that is safe, else in quotes."""
    if _PLAIN.fullmatch(text) and not text.endswith(":"):
        try:
            if isinstance(plain_value(text), str):
                return text
        except ValueError:
            pass
    return json.dumps(text, ensure_ascii=False)
