"""deployments/sync against a real Prefect server: what the files say is there, and nothing else is touched."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

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
    verbs = {f"{verb}/{place}" for verb in ("release", "rollback") for place in ("staging", "production")}
    assert names(lab, app) >= verbs | {"reconcile/reconcile", "watch-registry/watch-registry"}
    assert "promote/production" not in names(lab, app), "nothing is promoted where promote_from is not set"
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
    code, answer = ask(lab, app, "release", "staging", wrong)
    assert code == 409
    assert field in answer["detail"]
    right = {"environment": "staging", "images": [{"service": "web", "image": "v2"}], "dry_run": True}
    assert ask(lab, app, "release", "staging", right)[0] == 201


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
    text = (ROOT / "prefect.yaml").read_text()
    less = tmp_path / "prefect.yaml"
    less.write_text(text[: text.index("  - name: set-image")])
    done = app.sync("--file", str(less))
    assert done.code == 0, done.said
    assert f"remove deployment set-image/{app.name}-set-image" in done.out
    # Prefect drops a schedule's parameters when somebody pauses it, so they are put back too.
    assert f"change deployment watch-registry/{app.name}-watch-registry (description, schedules)" in done.out
    assert {"set-image/set-image", "watch-registry/mine"} & names(lab, app) == {"watch-registry/mine"}
    again = deployment(lab, app, "watch-registry", "watch-registry")
    assert again["description"].startswith("Look at the registries")
    assert [it["active"] for it in again["schedules"]] == [False]
    assert [it["parameters"] for it in again["schedules"]] == [{"request": {"actor": "watch-registry"}}]


def test_two_syncs_at_once(lab: Lab, app: App) -> None:
    """Both succeed, and nothing is there twice."""
    command = [sys.executable, "-m", "deployments.sync"]
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
    automations = [it["name"] for it in call(lab, "POST", "/automations/filter", {"limit": 200})[1]]
    mine = [it for it in automations if app.name in it]
    assert sorted(mine) == sorted(set(mine))
    assert len(mine) == 3
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


def test_prefects_own_command_deploys_all(lab: Lab, tmp_path: Path) -> None:
    """`prefect deploy --all` takes the same file."""
    text = (ROOT / "prefect.yaml").read_text()
    (tmp_path / "prefect.yaml").write_text(text)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("prefect")), "--no-prompt", "deploy", "--all"],
        cwd=tmp_path,
        env={**os.environ, "PREFECT_API_URL": lab.prefect_api_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert call(lab, "GET", "/deployments/name/rollback/production")[0] == 200
