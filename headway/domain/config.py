"""headway.yaml, read and checked: every mistake at once, each with its line and column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from headway.domain.configtext import ConfigText, did_you_mean
from headway.domain.images import ImageRef, InvalidImage
from headway.domain.model import ClusterTarget, Document, Environment, Part, Route, Service, Source, Tags
from headway.domain.tagrules import TagRule, compile_rule
from headway.domain.windows import parse_window
from headway.errors import ConfigError, Problem, UsageError

__all__ = ["ClusterTarget", "Config", "Environment", "Service", "Source", "load_config", "starter_config"]

Path = tuple[str | int, ...]


class Config:
    """One headway.yaml: the values, and where each stands. Two are equal where they say the same."""

    def __init__(self, document: Document, text: ConfigText) -> None:
        self.document = document
        self._text = text
        self.file = text.file
        self.app = document.app
        self.services: Mapping[str, Service] = document.services
        self.environments: Mapping[str, Environment] = document.environments
        self._owners = {it.ref.name: name for name, it in document.services.items()}
        self._rules: dict[tuple[int, bool], TagRule] = {}

    def owner(self, reference: ImageRef) -> str | None:
        """Name the service whose repository an image is of, if any has it."""
        return self._owners.get(reference.name)

    def rule(self, environment: str, service: str) -> TagRule | None:
        """Give the rule for a service's tags in an environment; None where there is none."""
        found = tags_of(self.document, environment, service)
        if found is None:
            return None
        tags, path = found
        key = (id(tags), _has_source(self.services[service], path))
        if key not in self._rules:
            self._rules[key] = compile_rule(tags, key[1])
        return self._rules[key]

    def service(self, name: str) -> Service:
        """Give a service, or raise UsageError that lists those there are."""
        if name not in self.services:
            raise UsageError(f"no service {name!r} in {self.file}{did_you_mean(name, self.services)}")
        return self.services[name]

    def environment(self, name: str) -> Environment:
        """Give an environment, or raise UsageError that lists those there are."""
        if name not in self.environments:
            raise UsageError(f"no environment {name!r} in {self.file}{did_you_mean(name, self.environments)}")
        return self.environments[name]

    def chosen(self, *names: str) -> list[str]:
        """Give the names of the environments that were asked for, or of all where none was."""
        for name in names:
            self.environment(name)
        return list(dict.fromkeys(names)) or list(self.environments)

    def locate(self, *path: str | int) -> tuple[int, int]:
        """Give the line and column of a key, both from 1."""
        return self._text.locate(*path)

    def problem(self, path: Path, message: str) -> Problem:
        """Make a problem at a key."""
        return self._text.problem(path, message)


def load_config(data: bytes, file: str = "headway.yaml") -> Config:
    """Read and check a headway.yaml; raise ConfigError with everything that is wrong with it."""
    text = ConfigText(data, file)
    try:
        document = Document.model_validate(text.value)
    except ValidationError as error:
        raise ConfigError(_refused(text, text.value, error)) from None
    problems = [text.problem(path, message, value=True) for path, message in _dangling(document)]
    if problems:
        raise ConfigError(problems)
    return Config(document, text)


def _refused(text: ConfigText, value: object, error: ValidationError) -> Iterable[Problem]:
    seen: set[Problem] = set()
    for each in error.errors(include_url=False):
        path = tuple(it for it in each["loc"] if it != "[key]")
        kind, context = each["type"], each.get("ctx", {})
        if kind == "extra_forbidden":
            known = _keys_at(path[:-1])
            problem = text.problem(path, f"unknown key {path[-1]}{did_you_mean(str(path[-1]), known)}")
        elif kind == "missing":
            problem = text.problem(path[:-1], f"{path[-1]} is missing{_within(path[:-1])}")
        else:
            path = _existing(value, path)
            at_value = "[key]" not in each["loc"]
            problem = text.problem(
                path, f"{_dotted(path)}: {_expected(kind, context, each['msg'])}", value=at_value
            )
        if problem not in seen:
            seen.add(problem)
            yield problem


