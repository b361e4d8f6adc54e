"""What deployments/sync wants, what it takes for different, and whose it says a thing is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from headway.deployments.alarms import KIND
from headway.deployments.desired import desired_automation, desired_pool
from headway.deployments.files import HERE, read_yaml
from headway.deployments.owner import MADE, Owner
from headway.deployments.sameness import differences
from headway.deployments.sync import Sync
from headway.errors import UsageError
from headway.settings import Settings
from headway.systems.prefect.http import PrefectHttp
from tests.deployments.shop import AUTOMATIONS, PROJECT, SHOP, WANTED, body
from tests.servers.http import HttpServer, Sent


def on_server(name: str, owner: Owner = SHOP, /, **changed: Any) -> dict[str, Any]:
    """Return a deployment as the server shows it once sync made it, as far as its owner looks at it."""
    made = {"name": name.partition("/")[2], "tags": ["headway", *owner.tags], "labels": owner.label(name)}
    return {**made, "entrypoint": "headway.flows.release:release", **changed}


@pytest.mark.parametrize(
    ("key", "found", "wanted", "same"),
    [
        ("parameters", {"request": {"environment": "staging"}}, {"request": {"environment": "staging"}}, True),
        ("parameters", {"request": {"environment": "staging", "force": True}}, {"request": {"environment": "staging"}}, False),
        ("parameters", {"request": {"dry_run": False}}, {"request": {}}, False),
        ("job_variables", {"env": {"A": "b"}}, {}, False),
        ("job_variables", {}, {"env": {"A": "b"}}, False),
        ("parameter_openapi_schema", {"properties": {"old": {}}}, {"properties": {}}, False),
        ("base_job_template", {"variables": {"env": {"default": {"A": "b", "C": "d"}}}}, {"variables": {"env": {"default": {"A": "b"}}}}, False),
        ("tags", ["b", "a"], ["a", "b"], True),
        ("tags", ["a", "b", "c"], ["a", "b"], False),
        ("concurrency_limit", 1, None, False),
        ("concurrency_options", {"collision_strategy": "CANCEL_NEW", "grace_period_seconds": None}, {"collision_strategy": "CANCEL_NEW"}, True),
        ("schedules", [{"id": "1", "active": False, "slug": "s", "schedule": {"interval": 300.0, "timezone": "UTC"}}], [{"slug": "s", "schedule": {"interval": 300}}], True),
        ("schedules", [{"slug": "s", "parameters": {"request": {"force": True}}}], [{"slug": "s", "parameters": {"request": {}}}], False),
        ("schedules", [{"slug": "s"}, {"slug": "mine"}], [{"slug": "s"}], False),
        ("trigger", {"id": "1", "after": [], "expect": ["b", "a"]}, {"expect": ["a", "b"]}, True),
        ("trigger", {"after": ["c"], "expect": ["a"]}, {"expect": ["a"]}, False),
        ("actions", [{"type": "run-deployment", "source": "selected", "job_variables": None}], [{"type": "run-deployment"}], True),
        ("actions", [{"type": "run-deployment", "job_variables": {"env": {}}}], [{"type": "run-deployment"}], False),
    ],
)  # fmt: skip
def test_what_counts_as_different(key: str, found: Any, wanted: Any, same: bool) -> None:
    """What people fill in is compared whole; elsewhere the server may add what is its own, or empty."""
    assert differences({key: found}, {key: wanted}) == ([] if same else [key])


def test_a_copy_is_not_what_it_is_a_copy_of() -> None:
    """The mark names the deployment: a copy under another name, or of another prefix or application, is not ours."""
    assert SHOP.named(on_server("release/staging")) == "release/staging"
    assert SHOP.named(on_server("release/staging", name="staging-mine")) == ""
    assert SHOP.named(on_server("release/staging", labels={"prefect.flow.id": "1"})) == ""
    other = Owner("shop", "a-")
    assert other.named(on_server("release/a-staging", other)) == "release/a-staging"
    assert SHOP.named(on_server("release/a-staging", other)) == ""
    assert other.named(on_server("release/staging")) == ""
    assert Owner("store", "").named(on_server("release/staging")) == ""


def test_what_an_older_headway_made_is_taken_over() -> None:
    """Without a mark and under a wanted name: headway's own flow, of this application or of none, is no stranger."""
    SHOP.take_over("release/staging", on_server("release/staging", labels={}))
    SHOP.take_over("release/staging", on_server("release/staging", labels=None, tags=["headway"]))
    SHOP.take_over("release/staging", on_server("release/staging", tags=[]))


