"""deployments/sync against a real Prefect server: what the files say is there, and nothing else is touched."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.app import App
from tests.lab.conftest import ROOT, Lab
from tests.lab.test_prefect import call


def names(lab: Lab, app: App) -> set[str]:
    """List the app's own deployments, without its prefix."""
    _, found = call(
        lab, "POST", "/deployments/filter", {"deployments": {"tags": {"all_": [f"app:{app.name}"]}}}
    )
    flows = {it["id"]: it["name"] for it in call(lab, "POST", "/flows/filter", {"limit": 200})[1]}
    return {f"{flows[it['flow_id']]}/{it['name'].removeprefix(app.name + '-')}" for it in found}


def automations(lab: Lab, app: App) -> list[dict[str, Any]]:
    """List the automations whose names have the app's prefix."""
    found = call(lab, "POST", "/automations/filter", {"limit": 200})[1]
    return [it for it in found if app.name in it["name"]]


def deployment(lab: Lab, app: App, flow: str, name: str) -> dict[str, Any]:
    """Read one of the app's deployments."""
    code, found = call(lab, "GET", f"/deployments/name/{flow}/{app.name}-{name}")
    assert code == 200, found
    made: dict[str, Any] = found
    return made


def ask(lab: Lab, app: App, flow: str, name: str, request: dict[str, Any]) -> tuple[int, Any]:
    """Ask for a run; what is accepted is cancelled at once."""
    found = deployment(lab, app, flow, name)
    code, answer = call(
        lab, "POST", f"/deployments/{found['id']}/create_flow_run", {"parameters": {"request": request}}
    )
    if code == 201:
        state = {"state": {"type": "CANCELLED"}, "force": True}
        call(lab, "POST", f"/flow_runs/{answer['id']}/set_state", state)
    return code, answer


def test_every_environment_has_its_verbs_and_twice_changes_nothing(lab: Lab, app: App) -> None:
    """Each environment of headway.yaml gets its deployments; --check tells first; a second sync finds all equal."""
    before = app.sync("--check")
    assert before.code == 1
    assert "would create deployment release/" in before.out
    assert names(lab, app) == set()
    made = app.sync()
    assert made.code == 0, made.said
    verbs = {
        f"{verb}/{verb}-{place}" for verb in ("release", "rollback") for place in ("staging", "production")
    }
    assert names(lab, app) >= verbs | {"reconcile/reconcile", "watch-registry/watch-registry"}
    assert "promote/promote-production" not in names(lab, app), (
        "nothing is promoted where promote_from is not set"
    )
    assert app.sync().out == "equal already\n"
    assert app.sync("--check").code == 0


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"environment": "staging", "images": [{"service": "wbe", "image": "v2"}]}, "wbe"),
        ({"environment": "production", "images": [{"service": "web", "image": "v2"}]}, "environment"),
        ({"environment": "staging", "images": [{"service": "web", "image": "v2"}], "tyop": 1}, "tyop"),
        ({"environment": "staging", "images": "web"}, "images"),
    ],
)
def test_the_server_refuses_wrong_input_by_the_name_of_its_field(
    lab: Lab, app: App, wrong: dict[str, Any], field: str
) -> None:
    """A service that is not there, another environment, an unknown key, a wrong type: no run exists afterwards."""
    app.sync()
    code, answer = ask(lab, app, "release", "release-staging", wrong)
    assert code == 409
    assert field in answer["detail"]
    right = {"environment": "staging", "images": [{"service": "web", "image": "v2"}], "dry_run": True}
    assert ask(lab, app, "release", "release-staging", right)[0] == 201


def test_the_server_refuses_an_unknown_parameter_and_takes_what_automations_give(lab: Lab, app: App) -> None:
    """A parameter beside `request` would crash the run; a plain POST with one is refused by its name."""
    app.sync()
    path = f"/deployments/{deployment(lab, app, 'reconcile', 'reconcile')['id']}/create_flow_run"
    code, answer = call(lab, "POST", path, {"parameters": {"request": {}, "tyop": 1}})
    assert code == 409
    assert "'tyop' was unexpected" in answer["detail"]
    died = {"actor": "headway", "reason": "a run died", "dry_run": True}
    assert ask(lab, app, "reconcile", "reconcile", died)[0] == 201