def _expected(kind: str, context: Mapping[str, Any], message: str) -> str:
    words = {
        "model_type": "a map is expected",
        "model_attributes_type": "a map is expected",
        "dict_type": "a map is expected",
        "list_type": "a list is expected",
        "string_type": "text is expected; put it in quotes",
        "int_type": "a whole number is expected",
        "int_parsing": "a whole number is expected",
    }
    if kind == "literal_error":
        return f"{context['expected']} is expected"
    if kind == "value_error":
        return str(context.get("error", message))
    if kind == "string_pattern_mismatch":
        return "a name of lower-case letters, digits and dashes is expected"
    if kind == "too_short":
        return "at least one is expected"
    return words.get(kind, message[:1].lower() + message[1:])


_BY_COMMIT = Tags(match="glob:*", order="commit")


def tags_of(document: Document, environment: str, service: str) -> tuple[Tags, Path] | None:
    """Find the rule for a service in an environment, and where it stands.

    The service's own rule here comes before its rule everywhere, that before the rule for
    all services here. Without any, a service that has a source is ordered by its commits.
    """
    place, definition = document.environments[environment], document.services[service]
    own = place.services.get(service)
    if own is not None and own.tags is not None:
        return own.tags, ("environments", environment, "services", service, "tags")
    if definition.tags is not None:
        return definition.tags, ("services", service, "tags")
    if place.tags is not None:
        return place.tags, ("environments", environment, "tags")
    return (_BY_COMMIT, ("services", service, "source")) if definition.source is not None else None


def _rules(document: Document) -> Iterable[tuple[Path, str]]:
    """Find rules that cannot be used, and automatic services that have none."""
    for name, environment in document.environments.items():
        for service, definition in document.services.items():
            own = environment.services.get(service)
            automatic = (own.release if own and own.release else environment.release) == "automatic"
            found = tags_of(document, name, service)
            if found is None:
                if automatic and environment.promote_from is None:
                    yield (
                        ("environments", name, "release"),
                        f"automatic, but nothing says which tags of {service} may be released: add `tags`",
                    )
                continue
            tags, path = found
            try:
                compile_rule(tags, _has_source(definition, path))
            except UsageError as error:
                yield path, f"{error.message}; {error.hint}" if error.hint else error.message


def _has_source(service: Service, path: Path) -> bool:
    """Say whether a rule may order a service by commit.

    A rule for all services of an environment may, also beside services that have no source: those
    have no tag that it can order, and say so.
    """
    return service.source is not None or (path[0] == "environments" and len(path) == 3)


def _dangling(document: Document) -> Iterable[tuple[Path, str]]:
    """Find what only the keys together say wrong."""
    environments = document.environments
    owners: dict[str, str] = {}
    for name, service in document.services.items():
        image = service.ref.name
        if image in owners:
            yield ("services", name, "image"), f"service {owners[image]} has this image already"
        owners.setdefault(image, name)
    paths: dict[str, str] = {}
    for name, environment in environments.items():
        here: Path = ("environments", name)
        for service_name in environment.services:
            if service_name not in document.services:
                near = did_you_mean(service_name, document.services)
                yield (*here, "services", service_name), f"no service {service_name!r}{near}"
        source = environment.promote_from
        if source is not None and source not in environments:
            yield (*here, "promote_from"), f"no environment {source!r}{did_you_mean(source, environments)}"
        elif source is not None and _circles(document, name):
            yield (*here, "promote_from"), "promotion goes round in a circle"
        if environment.only_by_promotion and source is None:
            yield (
                (*here, "only_by_promotion"),
                "promote_from is expected beside it: where promotions come from",
            )
        for key in ("windows", "freezes"):
            for place, text in enumerate(getattr(environment, key)):
                try:
                    parse_window(text)
                except UsageError as error:
                    yield (*here, key, place), f"{error.message}; {error.hint}"
        if environment.verify is not None and not (
            environment.verify.http or environment.verify.job or environment.verify.promql
        ):
            yield (*here, "verify"), "http, job or promql is missing"
        job = environment.verify.job if environment.verify is not None else None
        if job is not None and _inside(job, environment.path):
            yield (*here, "verify", "job"), "a place outside `path` is expected: what is inside is applied"
        if environment.approvals and environment.release == "automatic":
            yield (*here, "approvals"), "automation asks nobody: with approvals, release: manual is expected"
        for service_name, rule in environment.services.items():
            if environment.approvals and rule.release == "automatic":
                where = (*here, "services", service_name, "release")
                yield where, f"automation asks nobody: {name} has approvals, so release: manual is expected"
        for path, other in paths.items():
            if _inside(environment.path, path) or _inside(path, environment.path):
                yield (*here, "path"), f"environment {other} has {path} already, and one is inside the other"
        paths[environment.path] = name
    yield from _rules(document)
    yield from _routes(document)