@pytest.mark.parametrize(
    ("owner", "found", "said", "hint"),
    [
        (Owner("store", ""), {}, "application shop's, and headway.yaml is that of store", "HEADWAY_DEPLOYMENTS"),
        (Owner("", ""), {}, "application shop's, and HEADWAY_REPO is not set", "HEADWAY_REPO to the config repo of shop"),
        (SHOP, {"labels": {}, "tags": ["ours"]}, "not headway's", "HEADWAY_DEPLOYMENTS"),
        (SHOP, {"labels": {}, "entrypoint": "mine.py:release"}, "not headway's", "rename it"),
    ],
)  # fmt: skip
def test_what_is_somebody_elses_is_not_written_over(
    owner: Owner, found: dict[str, Any], said: str, hint: str
) -> None:
    """Two applications without a prefix, or a stranger's deployment of the same name: refused, with the way out."""
    with pytest.raises(UsageError) as caught:
        owner.take_over("release/staging", on_server("release/staging", **found))
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_an_automation_is_ours_by_its_mark_too() -> None:
    """A name that begins like headway's is not enough."""
    made = desired_automation(AUTOMATIONS[0], SHOP, {}, str)
    assert SHOP.made(made)
    assert MADE in made["tags"]
    assert not SHOP.made({**made, "tags": ["headway"]})
    assert not SHOP.made({**made, "name": "headway a-: " + AUTOMATIONS[0]["name"]})
    assert not Owner("store", "").made(made)


def test_automations_start_what_is_there() -> None:
    """Each deployment that an action names is one of prefect.yaml."""
    named = {action["deployment"] for it in AUTOMATIONS for action in it["actions"] if "deployment" in action}
    assert named
    assert named <= set(WANTED)


@pytest.mark.parametrize("each", PROJECT["deployments"], ids=lambda it: f"{it['entrypoint']} {it['name']}")
def test_every_description_has_an_example(each: dict[str, Any]) -> None:
    """A stranger sees what to type."""
    assert "\nExample: " in each["description"]


@pytest.mark.parametrize(
    "repo",
    [
        "https://TOKEN@git.example.com/config.git",
        "HTTPS://ann:secret@git.example.com/config.git",
        "http://:secret@git.example.com/config.git",
        "ssh://git:secret@git.example.com/config.git",
    ],
)
def test_a_login_in_the_repos_url_is_not_shown(repo: str) -> None:
    """Job variables are for all to see in the UI, so a URL with a token or a password does not go there."""
    with pytest.raises(UsageError, match="HEADWAY_REPO holds a login") as caught:
        body(WANTED["reconcile/reconcile"], settings=Settings(repo=repo, deployments="a-"))
    assert "credential helper" in caught.value.hint
    assert "TOKEN" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "repo",
    [
        "https://git.example.com/config.git",
        "ssh://git@git.example.com/config.git",
        "git@git.example.com:config.git",
        "/srv/git/config.git",
    ],
)
def test_a_repos_url_without_a_login_goes_to_the_runs(repo: str) -> None:
    """The user of SSH is no secret."""
    made = body(WANTED["reconcile/reconcile"], settings=Settings(repo=repo, deployments="a-"))
    assert made["job_variables"]["env"]["HEADWAY_REPO"] == repo


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """A server that answers as it is told."""
    made = HttpServer()
    yield made
    made.close()


def test_more_deployments_than_a_page_holds(server: HttpServer, tmp_path: Path) -> None:
    """The server gives a page at a time, of a size of its own; what left the files is found on the last one, too."""
    owner = Owner("", "")
    there = [on_server(f"release/e{number}", owner, id=f"{number}") for number in range(5)]
    server.standing["/api/deployments/filter"] = lambda sent: there[sent.data["offset"] :][:2]
    server.standing["/api/automations/filter"] = lambda sent: []
    server.standing["/api/work_pools/headway"] = lambda sent: desired_pool(read_yaml(HERE / "pool.yaml"))
    file = tmp_path / "prefect.yaml"
    file.write_text(yaml.safe_dump({"deployments": []}))
    said: list[str] = []
    with PrefectHttp(server.url + "/api") as api:
        Sync(api, Settings(), said.append, check=True).run(None, file, HERE / "pool.yaml")
    removed = [it for it in said if "deployment" in it]
    assert removed == [f"would remove deployment release/e{number}" for number in range(5)]


