"""One scan of the registries: what automation would release in each environment, and why.

It asks each repository once, whatever the number of environments, and changes nothing.
What is not known of a repository (its registry is down, it is not there) is an answer of
its own for the services of that repository, and delays nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from headway.domain.images.reference import ImageRef
from headway.domain.releases.plans import images_of
from headway.domain.rules.lookups import Key, by_time, ranked_by_name, without_source
from headway.domain.rules.picks import Question, Ranking
from headway.domain.rules.tags import Position, TagRule
from headway.errors import HeadwayError
from headway.operations.connections import Connections
from headway.operations.scan.answering import answer_all
from headway.operations.scan.histories import read_histories
from headway.operations.scan.listing import list_tags
from headway.operations.scan.result import Scan
from headway.operations.scan.times import read_times
from headway.operations.snapshot import Snapshot


def scan(
    connections: Connections,
    snapshot: Snapshot,
    wanted: Iterable[Key],
    runs: Mapping[Key, ImageRef] | None = None,
) -> Scan:
    """Ask the registries about services in environments, and pick for each, as if what is in `runs` ran there."""
    found, config, registry = Scan(snapshot.commit), snapshot.config, connections.registry
    rules = {key: rule for key in wanted if (rule := config.rule(*key)) is not None}
    images = {service: config.services[service].ref for _, service in rules}
    made: dict[tuple[str, int], Ranking] = {}

    def ranking(service: str, rule: TagRule, tags: list[str], position: Position) -> Ranking:
        key = (service, id(rule))
        if key not in made:
            made[key] = Ranking(rule, tags, position)
        return made[key]

    def rank(service: str, tags: list[str]) -> None:
        # What the names alone say is worked out while other registries and lists are waited for.
        for rule in ranked_by_name(rules, service):
            ranking(service, rule, tags, by_time({}))

    tags, unlisted = list_tags(registry, rules, images, rank)
    lines, unread = read_histories(connections, snapshot, rules, tags)
    times, unknown = read_times(registry, rules, tags, images)
    found.errors = {**unlisted, **unread, **unknown}
    current = {name: _current(snapshot, name, found) for name in dict.fromkeys(name for name, _ in rules)}
    for (name, service), rule in rules.items():
        if service in found.errors or service not in current[name]:
            continue
        position = by_time(times.get((service, rule.platform), {}))
        if rule.order == "commit":
            position = lines[service].place if service in lines else without_source
        supposed = (runs or {}).get((name, service))
        found.questions[name, service] = Question(
            ranking(service, rule, tags[service], position),
            (supposed,) if supposed is not None else current[name][service],
            snapshot.holds.vetoes_for_pick(name, service),
            position,
            {},
        )
    answer_all(connections, snapshot, images, found)
    return found


def _current(snapshot: Snapshot, name: str, found: Scan) -> dict[str, tuple[ImageRef, ...]]:
    """Return what the repo says that each service of an environment runs: several images where containers disagree."""
    try:
        desired = snapshot.environment(name)
    except HeadwayError as error:
        found.unread[name] = error
        return {}
    images = images_of(snapshot.config, desired.indexes)
    return {service: tuple(it.ref for it in several if it.ref) for service, several in images.items()}
