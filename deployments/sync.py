"""Make a Prefect server's control room equal to the files, and touch nothing else.

    python -m deployments.sync            make it equal
    python -m deployments.sync --check    only tell what differs; exit code 1 where something does

Deployments are headway's by their tag, automations by the beginning of their name. What a person
paused or disabled in the UI stays so. With HEADWAY_REPO set, headway.yaml says which environments
and services there are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deployments.desired import desired_automation, desired_deployment, desired_pool
from deployments.files import HERE, PROJECT, Wanted, read_yaml, wanted_deployments
from deployments.sameness import differences
from headway.connections import Connections
from headway.domain.config import Config
from headway.errors import HeadwayError, UsageError
from headway.settings import Settings
from headway.systems.prefect_http import PrefectHttp

TAG = "headway"
Tell = Callable[[str], None]


class Sync:
    """One comparison of files and server; `check` changes nothing. Two at once do the same and do no harm."""

    def __init__(self, api: PrefectHttp, settings: Settings, tell: Tell, *, check: bool) -> None:
        self._api, self._settings, self._tell, self._check = api, settings, tell, check
        self.changes = 0

    def run(self, config: Config | None, file: Path, pool: Path) -> None:
        """Compare everything, and change what differs."""
        made = read_yaml(pool)
        self._pool_file = made
        self._pool(made)
        wanted = wanted_deployments(read_yaml(file), config, self._settings.deployments)
        self._deployments(wanted, config)
        self._automations(read_yaml(HERE / "automations.yaml"), config)

    def _say(self, word: str, what: str, details: list[str] | None = None) -> None:
        self.changes += 1
        tail = f" ({', '.join(details)})" if details else ""
        self._tell(f"{'would ' if self._check else ''}{word} {what}{tail}")

    def _pool(self, pool: dict[str, Any]) -> None:
        made = desired_pool(pool)
        found = self._find(f"/work_pools/{made['name']}")
        if found is None:
            self._say("create", f"work pool {made['name']}")
            self._do("POST", "/work_pools/", made)
            return
        settings = {key: value for key, value in made.items() if key not in ("name", "type")}
        if different := differences(found, settings):
            self._say("change", f"work pool {made['name']}", different)
            self._do("PATCH", f"/work_pools/{made['name']}", settings)

    def _deployments(self, wanted: list[Wanted], config: Config | None) -> None:
        there = {it["full_name"]: it for it in self._ours(config)}
        for each in wanted:
            made = desired_deployment(each, config, self._settings, str(self._pool_file["name"]))
            found = there.pop(each.full_name, None) or self._find(
                f"/deployments/name/{each.flow}/{each.name}"
            )
            if found is None:
                self._say("create", f"deployment {each.full_name}")
            elif different := self._changed(found, made):
                self._say("change", f"deployment {each.full_name}", different)
            else:
                continue
            if not self._check:
                flow = self._api.call("POST", "/flows/", {"name": each.flow})
                schedules = _as_paused(made["schedules"], found)
                self._api.call(
                    "POST", "/deployments/", {**made, "schedules": schedules, "flow_id": flow["id"]}
                )
                self._old_schedules(found, made)
        for name, found in there.items():
            self._say("remove", f"deployment {name}")
            self._do("DELETE", f"/deployments/{found['id']}")

    def _changed(self, found: dict[str, Any], made: dict[str, Any]) -> list[str]:
        limit = (found.get("global_concurrency_limit") or {}).get("limit")
        different = differences({**found, "concurrency_limit": limit}, made)
        if len(found["schedules"]) != len(made["schedules"]) and "schedules" not in different:
            different.append("schedules")
        return different

    def _old_schedules(self, found: dict[str, Any] | None, made: dict[str, Any]) -> None:
        """Remove schedules that left the file: Prefect keeps those that have a name."""
        slugs = {it["slug"] for it in made["schedules"]}
        for each in (found or {}).get("schedules", []):
            if each.get("slug") not in slugs:
                assert found is not None
                self._api.call("DELETE", f"/deployments/{found['id']}/schedules/{each['id']}")

    def _ours(self, config: Config | None) -> list[dict[str, Any]]:
        """List the deployments that headway made: those of this application, and those of none."""
        found = self._api.call(
            "POST", "/deployments/filter", {"deployments": {"tags": {"all_": [TAG]}}, "limit": 200}
        )
        flows = {
            it["id"]: it["name"]
            for it in self._api.call(
                "POST",
                "/flows/filter",
                {"flows": {"id": {"any_": [it["flow_id"] for it in found]}}, "limit": 200},
            )
        }
        mine = f"app:{config.app}" if config is not None else ""
        out = []
        for each in found:
            apps = [it for it in each["tags"] if it.startswith("app:")]
            ours = str(each["entrypoint"] or "").startswith("flows.")
            if ours and (mine in apps if apps else not self._settings.deployments):
                out.append({**each, "full_name": f"{flows[each['flow_id']]}/{each['name']}"})
        return out

    def _automations(self, wanted: list[dict[str, Any]], config: Config | None) -> None:
        prefix = self._settings.deployments
        mark = f"{TAG} {prefix}: " if prefix else f"{TAG}: "
        there: dict[str, list[dict[str, Any]]] = {}
        for it in self._named(mark):
            there.setdefault(it["name"], []).append(it)
        for each in wanted:
            tag = f"app:{config.app}" if config is not None else TAG
            made = desired_automation(
                {**each, "name": mark + each["name"]}, tag, self._pool_file, self._id_of
            )
            found = there.pop(made["name"], [])
            if not found:
                self._say("create", f"automation {made['name']!r}")
                self._do("POST", "/automations/", made)
                if not self._check:
                    # Another sync may have made it at the same moment; both then keep the older one.
                    found = self._named(made["name"])
            elif different := differences(found[0], made):
                self._say("change", f"automation {made['name']!r}", different)
                self._do("PUT", f"/automations/{found[0]['id']}", {**made, "enabled": found[0]["enabled"]})
            for double in found[1:]:
                self._say("remove", f"the double of automation {made['name']!r}")
                self._do("DELETE", f"/automations/{double['id']}")
        for name, gone in there.items():
            self._say("remove", f"automation {name!r}")
            for it in gone:
                self._do("DELETE", f"/automations/{it['id']}")

    def _named(self, beginning: str) -> list[dict[str, Any]]:
        """List the automations whose names begin so, the oldest first."""
        found = self._api.call("POST", "/automations/filter", {"limit": 200})
        return sorted((it for it in found if it["name"].startswith(beginning)), key=lambda it: it["created"])

    def _id_of(self, deployment: str) -> str:
        flow, _, name = deployment.partition("/")
        found = self._find(f"/deployments/name/{flow}/{self._settings.deployments}{name}")
        return str(found["id"]) if found else "00000000-0000-0000-0000-000000000000"

    def _find(self, path: str) -> dict[str, Any] | None:
        return self._api.find(path)

    def _do(self, method: str, path: str, body: object = None) -> None:
        if self._check:
            return
        try:
            self._api.call(method, path, body, missing=("", ""))
        except UsageError as error:
            # What is to be removed may be gone by now.
            if error.message or method != "DELETE":
                raise


def _as_paused(schedules: list[dict[str, Any]], found: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Leave schedules as active as people have set them."""
    active = {it.get("slug"): it["active"] for it in (found or {}).get("schedules", ())}
    return [{**it, "active": active.get(it["slug"], True)} for it in schedules]


def sync(settings: Settings, file: Path, pool: Path, tell: Tell, *, check: bool) -> int:
    """Compare a server with the files; give how many things differ, or did."""
    with PrefectHttp(settings.prefect_url()) as api, Connections(settings) as connections:
        config = connections.config(connections.repo.fetch()) if settings.repo else None
        made = Sync(api, settings, tell, check=check)
        made.run(config, file, pool)
        return made.changes


def main() -> int:
    """Run the command; give its exit code."""
    parser = argparse.ArgumentParser(
        prog="deployments/sync", description="Make a Prefect server's control room equal to the files."
    )
    parser.add_argument("--check", action="store_true", help="only tell what differs; exit code 1 then")
    parser.add_argument("--file", type=Path, default=PROJECT, help="the prefect.yaml to read")
    parser.add_argument(
        "--pool", type=Path, default=HERE / "pool.yaml", help="the work pool; pool-kubernetes.yaml for Jobs"
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
