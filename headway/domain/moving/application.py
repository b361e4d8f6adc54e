"""An application as headway.yaml will say it: services, environments, chains and tag rules, each with its source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from headway.domain.moving.documents import is_below, parent
from headway.domain.moving.found import Approvals, Found, Image, LeftOut, Rule, Stage
from headway.domain.moving.layout import Group, Slot, namespace_of
from headway.domain.moving.names import is_duration, name_of, rank_of


@dataclass(frozen=True, slots=True)
class Said:
    """A value, and why it is that one."""

    value: Any
    why: str = ""


@dataclass(slots=True)
class Environment:
    """An environment of the file. `chart` is its chart's folder, where that is not in the environment's own."""

    name: str
    slot: Slot
    namespace: Said
    path: str = ""
    chart: str = ""
    promote_from: Said | None = None
    soak: Said | None = None
    timeout: Said | None = None
    approvals: Said | None = None
    approval_timeout: str = ""
    automatic: Said | None = None
    rules: dict[str, Rule] = field(default_factory=dict)


@dataclass(slots=True)
class Application:
    """One headway.yaml: `root` is the folder of the application, `services` are images by name."""

    name: str
    root: str
    services: dict[str, Image]
    environments: list[Environment]
    ignore: list[Said] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def application_of(group: Group, name: str, found: Found, folders: Container[str] = ()) -> Application:
    """Return an application with everything that the tools say about it; `folders` are those of the repo."""
    services = _services(group)
    by_name = {image.name: key for key, image in services.items()}
    environments = []
    for slot in group.slots:
        namespace, place = namespace_of(slot)
        environments.append(
            Environment(
                slot.word, slot, Said(namespace, str(place) if place else "no manifest names a namespace")
            )
        )
    _give_folders(environments, group.root, folders)
    application = Application(name_of(name), group.root, services, environments)
    left: list[LeftOut] = application.left_out
    for environment in environments:
        _rules(environment, by_name, found.rules, left)
        _approvals(environment, [it for it in found.approvals if it.scope in environment.slot.reads], left)
        _pointed(environment, left)
    _shared_namespaces(environments, left)
    _stages(environments, by_name, found.stages, left)
    _chain(environments)
    return application


def _give_folders(environments: list[Environment], root: str, folders: Container[str]) -> None:
    """Give each environment a folder of its own: of a chart for several, that of its values, or a new one."""
    uses = Counter(it.slot.path for it in environments)
    taken = {it.slot.path for it in environments}
    for environment in environments:
        slot = environment.slot
        environment.path = slot.path
        if not slot.chart or uses[slot.path] == 1:
            continue
        environment.chart = slot.path
        own = {parent(it) for it in slot.values} - taken
        own = {it for it in own if rank_of(it.rpartition("/")[2]) is not None and not is_below(slot.path, it)}
        path = f"{root}/{environment.name}".lstrip("/")
        while path in folders or path in taken:
            path += "-manifests"
        environment.path = own.pop() if len(own) == 1 else path
        taken.add(environment.path)


def _services(group: Group) -> dict[str, Image]:
    services: dict[str, Image] = {}
    known: set[str] = set()
    for image in (it for slot in group.slots for unit in slot.units for it in unit.images):
        if image.name in known:
            continue
        known.add(image.name)
        word = name_of(image.repository.rpartition("/")[2])
        key, count = word, 2
        while key in services:
            key, count = f"{word}-{count}", count + 1
        services[key] = image
    return services


def counts_for(rule: Rule, slot: Slot) -> bool:
    """Return whether a rule is about an environment's files, or about what the same object deploys."""
    if rule.pointer:
        return slot.pointer is not None and slot.pointer.by == rule.pointer
    return any(it in slot.reads for it in rule.scope)


def _rules(
    environment: Environment, by_name: Mapping[str, str], rules: Iterable[Rule], left: list[LeftOut]
) -> None:
    images = {image.name for unit in environment.slot.units for image in unit.images}
    for rule in rules:
        if rule.image in images and counts_for(rule, environment.slot):
            _take(environment, by_name[rule.image], rule, left)


def _take(environment: Environment, service: str, rule: Rule, left: list[LeftOut]) -> None:
    first = environment.rules.setdefault(service, rule)
    if first.tags != rule.tags:
        left.append(
            LeftOut(
                rule.place,
                f"{rule.by}: another rule for {service} in {environment.name}; that of {first.by} counts",
            )
        )
    elif first is not rule and not rule.automatic:
        environment.rules[service] = rule
    if any(it.automatic for it in environment.rules.values()):
        by = next(it for it in environment.rules.values() if it.automatic)
        environment.automatic = Said("automatic", f"{by.by}, {by.place}")