def test_what_people_added_is_taken_away(lab: Lab, app: App) -> None:
    """Defaults, variables, a limit and a schedule that are in no file: each is told, and gone afterwards."""
    app.sync()
    watch = deployment(lab, app, "watch-registry", "watch-registry")
    path = f"/deployments/{watch['id']}"
    added = {
        "parameters": {"request": {"dry_run": True}},
        "job_variables": {"env": {**watch["job_variables"]["env"], "MORE": "1"}},
        "concurrency_limit": 1,
        "concurrency_options": {"collision_strategy": "CANCEL_NEW"},
    }
    assert call(lab, "PATCH", path, added)[0] == 204
    assert call(lab, "POST", f"{path}/schedules", [{"schedule": {"interval": 99}, "slug": "more"}])[0] == 201
    done = app.sync()
    named = "(parameters, job_variables, concurrency_limit, concurrency_options, schedules)"
    assert done.out == f"change deployment watch-registry/{app.name}-watch-registry {named}\n1 changed\n"
    again = deployment(lab, app, "watch-registry", "watch-registry")
    assert (again["parameters"], again["job_variables"]) == (watch["parameters"], watch["job_variables"])
    assert (again["global_concurrency_limit"], again["concurrency_options"]) == (None, None)
    assert [it["slug"] for it in again["schedules"]] == ["every-five-minutes"]
    assert app.sync().out == "equal already\n"


def test_a_limit_that_people_share_is_let_go_and_not_deleted(lab: Lab, app: App) -> None:
    """A limit of the UI's own list may hold other deployments too; it stays there as it is."""
    app.sync()
    watch = deployment(lab, app, "watch-registry", "watch-registry")
    _, limit = call(lab, "POST", "/v2/concurrency_limits/", {"name": f"{app.name}-people", "limit": 5})
    call(lab, "PATCH", f"/deployments/{watch['id']}", {"global_concurrency_limit_id": limit["id"]})
    assert "(concurrency_limit)" in app.sync().out
    assert deployment(lab, app, "watch-registry", "watch-registry")["global_concurrency_limit"] is None
    code, found = call(lab, "GET", f"/v2/concurrency_limits/{limit['id']}")
    assert (code, found["limit"]) == (200, 5)
    call(lab, "DELETE", f"/v2/concurrency_limits/{limit['id']}")


def test_what_an_older_headway_made_is_taken_over(lab: Lab, app: App) -> None:
    """Without marks, as earlier syncs and `prefect deploy` leave them: changed in place, and nothing is there twice."""
    app.sync()
    before = {name: deployment(lab, app, *name.split("/"))["id"] for name in names(lab, app)}
    old = deployment(lab, app, "reconcile", "reconcile")
    kept = (
        "name",
        "flow_id",
        "entrypoint",
        "tags",
        "parameters",
        "parameter_openapi_schema",
        "work_pool_name",
    )
    call(lab, "POST", "/deployments/", {**{it: old[it] for it in kept}, "labels": {}})
    automation = automations(lab, app)[0]
    unmarked = {it: automation[it] for it in ("name", "description", "enabled", "trigger", "actions")}
    call(lab, "PUT", f"/automations/{automation['id']}", {**unmarked, "tags": []})
    said = app.sync().out
    assert f"change deployment reconcile/{app.name}-reconcile (" in said
    assert f"change automation {automation['name']!r} (tags)" in said
    assert {name: deployment(lab, app, *name.split("/"))["id"] for name in names(lab, app)} == before
    assert automation["id"] in {it["id"] for it in automations(lab, app)}
    assert app.sync().out == "equal already\n"


def test_two_applications_under_one_name(lab: Lab, app: App, tmp_path: Path) -> None:
    """The second one is refused before anything changes, and told of the first one and of prefixes."""
    app.sync()
    before = deployment(lab, app, "release", "release-staging")["tags"]
    other = App(lab.git_dir, lab.git_url, lab.registry, tmp_path)
    other.create()
    for options in ([], ["--check"]):
        done = other.sync(*options, prefix=f"{app.name}-")
        assert done.code == 2
        assert f"is the application {app.name}'s, and headway.yaml is that of {other.name}" in done.err
        assert "HEADWAY_DEPLOYMENTS" in done.err
    assert deployment(lab, app, "release", "release-staging")["tags"] == before
    assert names(lab, other) == set()
    assert app.sync().out == "equal already\n"


