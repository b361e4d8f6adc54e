"""Make a Prefect server's deployments, automations and work pool match the files, and touch nothing else.

    python -m headway.deployments.sync            make it equal
    python -m headway.deployments.sync --check    only tell what differs; exit code 1 where something does

What sync made carries a mark (deployments/owner.py); all else stays as it is. What a person paused or
disabled in the UI stays so. With HEADWAY_REPO set, headway.yaml says which environments and services
there are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headway.deployments.alarms import alarm_block, without_alarms
from headway.deployments.desired import desired_automation, desired_deployment, desired_pool
from headway.deployments.files import HERE, PROJECT, read_yaml, wanted_deployments
from headway.deployments.owner import LABEL, TAG, Owner
from headway.deployments.sameness import differences
from headway.domain.config.reading import Config
from headway.domain.runs.background import QUEUE
from headway.domain.runs.claims import REPO_LABEL
from headway.errors import HeadwayError, UsageError
from headway.operations.connections import Connections
from headway.settings import Settings
from headway.systems.prefect.http import PrefectHttp

Tell = Callable[[str], None]


class Sync:
    """One comparison of files and server; `check` changes nothing. Two at once do the same and do no harm.

    So may each call be sent twice, and a server that is slow is asked again.
    """

    def __init__(self, api: PrefectHttp, settings: Settings, tell: Tell, *, check: bool) -> None:
        self._api, self._settings, self._tell, self._check = api, settings, tell, check
        self.changes = 0

    def run(self, config: Config | None, file: Path, pool: Path, version: str = "") -> None:
        """Compare everything, and change what differs; `version` is what runs show of the deployments from now on."""
        made = read_yaml(pool)
        owner = Owner(
            config.app if config is not None else "", self._settings.deployments, self._settings.repo
        )
        wanted = wanted_deployments(read_yaml(file), config, owner.prefix)
        bodies = {
            it.full_name: desired_deployment(it, config, self._settings, owner, str(made["name"]), version)
            for it in wanted
        }
        # What is somebody else's is refused before anything is changed.
        there = self._there(list(bodies), owner)
        self._pool(made)
        self._queue(str(made["name"]))
        self._deployments(bodies, there)
        block = alarm_block(
            self._api, config, self._settings, owner, self._say, self._tell, check=self._check
        )
        automations = read_yaml(HERE / "automations.yaml")
        self._automations(automations if block else without_alarms(automations), owner, made, block)

    def _say(self, word: str, what: str, details: list[str] | None = None) -> None:
        self.changes += 1
        tail = f" ({', '.join(details)})" if details else ""
        self._tell(f"{'would ' if self._check else ''}{word} {what}{tail}")

    def _pool(self, pool: dict[str, Any]) -> None:
        made = desired_pool(pool)
        path = f"/work_pools/{made['name']}"
        found = self._api.find(path)
        if found is None:
            self._say("create", f"work pool {made['name']}")
            try:
                self._do("POST", "/work_pools/", made)
            except UsageError:
                # Another sync may have made it at the same moment.
                if self._api.find(path) is None:
                    raise
            return
        if found["type"] != made["type"]:
            raise UsageError(
                f"the work pool {made['name']} is of the type {found['type']}; {made['type']} is expected",
                hint="the type of a pool cannot be changed: give --pool a file with another name, or delete the pool",
            )
        settings = {key: value for key, value in made.items() if key not in ("name", "type")}
        if different := differences(found, settings):
            self._say("change", f"work pool {made['name']}", different)
            self._do("PATCH", path, settings)

    def _queue(self, pool: str) -> None:
        """See that the pool has a queue for background runs. A new queue comes after those that are there."""
        path = f"/work_pools/{pool}/queues"
        if self._api.find(f"{path}/{QUEUE}") is None:
            self._say("create", f"work queue {QUEUE} of {pool}")
            body = {
                "name": QUEUE,
                "description": "Scans and reconciles: they come after runs that people start.",
            }
            try:
                self._do("POST", f"{path}/", body)
            except UsageError:
                # Another sync may have made it at the same moment.
                if self._api.find(f"{path}/{QUEUE}") is None:
                    raise

    def _there(self, names: list[str], owner: Owner) -> dict[str, dict[str, Any]]:
        """Return what the server has under the wanted names, and what else sync made for this owner."""
        tagged = self._all("/deployments/filter", {"deployments": {"tags": {"all_": [TAG]}}})
        there = {name: it for it in tagged if (name := owner.named(it))}
        for name in names:
            if found := there.get(name) or self._api.find(f"/deployments/name/{name}"):
                owner.take_over(name, found)
                there[name] = found
        return there

    def _deployments(self, bodies: dict[str, dict[str, Any]], there: dict[str, dict[str, Any]]) -> None:
        for name, made in bodies.items():
            found = there.get(name)
            if found is None:
                self._say("create", f"deployment {name}")
            elif different := differences(_as_sent(found), _without_version(made)):
                self._say("change", f"deployment {name}", different)
            elif found.get("version") == made["version"]:
                continue
            if not self._check:
                flow = self._api.send("POST", "/flows/", {"name": name.partition("/")[0]}, keyed=True).json()
                body = {**made, **_kept(made, found), "flow_id": flow["id"]}
                self._api.send("POST", "/deployments/", body, keyed=True)
        for name, found in there.items():
            if name not in bodies:
                self._say("remove", f"deployment {name}")
                self._do("DELETE", f"/deployments/{found['id']}")

    def _automations(
        self, wanted: list[dict[str, Any]], owner: Owner, pool: dict[str, Any], block: str
    ) -> None:
        there = self._named(owner)
        for each in wanted:
            made = desired_automation(each, owner, pool, self._id_of, block)
            found = _of_name(there, made["name"], owner)
            if not found:
                self._say("create", f"automation {made['name']!r}")
                self._do("POST", "/automations/", made)
                if not self._check:
                    # Another sync may have made it at the same moment; both then keep the older one.
                    found = _of_name(self._named(owner), made["name"], owner)
            elif different := differences(found[0], made):
                self._say("change", f"automation {made['name']!r}", different)
                self._do("PUT", f"/automations/{found[0]['id']}", {**made, "enabled": found[0]["enabled"]})
            for double in found[1:]:
                self._say("remove", f"the double of automation {made['name']!r}")
                self._do("DELETE", f"/automations/{double['id']}")
        names = {owner.beginning + it["name"] for it in wanted}
        for gone in there:
            if owner.made(gone) and gone["name"] not in names:
                self._say("remove", f"automation {gone['name']!r}")
                self._do("DELETE", f"/automations/{gone['id']}")

    def _named(self, owner: Owner) -> list[dict[str, Any]]:
        """List the automations whose names begin as the owner's do, the oldest first."""
        found = self._all("/automations/filter", {})
        ours = (it for it in found if it["name"].startswith(owner.beginning))
        return sorted(ours, key=lambda it: (it["created"], it["id"]))

    def _id_of(self, deployment: str) -> str:
        flow, _, name = deployment.partition("/")
        found = self._api.find(f"/deployments/name/{flow}/{self._settings.deployments}{name}")
        return str(found["id"]) if found else "00000000-0000-0000-0000-000000000000"

    def _all(self, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        """Return all that a filter finds: the server gives a page at a time, of its own size."""
        found: dict[str, dict[str, Any]] = {}
        offset = 0
        # The newest first: what is made meanwhile moves the rest to later pages, where it is seen again.
        body = {**body, "sort": "CREATED_DESC"}
        while page := self._api.send("POST", path, {**body, "offset": offset}, keyed=True).json():
            found |= {it["id"]: it for it in page}
            offset += len(page)
        return list(found.values())

    def _do(self, method: str, path: str, body: object = None) -> None:
        if self._check:
            return
        try:
            missing = ("", "") if method == "DELETE" else None
            self._api.send(method, path, body, missing, keyed=True)
        except UsageError as error:
            # What is to be removed may be gone by now.
            if error.message:
                raise


def _of_name(there: list[dict[str, Any]], name: str, owner: Owner) -> list[dict[str, Any]]:
    """Return the automations of a name that sync made; without one, the one that an older sync made, with no mark."""
    same = [it for it in there if it["name"] == name]
    return [it for it in same if owner.made(it)] or [it for it in same if not it["tags"]][:1]


def _without_version(made: dict[str, Any]) -> dict[str, Any]:
    """Return a deployment without what moves on with each commit: a newer commit alone is no difference to tell of."""
    return {key: value for key, value in made.items() if key != "version"}


def _as_sent(found: dict[str, Any]) -> dict[str, Any]:
    """Return a deployment as it would be sent: the server shows its limit elsewhere, and adds labels of its own."""
    labels = found["labels"] or {}
    return {
        **found,
        "concurrency_limit": (found["global_concurrency_limit"] or {}).get("limit"),
        "labels": {name: labels[name] for name in (LABEL, REPO_LABEL) if name in labels},
    }


def _kept(made: dict[str, Any], found: dict[str, Any] | None) -> dict[str, Any]:
    """Return what a change leaves to people: a schedule's pause, and a limit that other deployments have too."""
    found = found or {"schedules": [], "global_concurrency_limit": None}
    active = {it["slug"]: it["active"] for it in found["schedules"]}
    kept: dict[str, Any] = {
        "schedules": [{**it, "active": active.get(it["slug"], True)} for it in made["schedules"]]
    }
    limit = found["global_concurrency_limit"]
    if limit and limit["name"] != f"deployment:{found['id']}":
        # Left alone, it would be changed, or deleted, for all that share it.
        kept["global_concurrency_limit_id"] = None
    return kept


def sync(settings: Settings, file: Path, pool: Path, tell: Tell, *, check: bool) -> int:
    """Compare a server with the files; return how many things differ, or did."""
    with PrefectHttp(settings.prefect_url()) as api, Connections(settings) as connections:
        head = connections.repo.fetch() if settings.repo else ""
        made = Sync(api, settings, tell, check=check)
        made.run(connections.config(head) if head else None, file, pool, head[:9])
        return made.changes


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="deployments/sync",
        description="Make deployments, automations and the work pool of a Prefect server match the files.",
    )
    parser.add_argument(
        "--check", action="store_true", help="only show what differs; exit with 1 if anything does"
    )
    parser.add_argument("--file", type=Path, default=PROJECT, help="the prefect.yaml to read")
    parser.add_argument(
        "--pool",
        type=Path,
        default=HERE / "pool.yaml",
        help="the work pool to use; pool-kubernetes.yaml for Jobs",
    )
    wanted = parser.parse_args()
    try:
        changes = sync(Settings(), wanted.file, wanted.pool, print, check=wanted.check)
    except HeadwayError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print("equal already" if not changes else f"{changes} {'to change' if wanted.check else 'changed'}")
    return int(wanted.check and changes > 0)


if __name__ == "__main__":
    sys.exit(main())
