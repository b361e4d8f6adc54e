"""Scans of a registry: many repositories by their tags' names, one by its images' times, and again with news."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.measure import Comparison, tell, timed
from benchmarks.registry_place import Bare, RegistryPlace

REPOSITORIES, TAGS = 200, 500
NEW = 3


def by_name(place: RegistryPlace, rounds: int) -> Comparison:
    """Scan 200 repositories of 500 tags, and pick by semver in each."""
    names = place.semver_repositories(REPOSITORIES, TAGS)
    place.start()
    bare = Bare(place.port)
    paths = [f"/v2/{name}/tags/list?n=1000" for name in names]
    row = Comparison(
        f"a scan of {REPOSITORIES} × {TAGS} tags, picked by semver",
        f"{REPOSITORIES} bare requests, 20 at a time",
        f"1.3, {REPOSITORIES} requests, 60 MB",
    )
    bare.all(bare.get, paths)
    for _ in range(rounds):
        row.theirs.append(timed(lambda: bare.all(bare.get, paths)))
        # A process of its own, so that its memory is its own; what it takes to start is left out.
        said = scan_in_a_process(place.host, names)
        row.ours.append(said["seconds"])
    row.note = f"{said['requests']} requests, {said['megabytes']:.0f} MB, CPU {said['cpu']:.2f} s"
    return row


def scan_in_a_process(host: str, names: Iterable[str]) -> dict[str, Any]:
    """Scan and pick in a fresh process; return seconds, requests, megabytes, CPU seconds."""
    done = subprocess.run(
        [sys.executable, "-c", _SCAN, host],
        input=json.dumps(list(names)),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


_SCAN = """
import json, sys, time
from headway.domain.images.reference import ImageRef
from headway.domain.config.model import Tags
from headway.domain.rules.picks import Need, Question, Ranking, choose
from headway.domain.rules.tags import Refused, compile_rule
from headway.systems.registry import http as registry_http
from headway.systems.registry.client import RegistryClient

sent = 0
send = registry_http.Registry._send
def counted(*arguments):
    global sent
    sent += 1
    return send(*arguments)
registry_http.Registry._send = counted
images = [ImageRef(sys.argv[1], name) for name in json.load(sys.stdin)]
rule = compile_rule(Tags(match="semver:*"), False)
client = RegistryClient("/nonexistent")
client.scan_tags(images[:20])
sent, began, cpu = 0, time.perf_counter(), time.process_time()
def pick(name, tags):
    answer = choose(Question(Ranking(rule, tags, lambda sha: Refused(""))))
    assert isinstance(answer, Need) and answer.tags == ("1.499.0",), answer
assert len(client.scan_tags(images, pick)) == len(images)
seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
# Not ru_maxrss: that begins with what the process that started this one had.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"seconds": seconds, "requests": sent, "cpu": cpu, "megabytes": int(peak.split()[1]) / 1024}))
"""


def by_time(place: RegistryPlace, rounds: int) -> list[Comparison]:
    """Order one repository of 500 images by their creation times: cold, and again with three new tags."""
    from headway.domain.images.reference import ImageRef
    from headway.systems.registry.client import RegistryClient
    from headway.systems.registry.facts import FactStore

    place.timed_repository("timed/one", range(TAGS))
    place.start()
    bare = Bare(place.port)
    cold = Comparison(
        f"1 × {TAGS} tags by created time, cold", f"{2 * TAGS + 1:,} bare requests, 20 at a time", "1.1"
    )
    again = Comparison(
        f"the same with {NEW} new tags, after a restart", f"{2 * NEW + 1} bare requests", f"the {NEW} only"
    )

    def ask(tags: list[str]) -> None:
        manifests = bare.all(lambda tag: bare.get(f"/v2/timed/one/manifests/{tag}"), tags)
        configs = [json.loads(it)["config"]["digest"] for it in manifests]
        bare.all(lambda digest: bare.get(f"/v2/timed/one/blobs/{digest}"), configs)

    def listed() -> list[str]:
        tags: list[str] = json.loads(bare.get("/v2/timed/one/tags/list?n=1000"))["tags"]
        return tags

    def scan(folder: Path) -> int:
        """Scan with a fresh client on a store; return the number of requests."""
        from headway.systems.registry import http as registry_http

        sent = [0]
        send = registry_http.Registry._send

        def counted(*arguments: Any) -> Any:
            sent[0] += 1
            return send(*arguments)

        registry_http.Registry._send = counted  # type: ignore[method-assign]
        try:
            with RegistryClient("/nonexistent", FactStore(folder / "facts.sqlite")) as client:
                image = ImageRef(place.host, "timed/one")
                tags = client.tags(image)
                found = client.scan_facts(image.pinned(tag, None) for tag in tags)
                assert all(getattr(it, "created", None) for it in found.values())
        finally:
            registry_http.Registry._send = send  # type: ignore[method-assign]
        return sent[0]

    requests = 0
    ask(listed())
    for number in range(rounds):
        tell(f"  round {number + 1} of {rounds}")
        with tempfile.TemporaryDirectory() as folder:
            cold.theirs.append(timed(lambda: ask(listed())))
            counts: list[int] = []
            cold.ours.append(timed(lambda: counts.append(scan(Path(folder)))))  # noqa: B023
            cold.note = f"{counts[0]:,} requests"
            first = TAGS + number * NEW
            place.timed_repository("timed/one", range(first, first + NEW))
            new = [f"build-{it}" for it in range(first, first + NEW)]
            again.theirs.append(timed(lambda: ask([it for it in listed() if it in new])))  # noqa: B023
            again.ours.append(timed(lambda: counts.append(scan(Path(folder)))))  # noqa: B023
            requests = counts[1]
    again.note = f"{requests} requests"
    return [cold, again]


def run_all(rounds: int) -> list[Comparison]:
    """Measure on registries of their own."""
    os.environ.setdefault("NO_PROXY", "127.0.0.1")
    rows: list[Comparison] = []
    for measure in (by_name, by_time):
        place = RegistryPlace()
        try:
            found = measure(place, rounds)
            rows += found if isinstance(found, list) else [found]
        finally:
            place.stop()
    return rows
