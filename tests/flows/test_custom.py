"""A custom resource that a release changes must become ready; one that it does not touch holds nothing up."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.conftest import Place

THING = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\nspec: {size: %d}\n"
RULE = 'health:\n- {kind: Thing.example.com, ready: ["jsonpath={.status.level}=high"]}\n'


def tells(place: Place, status: dict[str, Any]) -> None:
    """Let the controller of Things say this of each of them, whenever it is asked."""

    def mood(method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        if method != "GET" or path.partition("?")[0].rpartition("/")[2] != "things":
            return None
        found = [it for at, it in place.kube.objects.items() if "/things/" in at]
        items = [{**it, "status": status} for it in found]
        return 200, {"metadata": {"resourceVersion": "1"}, "items": items}

    place.kube.mood = mood


def begun(place: Place, status: dict[str, Any], rule: str = "", timeout: str = "3s") -> None:
    """Push an environment with a Thing and make it live."""
    place.more = rule
    tells(place, {"conditions": [{"type": "Ready", "status": "True"}], "level": "high"})
    place.start(staging=f"timeout: {timeout}")
    place.remote.push({"staging/thing.yaml": THING % 1})
    done = place.run("reconcile", "staging")
    assert done.code == 0, done.said
    tells(place, status)


NOT_READY = {
    "conditions": [{"type": "Ready", "status": "False", "reason": "Waiting", "message": "for a disk"}]
}


@pytest.mark.slow
def test_one_that_does_not_get_ready_fails_the_push_and_vetoes_nothing(place: Place) -> None:
    """The folder goes back, with the object's own words; no image is held against it."""
    begun(place, NOT_READY)
    place.remote.push({"staging/thing.yaml": THING % 2})
    done = place.run("reconcile", "staging")
    assert done.code == 1
    assert "staging Thing/t is failed: NotReady: Waiting: for a disk (not live after 3 s)" in done.said
    assert place.remote.git("show", "main:staging/thing.yaml").strip() == (THING % 1).strip()
    assert "holds.yaml" not in place.remote.git("ls-tree", "--name-only", "main")


@pytest.mark.slow
def test_one_that_is_not_touched_holds_nothing_up(place: Place) -> None:
    """A Thing that has been unready for long is not this release's."""
    begun(place, NOT_READY)
    done = place.run("release", "staging", f"web={place.image('web', '1.1.0')}")
    assert done.code == 0, done.said


@pytest.mark.slow
def test_a_rule_of_one_s_own_decides(place: Place) -> None:
    """headway.yaml says when a Thing is ready, whatever its conditions say."""
    begun(place, {**NOT_READY, "level": "high"}, RULE, "60s")
    place.remote.push({"staging/thing.yaml": THING % 2})
    done = place.run("reconcile", "staging")
    assert done.code == 0, done.said


@pytest.mark.slow
def test_a_kind_that_may_not_be_read_is_left_out_with_a_warning(place: Place) -> None:
    """Whether it is ready is not known then, and that is said; the release goes on."""
    begun(place, NOT_READY)

    def mood(method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        if method == "GET" and path.split("?")[0].endswith("namespaces/staging/things") and forbidden:
            return 403, {"kind": "Status", "reason": "Forbidden", "message": "things is forbidden: User"}
        return None

    forbidden = True
    place.kube.mood = mood
    place.remote.push({"staging/thing.yaml": THING % 2})
    done = place.run("reconcile", "staging")
    assert done.code == 0, done.said
    assert "things cannot be watched, so their health is not known: " in done.err
    assert "things is forbidden: User" in done.err
    assert "Thing/t: applied; a Thing is not watched" in done.err
    assert place.remote.git("show", "main:staging/thing.yaml").strip() == (THING % 2).strip()


def test_a_rule_that_cannot_be_read_is_a_problem_of_the_file(place: Place) -> None:
    """With file, line and column, and the forms that there are."""
    place.more = RULE.replace("jsonpath={", "json={")
    place.remote.push({"headway.yaml": place.headway_yaml() + "", "staging/web.yaml": "a: 1\n"})
    done = place.run("plan", "staging")
    assert done.code == 2
    assert "kubectl wait --for" in done.err
    assert "headway.yaml:" in done.err
