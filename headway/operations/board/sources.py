"""What the board asks now and then: the registries, the source repos, and the clusters for drift."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from headway.domain.board.facts import Candidate
from headway.domain.images.reference import Image
from headway.domain.rules.lookups import commit_names
from headway.domain.rules.tags import Refused, commit_in
from headway.errors import HeadwayError
from headway.operations.board.clusters import services_by_object
from headway.operations.comparison import drift_of
from headway.operations.connections import Connections
from headway.operations.preview import would_release
from headway.operations.snapshot import Snapshot


def candidates_of(connections: Connections, snapshot: Snapshot) -> tuple[dict[str, Candidate], str]:
    """Return for each service what its rule takes from the registry now, or why nothing, and any error."""
    found: dict[str, Candidate] = {}
    errors: dict[str, None] = {}
    now = datetime.now(UTC)
    for name, rules in snapshot.config.environments.items():
        if rules.promote_from:
            continue
        try:
            rows = would_release(connections, snapshot, name, now)
        except HeadwayError as error:
            errors[error.message] = None
            continue
        for row in rows:
            if row["service"] not in found:
                found[row["service"]] = Candidate(row["image"], row["why"])
    return found, "; ".join(errors)


def subjects_of(connections: Connections, snapshot: Snapshot, images: Iterable[str]) -> dict[str, str]:
    """Return the subjects of the source commits that images' tags name; empty where the history has none.

    An image whose source repo cannot be read is left out, and asked for again.
    """
    by_source: dict[str, list[tuple[str, str]]] = {}
    found: dict[str, str] = {}
    for image in images:
        if (reference := Image(image).ref) is None:
            continue
        service = snapshot.config.owner(reference)
        tag = reference.tag or ""
        if service is None or snapshot.config.services[service].source is None or not commit_names([tag]):
            found[image] = ""
            continue
        by_source.setdefault(service, []).append((image, tag))
    for service, several in by_source.items():
        source = snapshot.config.services[service].source
        assert source is not None
        try:
            history = connections.history(source)
            line = history.line(commit_names(tag for _, tag in several))
            known = {image: commit_in(tag, line.find) for image, tag in several}
            commits = {image: "" if isinstance(it, Refused) else it for image, it in known.items()}
            subjects = history.subjects(filter(None, commits.values()))
        except HeadwayError:
            continue
        found |= {image: subjects.get(commit, "") for image, commit in commits.items()}
    return found


def drifted_in(connections: Connections, snapshot: Snapshot, name: str) -> frozenset[str]:
    """Return the services of an environment that have an object which is not in the cluster as in the repo."""
    desired = snapshot.environment(name)
    services = services_by_object(desired)
    drifts = drift_of(connections, desired, lambda line: None)
    return frozenset(
        service for it in drifts if it.action != "keep" for service in services.get(it.object, ())
    )