def _routes(document: Document) -> Iterable[tuple[Path, str]]:
    """Find those who would never hear anything."""
    notify = document.notify
    if notify is None:
        return
    routes: list[tuple[Path, Route]] = [(("notify",), notify)]
    routes += [(("notify", "routes", place), it) for place, it in enumerate(notify.routes)]
    for path, route in routes:
        for key, known in (("environments", document.environments), ("services", document.services)):
            for place, name in enumerate(getattr(route, key)):
                if name not in known:
                    yield (*path, key, place), f"no {key[:-1]} {name!r}{did_you_mean(name, known)}"
        for place, text in enumerate(route.quiet):
            try:
                parse_window(text)
            except UsageError as error:
                yield (*path, "quiet", place), f"{error.message}; {error.hint}"
        if route is not notify and not (route.slack or route.webhook or route.apprise):
            yield path, "slack, webhook or apprise is missing"


def _circles(document: Document, start: str) -> bool:
    seen, name = {start}, document.environments[start].promote_from
    while name is not None and name in document.environments:
        if name in seen:
            return name == start
        seen.add(name)
        name = document.environments[name].promote_from
    return False


def _inside(inner: str, outer: str) -> bool:
    return outer == "." or inner == outer or inner.startswith(outer + "/")


def _keys_at(path: Path) -> list[str]:
    """Name the keys that a map of headway.yaml may have."""
    part: Any = Document
    for step in path:
        if isinstance(part, type) and issubclass(part, Part) and step in part.model_fields:
            part = _inner(part.model_fields[str(step)].annotation)
        elif isinstance(part, list):
            part = part[0]
    return list(part.model_fields) if isinstance(part, type) and issubclass(part, Part) else []


def _inner(annotation: Any) -> Any:
    """Give the Part in `Part | None`, or it in a list for a map of Parts."""
    arguments: Any = getattr(annotation, "__args__", ())
    if getattr(annotation, "__origin__", None) is dict:
        return [arguments[1]]
    return next((it for it in arguments if isinstance(it, type) and issubclass(it, Part)), annotation)


def _existing(value: object, path: Path) -> Path:
    """Cut off what pydantic adds to a place to name the branch of a union."""
    kept: list[str | int] = []
    for step in path:
        here: Any = value
        inside = isinstance(here, dict) and step in here
        if not inside and not (isinstance(here, list) and isinstance(step, int) and step < len(here)):
            break
        value = here[step]
        kept.append(step)
    return tuple(kept)


def _dotted(path: Path) -> str:
    return ".".join(map(str, path)) or "headway.yaml"


def _within(path: Path) -> str:
    return f" in {_dotted(path)}" if path else ""


def starter_config(app: str, folders: Mapping[str, Iterable[str]]) -> str:
    """Write a headway.yaml for what was found: folder → images of its manifests.

    Each folder becomes an environment, each image repository a service named after
    its last part.
    """
    services: dict[str, str] = {}
    for images in folders.values():
        for image in images:
            try:
                name = ImageRef.parse(image).name
            except InvalidImage:
                continue
            if name in services.values():
                continue
            word = _word(name.rpartition("/")[2])
            key, count = word, 2
            while key in services:
                key, count = f"{word}-{count}", count + 1
            services[key] = name
    lines = [
        "# What headway releases, and where. Every key: docs/headway-yaml.md",
        "version: 1",
        f"app: {_word(app)}",
        "",
        "# One line for each image that is released by itself. Remove what you never release.",
        "services:",
        *(f"  {key}: {{image: {image}}}" for key, image in services.items()),
        "",
        "# One for each place where the whole application runs.",
        "environments:",
    ]
    for folder in folders:
        name = _word(folder)
        lines += [
            f"  {name}:",
            f"    path: {folder}",
            f"    cluster: {{namespace: {name}}}   # add `context:` to name one of the kubeconfig's",
            "    release: manual",
        ]
    return "\n".join(lines) + "\n"


def _word(text: str) -> str:
    word = "".join(it if it.isascii() and it.isalnum() else "-" for it in text.lower()).strip("-")
    return word[:63].strip("-") or "app"