def test_a_connection_that_breaks_is_no_reason_to_end(
    server: HttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call whose answer never came is sent again, whatever it is: the same again changes nothing."""
    monkeypatch.setattr("headway.systems.prefect.http.time.sleep", lambda _: None)
    broken: set[tuple[str, str]] = set()

    def first_breaks(answer: Any) -> Any:
        def give(sent: Sent) -> Any:
            if (call := (sent.method, sent.path)) not in broken:
                broken.add(call)
                raise ConnectionError
            return answer(sent) if callable(answer) else answer

        return give

    old = on_server("release/old", Owner("", ""), id="1")
    pool = {**desired_pool(read_yaml(HERE / "pool.yaml")), "description": "scribbled over"}
    server.standing["/api/deployments/filter"] = first_breaks(lambda sent: [old][sent.data["offset"] :])
    server.standing["/api/deployments/1"] = first_breaks({})
    server.standing["/api/work_pools/headway"] = first_breaks(pool)
    server.standing["/api/automations/filter"] = first_breaks([])
    server.standing["/api/automations/"] = first_breaks({})
    block = f"/api/block_types/slug/{KIND}/block_documents/name/headway-alarms"
    server.standing[block] = lambda sent: {"id": "2"}
    file = tmp_path / "prefect.yaml"
    file.write_text(yaml.safe_dump({"deployments": []}))
    with PrefectHttp(server.url + "/api") as api:
        Sync(api, Settings(), lambda _: None, check=False).run(None, file, HERE / "pool.yaml")
    assert {
        ("POST", "/api/deployments/filter"),
        ("DELETE", "/api/deployments/1"),
        ("PATCH", "/api/work_pools/headway"),
        ("POST", "/api/automations/"),
    } <= broken
    for call in broken:
        assert sum((it.method, it.path) == call for it in server.sent) >= 2, call


def test_a_work_pool_of_another_type_is_not_changed(server: HttpServer, tmp_path: Path) -> None:
    """A pool's type cannot be changed, and a process pool's template is of no use to another."""
    server.standing["/api/deployments/filter"] = lambda sent: []
    server.standing["/api/work_pools/headway"] = lambda sent: {"name": "headway", "type": "docker"}
    file = tmp_path / "prefect.yaml"
    file.write_text(yaml.safe_dump({"deployments": []}))
    with PrefectHttp(server.url + "/api") as api, pytest.raises(UsageError, match="of the type docker"):
        Sync(api, Settings(), print, check=False).run(None, file, HERE / "pool.yaml")
    assert {it.method for it in server.sent} == {"GET", "POST"}
    assert {it.path for it in server.sent if it.method == "POST"} == {"/api/deployments/filter"}


def test_deployments_read_as_verbs() -> None:
    """In the list of deployments, a name says what a click does, and where."""
    verbs = {
        "release",
        "promote",
        "rollback",
        "deliver",
        "build-images",
        "watch-registry",
        "reconcile",
        "rebuild",
        "set-image",
    }
    for it in WANTED.values():
        verb = it.name.removesuffix(f"-{it.environment}") if it.environment else it.name
        assert verb in verbs
        assert verb == it.flow


def test_runs_carry_the_commit_of_the_config_repo(server: HttpServer, tmp_path: Path) -> None:
    """A sync gives the deployments the commit as their version; a newer one is no difference, and is sent on."""
    file = tmp_path / "prefect.yaml"
    reconcile = next(it for it in PROJECT["deployments"] if it["name"] == "reconcile")
    file.write_text(yaml.safe_dump({"deployments": [reconcile]}))
    there: list[dict[str, Any]] = []

    def upsert(sent: Sent) -> dict[str, Any]:
        schedules = [
            {**it, "schedule": {**it["schedule"], "timezone": "UTC"}} for it in sent.data["schedules"]
        ]
        there[:] = [{**sent.data, "id": "1", "schedules": schedules, "global_concurrency_limit": None}]
        return there[0]

    server.standing["/api/deployments/filter"] = lambda sent: there[sent.data["offset"] :]
    server.standing["/api/deployments/name/reconcile/reconcile"] = lambda sent: (
        there[0] if there else (404, {}, {})
    )
    server.standing["/api/deployments/"] = upsert
    server.standing["/api/flows/"] = lambda sent: {"id": "2"}
    server.standing["/api/automations/filter"] = lambda sent: []
    server.standing["/api/automations/"] = lambda sent: {}
    server.standing["/api/work_pools/headway"] = lambda sent: desired_pool(read_yaml(HERE / "pool.yaml"))
    block = f"/api/block_types/slug/{KIND}/block_documents/name/headway-alarms"
    server.standing[block] = lambda sent: {"id": "2"}

    def sync(version: str, *, check: bool = False) -> list[str]:
        said: list[str] = []
        with PrefectHttp(server.url + "/api") as api:
            Sync(api, Settings(), said.append, check=check).run(None, file, HERE / "pool.yaml", version)
        return [it for it in said if "deployment" in it]

    def sent() -> int:
        return sum((it.method, it.path) == ("POST", "/api/deployments/") for it in server.sent)

    assert sync("9ab2c41f0") == ["create deployment reconcile/reconcile"]
    assert there[0]["version"] == "9ab2c41f0"
    assert (sync("9ab2c41f0"), sent()) == ([], 1)
    assert (sync("e41a77d00", check=True), sent()) == ([], 1)
    assert (sync("e41a77d00"), sent()) == ([], 2)
    assert there[0]["version"] == "e41a77d00"