def test_what_left_the_files_goes_and_what_people_made_stays(lab: Lab, app: App, tmp_path: Path) -> None:
    """A deployment that left prefect.yaml is removed, a changed one is put back; people's own and a pause stay."""
    app.sync()
    watch = deployment(lab, app, "watch-registry", "watch-registry")
    call(lab, "PATCH", f"/deployments/{watch['id']}", {"description": "scribbled over"})
    schedule = watch["schedules"][0]["id"]
    call(lab, "PATCH", f"/deployments/{watch['id']}/schedules/{schedule}", {"active": False})
    own = {"name": f"{app.name}-mine", "flow_id": watch["flow_id"], "entrypoint": "mine.py:mine"}
    own |= {"tags": ["headway", f"app:{app.name}"]}
    call(lab, "POST", "/deployments/", own)
    # What Duplicate in the UI makes: everything but the labels and the schedules.
    kept = ("flow_id", "entrypoint", "tags", "parameters", "parameter_openapi_schema", "work_pool_name")
    call(lab, "POST", "/deployments/", {**{it: watch[it] for it in kept}, "name": f"{app.name}-copy"})
    automation = {**automations(lab, app)[0], "name": f"headway {app.name}-: page me", "tags": ["headway"]}
    copied = {it: automation[it] for it in ("name", "description", "enabled", "trigger", "actions", "tags")}
    assert call(lab, "POST", "/automations/", copied)[0] == 201
    text = (ROOT / "prefect.yaml").read_text()
    less = tmp_path / "prefect.yaml"
    less.write_text(text[: text.index("  - name: set-image")])
    done = app.sync("--file", str(less))
    assert done.code == 0, done.said
    assert f"remove deployment set-image/{app.name}-set-image" in done.out
    # Prefect drops a schedule's parameters when somebody pauses it, so they are put back too.
    assert f"change deployment watch-registry/{app.name}-watch-registry (description, schedules)" in done.out
    own_ones = {"watch-registry/mine", "watch-registry/copy"}
    assert ({"set-image/set-image"} | own_ones) & names(lab, app) == own_ones
    mine = [it for it in automations(lab, app) if it["name"].endswith(": page me")]
    assert len(mine) == 1
    call(lab, "DELETE", f"/automations/{mine[0]['id']}")
    again = deployment(lab, app, "watch-registry", "watch-registry")
    assert again["description"].startswith("Scan the registries")
    assert [it["active"] for it in again["schedules"]] == [False]
    assert [it["parameters"] for it in again["schedules"]] == [{"request": {"actor": "watch-registry"}}]


def test_two_syncs_at_once(lab: Lab, app: App) -> None:
    """Both succeed, and nothing is there twice."""
    command = [sys.executable, "-m", "headway.deployments.sync"]
    environment = {**app.environment(), "HEADWAY_DEPLOYMENTS": f"{app.name}-"}
    both = [
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(2)
    ]
    for process in both:
        said, _ = process.communicate()
        assert process.returncode == 0, said
    mine = [it["name"] for it in automations(lab, app)]
    assert mine
    assert sorted(mine) == sorted(set(mine))
    assert app.sync().out == "equal already\n"


def test_schedules_make_runs(lab: Lab, app: App) -> None:
    """The server plans the next looks and reconciles: a schedule that is only written down would be none."""
    app.sync()
    found = deployment(lab, app, "reconcile", "reconcile")
    wanted = {
        "deployments": {"id": {"any_": [found["id"]]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }
    while not call(lab, "POST", "/flow_runs/filter", wanted)[1]:
        time.sleep(0.5)


def test_prefects_own_command_deploys_all(lab: Lab, app: App, tmp_path: Path) -> None:
    """`prefect deploy --all` takes the same file, once the command in its head has made the work pool."""
    text = (ROOT / "prefect.yaml").read_text()
    made = re.search(r"^# +(prefect work-pool create (\S+) .*)$", text, re.M)
    assert made
    project = yaml.safe_load(text)
    assert {it["work_pool"]["name"] for it in project["deployments"]} == {made[2]}
    # A pool and names of its own: the lab's are there already, and other tests need them as they are.
    pool = f"{app.name}-plain"
    for each in project["deployments"]:
        each |= {"name": f"{pool}-{each['name']}", "work_pool": {"name": pool}}
    (tmp_path / "prefect.yaml").write_text(yaml.safe_dump(project))
    prefect = str(Path(sys.executable).with_name("prefect"))
    create = [pool if it == made[2] else it for it in made[1].split()[1:]]
    try:
        for words in (create, ["--no-prompt", "deploy", "--all"]):
            done = subprocess.run(
                [prefect, *words],
                cwd=tmp_path,
                env={**os.environ, "PREFECT_API_URL": lab.prefect_api_url},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
        code, found = call(lab, "GET", f"/deployments/name/rollback/{pool}-rollback-production")
        assert (code, found["work_pool_name"]) == (200, pool)
    finally:
        wanted = {"work_pools": {"name": {"any_": [pool]}}}
        for each in call(lab, "POST", "/deployments/filter", wanted)[1]:
            call(lab, "DELETE", f"/deployments/{each['id']}")
        call(lab, "DELETE", f"/work_pools/{pool}")