def _approvals(environment: Environment, asked: list[Approvals], left: list[LeftOut]) -> None:
    if not asked:
        return
    most = max(asked, key=lambda it: it.count)
    environment.approvals = Said(min(most.count, 10), f"{most.by}, {most.place}")
    if environment.automatic is not None:
        said = (
            f"{most.by}: with approvals a person starts each release: it is manual, and so are its services"
        )
        left.append(LeftOut(most.place, said))
        environment.automatic = None
        environment.rules = {name: replace(it, automatic=False) for name, it in environment.rules.items()}
    environment.approval_timeout = f"{most.hours}h" if most.hours not in (0, 24) else ""
    for it in asked:
        if it.count != most.count:
            said = f"{it.by}: {it.count}; approvals are those of the environment here, and the most asked for counts"
            left.append(LeftOut(it.place, said))


def _pointed(environment: Environment, left: list[LeftOut]) -> None:
    pointer = environment.slot.pointer
    if pointer is None:
        return
    if pointer.cluster:
        said = f"{pointer.by} deploys to the cluster {pointer.cluster}: name a kubeconfig context in `cluster.context`"
        left.append(LeftOut(pointer.place, said))
    if pointer.timeout:
        if not is_duration(pointer.timeout):
            left.append(LeftOut(pointer.place, f"{pointer.by}: timeout {pointer.timeout}"))
        else:
            environment.timeout = Said(pointer.timeout, f"{pointer.by}, {pointer.place}")


def _shared_namespaces(environments: list[Environment], left: list[LeftOut]) -> None:
    """Note environments of one namespace: the repo does not say which clusters they are in."""
    first: dict[str, Environment] = {}
    for it in environments:
        other = first.setdefault(it.namespace.value, it)
        if other is it:
            continue
        pointer = it.slot.pointer
        said = (
            f"{it.name} and {other.name} have the namespace {it.namespace.value}: if their clusters differ, name a "
            "kubeconfig context for each in `cluster.context`, else give each a namespace of its own"
        )
        left.append(LeftOut(pointer.place if pointer else it.slot.units[0].place, said))


def _stages(
    environments: list[Environment], by_name: Mapping[str, str], stages: Iterable[Stage], left: list[LeftOut]
) -> None:
    matched: dict[str, Environment] = {}
    for stage in stages:
        environment = _environment_of(stage, environments)
        if environment is None:
            left.append(LeftOut(stage.place, f"Stage {stage.name}: no folder is an environment of this name"))
            continue
        matched[stage.name] = environment
        why = f"Stage {stage.name}, {stage.place}"
        images = {image.name for unit in environment.slot.units for image in unit.images}
        for rule in stage.rules:
            if rule.image in images:
                _take(environment, by_name[rule.image], replace(rule, automatic=stage.automatic), left)
        upstream = matched.get(stage.upstream)
        if upstream is not None:
            environment.promote_from = Said(upstream.name, why)
            environment.automatic = Said("automatic", why) if stage.automatic else environment.automatic
            if is_duration(stage.soak):
                upstream.soak = Said(stage.soak, f"requiredSoakTime of {why}")
        elif stage.upstream:
            left.append(
                LeftOut(
                    stage.place,
                    f"Stage {stage.name} is promoted from {stage.upstream}, which is no environment",
                )
            )
    if matched:
        order = {environment.name: number for number, environment in enumerate(matched.values())}
        environments.sort(key=lambda it: order.get(it.name, len(order)))


def _environment_of(stage: Stage, environments: list[Environment]) -> Environment | None:
    for environment in environments:
        slot = environment.slot
        if any(it in slot.values or (not slot.chart and is_below(it, slot.path)) for it in stage.paths):
            return environment
    return next((it for it in environments if it.name == name_of(stage.name)), None)


def _chain(environments: list[Environment]) -> None:
    """Promote to each environment from the one before it by its name, unless a tool released it by itself."""
    for environment in environments:
        rank = rank_of(environment.name)
        if environment.promote_from is not None or rank is None:
            continue
        if any(it.automatic for it in environment.rules.values()):
            continue
        # Rules of its own that take other tags would refuse what comes from the one before.
        before = [it for it in environments if (other := rank_of(it.name)) is not None and other < rank]
        nearest = max(before, key=lambda it: rank_of(it.name) or 0, default=None)
        if nearest is not None and all(
            name in nearest.rules and nearest.rules[name].tags == rule.tags
            for name, rule in environment.rules.items()
        ):
            environment.promote_from = Said(nearest.name, "by their names")


def unused(rules: Iterable[Rule], applications: Iterable[Application]) -> list[LeftOut]:
    """Return the rules that are about no environment."""
    used = {
        (it.place, it.image) for app in applications for env in app.environments for it in env.rules.values()
    }
    slots = [
        (env.slot, {image.name for unit in env.slot.units for image in unit.images})
        for app in applications
        for env in app.environments
    ]
    return [
        LeftOut(it.place, f"{it.by}: no environment runs {it.image} from where this rule counts")
        for it in rules
        if (it.place, it.image) not in used
        and not any(it.image in names and counts_for(it, slot) for slot, names in slots)
    ]
