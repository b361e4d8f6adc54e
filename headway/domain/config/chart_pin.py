"""Which chart from elsewhere a headway.yaml pins for an environment, and that line put back to what another one pins.

A chart of the config repo is what it is at a commit. One from elsewhere is what the commit's headway.yaml says, so
that what an old commit rendered to can be had again.
"""

from __future__ import annotations

import functools
from dataclasses import replace

from pydantic import ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode

from headway.domain.config.model import Chart, Document
from headway.domain.config.placing import placed_chart
from headway.domain.config.positions import ConfigText
from headway.domain.config.reading import Config, load_config
from headway.domain.manifests.edits import splice
from headway.domain.manifests.image_sites import TAG, Part
from headway.domain.rendering.place import Place, SaidChart
from headway.domain.text.yaml_nodes import child, decode, scalar_span
from headway.errors import ConfigError

KEYS = ("ref", "repo", "name", "version", "digest")


def said_chart(data: bytes, place: Place) -> SaidChart:
    """Return a place's chart as a headway.yaml has it: where it is and its pin; all else is the place's own.

    It is the place's where the file says nothing that can be read.
    """
    text = _text(data, place.said_in)
    if text is None:
        return SaidChart(place.chart)
    path = ("environments", place.name, "chart")
    value = text.value
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    try:
        chart = Chart.model_validate(value or {})
    except ValidationError:
        return SaidChart(place.chart)
    then = placed_chart(chart, place.said_in.rpartition("/")[0]).use
    keys = {it for it in KEYS if getattr(chart, it)}
    key = next((it for it in ("digest", "version", "ref", "repo") if it in keys), "path")
    return SaidChart(replace(place.chart, path=then.path, remote=then.remote), *text.locate(*path, key))


@functools.lru_cache(maxsize=4)
def _text(data: bytes, file: str) -> ConfigText | None:
    """Read a headway.yaml, of which many environments may ask one after the other; None where it cannot be read."""
    try:
        return ConfigText(data, file)
    except ConfigError:
        return None


def with_chart_of(now: bytes, then: bytes, place: Place) -> bytes | None:
    """Return a headway.yaml in which an environment's chart is pinned as in another one, and nothing else differs.

    None where other keys than those of the pin would have to change, or another environment's chart with it.
    """
    edits: list[tuple[Part, str]] = []
    path = ("environments", place.name, "chart")
    try:
        new, old = (_at(ConfigText(it, place.said_in).node, *path) for it in (now, then))
        text = decode(now)
        shift = len(text) - len(text.removeprefix("\ufeff"))
        for key in KEYS:
            here, there = child(new, key), child(old, key)
            if here is None and there is None:
                continue
            if not (isinstance(here, ScalarNode) and isinstance(there, ScalarNode)):
                return None
            if here.value != there.value:
                start, end = (it + shift for it in scalar_span(text[shift:], here))
                mark = here.start_mark
                part = Part(place.said_in, start, end, mark.line + 1, mark.column + 1, TAG, text[start:end])
                edits.append((part, there.value))
        done = splice(now, edits)
        return done if _moves_alone(now, then, done, place) else None
    except (ConfigError, ValueError):
        return None


def _moves_alone(now: bytes, then: bytes, done: bytes, place: Place) -> bool:
    folder, _, file = place.said_in.rpartition("/")
    before, after = (load_config(it, file, folder) for it in (now, done))
    same = _but_for(before, place.name) == _but_for(after, place.name)
    return same and said_chart(done, place).use == said_chart(then, place).use


def _but_for(config: Config, name: str) -> Document:
    """Return what a headway.yaml says but for the chart of an environment."""
    own = config.environments[name].model_copy(update={"chart": None})
    return config.document.model_copy(update={"environments": {**config.environments, name: own}})


def _at(node: Node | None, *path: str) -> Node | None:
    for step in path:
        node = child(node, step) if isinstance(node, MappingNode) else None
    return node
