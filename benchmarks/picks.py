"""Picks among ten thousand tags by every order, and a pass over a thousand services with nothing new."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.measure import Comparison, tell, timed
from benchmarks.registry_place import RegistryPlace

TAGS = 10_000
SERVICES, ENVIRONMENTS = 1000, ("dev", "staging", "production")


def orders() -> list[tuple[str, dict[str, Any], list[str], Any]]:
    """Return each order with a rule, tags, and what places them."""
    shas = [f"{number * 7919:040x}"[::-1] for number in range(TAGS)]
    places = {sha: number for number, sha in enumerate(shas)}
    times = {f"t{number}": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(number) for number in range(TAGS)}
    return [
        (
            "semver",
            {"match": "semver:>=1.2 <90"},
            [f"{n // 100}.{n % 100}.{n % 7}" for n in range(TAGS)],
            None,
        ),
        ("commit", {"order": "commit"}, [f"sha-{sha}" for sha in shas], places.__getitem__),
        (
            "number",
            {"match": r"regex:build-(?P<number>\d+)", "order": "number"},
            [f"build-{n}" for n in range(TAGS)],
            None,
        ),
        (
            "alphabetical",
            {"match": "glob:main-*", "order": "alphabetical"},
            [f"main-{n:06}" for n in range(TAGS)],
            None,
        ),
        ("created", {"match": "glob:*", "order": "created"}, list(times), times.__getitem__),
        (
            "timestamp",
            {"match": r"regex:.*-(?P<timestamp>\d{14})", "order": "timestamp", "format": "%Y%m%d%H%M%S"},
            [f"main-{datetime(2026, 1, 1) + timedelta(seconds=n):%Y%m%d%H%M%S}" for n in range(TAGS)],
            None,
        ),
    ]


def pick_rows(rounds: int) -> list[Comparison]:
    """Pick cold: nothing of the tags was ever read before."""
    from headway.domain.config.model import Tags
    from headway.domain.rules import semver
    from headway.domain.rules import times as tagtimes
    from headway.domain.rules.picks import Need, Question, Ranking, choose
    from headway.domain.rules.tags import compile_rule

    rows = []
    for name, rule, tags, position in orders():
        row = Comparison(f"pick among {TAGS:,} tags by {name}", "sorting the names", "0.05 s")
        for _ in range(rounds):
            semver.version_key.cache_clear()
            tagtimes._parsed.cache_clear()
            row.theirs.append(timed(lambda: sorted(tags)))  # noqa: B023

            def pick() -> None:
                compiled = compile_rule(Tags(**rule), True)  # noqa: B023
                assert isinstance(choose(Question(Ranking(compiled, tags, position))), Need)  # noqa: B023

            row.ours.append(timed(pick))
        rows.append(row)
    return rows


def nothing_new(rounds: int) -> Comparison:
    """Look at 1,000 services in three environments where nothing is new."""
    registry = RegistryPlace()
    folder = Path(tempfile.mkdtemp(prefix="headway-bench-"))
    try:
        return _nothing_new(registry, folder, rounds)
    finally:
        registry.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _nothing_new(registry: RegistryPlace, folder: Path, rounds: int) -> Comparison:
    names = registry.semver_repositories(SERVICES, 20)
    digest = registry.image()
    registry.start()
    repo = folder / "config"
    services = "".join(
        f"  s{number}: {{image: {registry.host}/{name}, tags: {{match: 'semver:*'}}}}\n"
        for number, name in enumerate(names)
    )
    environments = "".join(
        f"  {it}: {{path: {it}, release: automatic, cluster: {{namespace: {it}}}}}\n" for it in ENVIRONMENTS
    )
    for environment in ENVIRONMENTS:
        (repo / environment).mkdir(parents=True)
        for number, name in enumerate(names):
            (repo / environment / f"s{number}.yaml").write_text(
                "apiVersion: apps/v1\nkind: Deployment\n"
                f"metadata: {{name: s{number}}}\nspec: {{template: {{spec: {{containers: "
                f'[{{name: web, image: "{registry.host}/{name}:1.19.0@{digest}"}}]}}}}}}\n'
            )
    (repo / "headway.yaml").write_text(
        f"version: 1\napp: bench\nservices:\n{services}environments:\n{environments}"
    )
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all"],
        ["-c", "user.name=b", "-c", "user.email=b@b.example", "commit", "--quiet", "-m", "Start"],
    ):
        subprocess.run(["git", "-C", str(repo), *command], check=True)
    os.environ["HEADWAY_REPO"], os.environ["HEADWAY_STATE"] = str(repo), str(folder / "state")
    from headway.flows.watch_registry import watch_images
    from headway.operations.connections import Connections
    from headway.requests import WatchRequest
    from headway.runtime import local

    local.listen(lambda *_: None)
    row = Comparison(
        f"nothing new, {SERVICES:,} services × {len(ENVIRONMENTS)} environments", "–", "CPU 2 s a pass"
    )
    used: list[float] = []
    with Connections() as connections:
        for _ in range(rounds + 1):
            before, began = _cpu(), time.perf_counter()
            done = watch_images(connections, WatchRequest())
            row.ours.append(time.perf_counter() - began)
            used.append(_cpu() - before)
            assert done == {it: {"state": "nothing new"} for it in ENVIRONMENTS}, done
    row.note = f"CPU {sorted(used[1:])[len(used) // 2 - 1]:.2f} s a pass; the first {used[0]:.2f} s"
    row.ours = row.ours[1:]
    return row


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(it.ru_utime + it.ru_stime for it in used)


def run_all(rounds: int) -> list[Comparison]:
    """Measure both."""
    tell("  picks")
    rows = pick_rows(rounds)
    tell("  nothing new")
    return [*rows, nothing_new(rounds)]
