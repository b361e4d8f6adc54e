"""headway.yaml, read and checked: every mistake at once, each with its line and column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from headway.domain.config.checks import Names, Path, has_source, tags_of, wrong_together
from headway.domain.config.model import ClusterTarget, Document, Environment, Service, Source
from headway.domain.config.placing import placed
from headway.domain.config.positions import ConfigText, did_you_mean
from headway.domain.config.repair import Mistake, existing, keys_at, repaired
from headway.domain.images.reference import ImageRef
from headway.domain.manifests.image_fields import ImageFields
from headway.domain.rendering.place import ChartUse, Place
from headway.domain.rules.tags import TagRule, compile_rule
from headway.errors import ConfigError, Problem, UsageError

__all__ = ["ClusterTarget", "Config", "Environment", "Service", "Source", "load_config"]


class Config:
    """One headway.yaml: the values, and where each stands. Two are equal where they say the same."""

    def __init__(self, document: Document, text: ConfigText) -> None:
        self.document = document
        self._text = text
        self.file = text.file
        self.app = document.app
        self.services: Mapping[str, Service] = document.services
        self.environments: Mapping[str, Environment] = document.environments
        self.image_fields = ImageFields(tuple(it.field for it in document.images))
        self._owners = {it.ref.name: name for name, it in document.services.items()}
        self._rules: dict[tuple[int, bool], TagRule] = {}

    def owner(self, reference: ImageRef) -> str | None:
        """Return the service whose repository an image is of, if any has it."""
        return self._owners.get(reference.name)

    def rule(self, environment: str, service: str) -> TagRule | None:
        """Return the rule for a service's tags in an environment; None where there is none."""
        found = tags_of(self.document, environment, service)
        if found is None:
            return None
        tags, path = found
        key = (id(tags), has_source(self.services[service], path))
        if key not in self._rules:
            self._rules[key] = compile_rule(tags, key[1])
        return self._rules[key]

    def service(self, name: str) -> Service:
        """Return a service, or raise UsageError that lists those there are."""
        if name not in self.services:
            raise UsageError(f"no service {name!r} in {self.file}{did_you_mean(name, self.services)}")
        return self.services[name]

    def environment(self, name: str) -> Environment:
        """Return an environment, or raise UsageError that lists those there are."""
        if name not in self.environments:
            raise UsageError(f"no environment {name!r} in {self.file}{did_you_mean(name, self.environments)}")
        return self.environments[name]

    def place(self, name: str) -> Place:
        """Return where an environment's objects come from; raise UsageError for one that there is not."""
        it = self.environment(name)
        use = it.chart.use if it.chart is not None else ChartUse()
        keep = tuple(each.field for each in it.keep_from_cluster)
        use = replace(use, release=use.release or self.app, namespace=it.cluster.namespace, keep=keep)
        said_in = (self.file, name) if use.remote is not None else ()
        return Place(it.path if it.path != "." else "", tuple(self.document.ignore), use, *said_in)

    def chosen(self, *names: str) -> list[str]:
        """Return the names of the environments that were asked for, or of all where none was."""
        for name in names:
            self.environment(name)
        return list(dict.fromkeys(names)) or list(self.environments)

    def locate(self, *path: str | int) -> tuple[int, int]:
        """Return the line and column of a key, both from 1."""
        return self._text.locate(*path)

    def problem(self, path: Path, message: str) -> Problem:
        """Make a problem at a key."""
        return self._text.problem(path, message)


class Reading:
    """What a headway.yaml says, and everything that is wrong with it.

    `config` is what it says where nothing is wrong, None where nothing is right; `cut` are the keys left out of it.
    """

    def __init__(self, data: bytes, file: str = "headway.yaml", folder: str = "") -> None:
        text = ConfigText(data, f"{folder}/{file}" if folder else file)
        document, self.cut, errors = repaired(text.value)
        self.config = Config(placed(document, folder), text) if document is not None else None
        found = list(_refused(text, text.value, errors))
        if document is not None:
            together = wrong_together(document, Names.of(text.value))
            found += [
                text.problem(it.path, it.said, value=True) for it in together if not it.rests_on(self.cut)
            ]
        self.problems = tuple(sorted(set(found)))


def load_config(data: bytes, file: str = "headway.yaml", folder: str = "") -> Config:
    """Read and check a headway.yaml; raise ConfigError with everything that is wrong with it.

    `folder` is where it stands in its repo: the paths of what is returned count from the root.
    """
    found = Reading(data, file, folder)
    if found.problems or found.config is None:
        raise ConfigError(found.problems)
    return found.config


def _refused(text: ConfigText, value: object, errors: Iterable[Mistake]) -> Iterable[Problem]:
    for each in errors:
        path = tuple(it for it in each["loc"] if it != "[key]")
        kind, context = each["type"], each.get("ctx", {})
        if kind == "extra_forbidden":
            known = keys_at(path[:-1])
            yield text.problem(path, f"unknown key {path[-1]}{did_you_mean(str(path[-1]), known)}")
        elif kind == "missing":
            yield text.problem(path[:-1], f"{path[-1]} is missing{_within(path[:-1])}")
        else:
            path = existing(value, path)
            at_value = "[key]" not in each["loc"]
            yield text.problem(
                path, f"{_dotted(path)}: {_expected(kind, context, each['msg'])}", value=at_value
            )


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


def _dotted(path: Path) -> str:
    return ".".join(map(str, path)) or "headway.yaml"


def _within(path: Path) -> str:
    return f" in {_dotted(path)}" if path else ""
