"""What only the keys of headway.yaml say wrong together: names of nothing, rules of no use, contradictions."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from headway.domain.config.model import Chart, Document, Environment, Route, Service
from headway.domain.config.positions import did_you_mean
from headway.domain.rules.model import Tags
from headway.domain.rules.tags import compile_rule
from headway.domain.rules.windows import parse_window
from headway.errors import UsageError

Path = tuple[str | int, ...]


class Names(NamedTuple):
    """The names that a file has, also of what is wrong otherwise."""

    services: Collection[str]
    environments: Collection[str]

    @classmethod
    def of(cls, value: Any) -> Names:
        """Read them from the file's value."""
        found = [value.get(key) for key in ("services", "environments")]
        return cls(*(list(map(str, it)) if isinstance(it, dict) else [] for it in found))


class Wrong(NamedTuple):
    """What is wrong, and where; it is known only where nothing is missing at the places that it `needs`."""

    path: Path
    said: str
    needs: tuple[Path, ...] = ()

    def rests_on(self, cut: Collection[Path]) -> bool:
        """Return whether it may come from the keys that were left out of the document, being wrong themselves."""
        for gone in cut:
            if self.path[: len(gone)] == gone:
                return True
            if any(gone[: len(it)] == it[: len(gone)] for it in self.needs):
                return True
        return False


_BY_COMMIT = Tags(match="glob:*", order="commit")


def tags_of(document: Document, environment: str, service: str) -> tuple[Tags, Path] | None:
    """Return the rule for a service in an environment, and where it stands.

    The service's own rule here comes before its rule everywhere, that before the rule for
    all services here. Without any, a service that has a source is ordered by its commits.
    """
    rules, definition = document.environments[environment], document.services[service]
    own = rules.services.get(service)
    if own is not None and own.tags is not None:
        return own.tags, ("environments", environment, "services", service, "tags")
    if definition.tags is not None:
        return definition.tags, ("services", service, "tags")
    if rules.tags is not None:
        return rules.tags, ("environments", environment, "tags")
    return (_BY_COMMIT, ("services", service, "source")) if definition.source is not None else None


def _rules(document: Document) -> Iterable[Wrong]:
    """Yield rules that cannot be used, and automatic services that have none."""
    for name, environment in document.environments.items():
        for service, definition in document.services.items():
            own = environment.services.get(service)
            automatic = (own.release if own and own.release else environment.release) == "automatic"
            found = tags_of(document, name, service)
            if found is None:
                if automatic and environment.promote_from is None:
                    here: Path = ("environments", name)
                    yield Wrong(
                        (*here, "release"),
                        f"automatic, but nothing says which tags of {service} may be released: add `tags`",
                        (
                            (*here, "tags"),
                            (*here, "promote_from"),
                            (*here, "services", service),
                            ("services", service),
                        ),
                    )
                continue
            tags, path = found
            try:
                compile_rule(tags, has_source(definition, path))
            except UsageError as error:
                said = f"{error.message}; {error.hint}" if error.hint else error.message
                yield Wrong(path, said, (path, ("services", service, "source")))


def has_source(service: Service, path: Path) -> bool:
    """Return whether a rule may order a service by commit.

    A rule for all services of an environment may, also beside services that have no source: those
    have no tag that it can order, and say so.
    """
    return service.source is not None or (path[0] == "environments" and len(path) == 3)


def wrong_together(document: Document, names: Names) -> Iterable[Wrong]:
    """Yield what only the keys together say wrong; `names` are those that the file has, the document's or not."""
    owners: dict[str, str] = {}
    for name, service in document.services.items():
        image = service.ref.name
        if image in owners:
            yield Wrong(("services", name, "image"), f"service {owners[image]} has this image already")
        owners.setdefault(image, name)
    paths: dict[str, str] = {}
    for name, environment in document.environments.items():
        here: Path = ("environments", name)
        yield from _of_environment(document, name, environment, names)
        for path, other in paths.items():
            if _inside(environment.path, path) or _inside(path, environment.path):
                said = f"environment {other} has {path} already, and one is inside the other"
                yield Wrong((*here, "path"), said, (("environments", other, "path"),))
        paths[environment.path] = name
    yield from _rules(document)
    yield from _routes(document, names)
    yield from _roles(document, names)
    yield from _people(document)


def _of_environment(document: Document, name: str, environment: Environment, names: Names) -> Iterable[Wrong]:
    here: Path = ("environments", name)
    for service in environment.services:
        if service not in names.services:
            near = did_you_mean(service, names.services)
            yield Wrong((*here, "services", service), f"no service {service!r}{near}")
    source = environment.promote_from
    if source is not None and source not in names.environments:
        near = did_you_mean(source, names.environments)
        yield Wrong((*here, "promote_from"), f"no environment {source!r}{near}")
    elif source is not None and _circles(document, name):
        yield Wrong((*here, "promote_from"), "promotion goes round in a circle")
    if environment.only_by_promotion and source is None:
        said = "promote_from is expected beside it: where promotions come from"
        yield Wrong((*here, "only_by_promotion"), said, ((*here, "promote_from"),))
    if environment.chart is not None:
        yield from _chart((*here, "chart"), environment.chart)
    for key in ("windows", "freezes"):
        yield from _windows((*here, key), getattr(environment, key))
    verify = environment.verify
    if verify is not None and not (verify.http or verify.job or verify.promql):
        yield Wrong((*here, "verify"), "http, job or promql is missing", ((*here, "verify"),))
    if verify is not None and verify.job is not None and _inside(verify.job, environment.path):
        said = "a place outside `path` is expected: what is inside is applied"
        yield Wrong((*here, "verify", "job"), said, ((*here, "path"),))
    if environment.approve_on and not environment.approvals:
        yield Wrong((*here, "approve_on"), "approvals is expected beside it", ((*here, "approvals"),))
    if environment.approvals and environment.release == "automatic":
        said = "automatic releases cannot be approved: with approvals, release: manual is expected"
        yield Wrong((*here, "approvals"), said)
    for service, rule in environment.services.items():
        if environment.approvals and rule.release == "automatic":
            said = (
                f"automatic releases cannot be approved: {name} has approvals, so release: manual is expected"
            )
            yield Wrong((*here, "services", service, "release"), said)


def _chart(here: Path, chart: Chart) -> Iterable[Wrong]:
    """Yield keys of a chart that contradict each other, or are of no use alone."""
    said = [key for key in ("path", "ref", "repo") if getattr(chart, key)]
    for key in said[1:]:
        yield Wrong((*here, key), f"{said[0]} is given beside it; one of path, ref and repo says which chart")
    if chart.repo and not chart.name:
        yield Wrong(
            (*here, "repo"), "name is expected beside it: which chart of the repository", ((*here, "name"),)
        )
    if chart.name and not chart.repo:
        yield Wrong((*here, "name"), "repo is expected beside it", ((*here, "repo"),))
    if (chart.ref or chart.repo) and not chart.version:
        key = "ref" if chart.ref else "repo"
        yield Wrong((*here, key), "version is expected beside it: the exact one", ((*here, "version"),))
    for key in ("version", "digest"):
        if getattr(chart, key) and not (chart.ref or chart.repo):
            needs: tuple[Path, ...] = ((*here, "ref"), (*here, "repo"))
            yield Wrong(
                (*here, key), "ref or repo is expected beside it: a chart of this repo has none", needs
            )


def _windows(path: Path, texts: Iterable[str]) -> Iterable[Wrong]:
    for place, text in enumerate(texts):
        try:
            parse_window(text)
        except UsageError as error:
            yield Wrong((*path, place), f"{error.message}; {error.hint}")


def _routes(document: Document, names: Names) -> Iterable[Wrong]:
    """Yield the routes that would never notify anybody."""
    notify = document.notify
    if notify is None:
        return
    routes: list[tuple[Path, Route]] = [(("notify",), notify)]
    routes += [(("notify", "routes", place), it) for place, it in enumerate(notify.routes)]
    for path, route in routes:
        for key, known in (("environments", names.environments), ("services", names.services)):
            for place, name in enumerate(getattr(route, key)):
                if name not in known:
                    yield Wrong((*path, key, place), f"no {key[:-1]} {name!r}{did_you_mean(name, known)}")
        yield from _windows((*path, "quiet"), route.quiet)
        if route is not notify and not (route.slack or route.webhook or route.apprise):
            yield Wrong(path, "slack, webhook or apprise is missing", (path,))


def _roles(document: Document, names: Names) -> Iterable[Wrong]:
    """Yield the roles that name nothing that is there, or that nobody has."""
    for name, role in (document.roles or {}).items():
        here: Path = ("roles", name)
        for key, known in (("environments", names.environments), ("services", names.services)):
            for place, each in enumerate(getattr(role, key)):
                if each not in known:
                    yield Wrong((*here, key, place), f"no {key[:-1]} {each!r}{did_you_mean(each, known)}")
        if not (role.people or role.groups or role.tokens):
            holders: tuple[Path, ...] = tuple((*here, it) for it in ("people", "groups", "tokens"))
            yield Wrong(here, "people, groups or tokens are missing: nobody has this role", holders)


def _people(document: Document) -> Iterable[Wrong]:
    """Yield the people who are somebody else in Slack, too: whoever presses there would be two."""
    known: dict[str, str] = {}
    for name, each in document.people.items():
        if (other := known.setdefault(each.slack, name)) != name:
            said = f"{other} is {each.slack} in Slack already"
            yield Wrong(("people", name, "slack"), said, (("people", other, "slack"),))


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
