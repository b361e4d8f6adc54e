"""A namespace that is being deleted takes nothing new: that is told before anything is committed or applied."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.conftest import Place

SAID = "Some content in the namespace has finalizers remaining: example.com/wait in 1 resource instances"


def goes(place: Place, name: str) -> None:
    """Have somebody delete a namespace, which a finalizer holds."""
    condition = {"type": "NamespaceFinalizersRemaining", "status": "True", "message": SAID}
    meta = {"name": name, "uid": name, "resourceVersion": "1", "deletionTimestamp": "2026-01-01T00:00:00Z"}
    place.kube.objects[f"/api/v1/namespaces/{name}"] = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": meta,
        "status": {"phase": "Terminating", "conditions": [condition]},
    }

    def mood(method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        at = path.partition("?")[0]
        makes = method in ("PATCH", "POST") and f"/namespaces/{name}/" in at and at not in place.kube.objects
        said = f"unable to create new content in namespace {name} because it is being terminated"
        return (403, {"kind": "Status", "reason": "Forbidden", "message": said}) if makes else None

    place.kube.mood = mood


def elsewhere(place: Place) -> dict[str, str | bytes | None]:
    """Return a push of an object that stands in another namespace than its environment's."""
    text = place.job("extra", place.image("web", "1.0.0"))
    return {"staging/extra.yaml": text.replace("name: extra", "name: extra, namespace: tools", 1)}


def test_a_release_into_it_is_not_committed(place: Place) -> None:
    """What holds the namespace is named, and where to look."""
    place.start(staging="")
    goes(place, "staging")
    before, changes = place.remote.head(), len(place.kube.changes)
    done = place.run("release", "staging", f"web={place.image('web', '1.1.0')}")
    assert done.code == 1, done.said
    assert f"namespace staging is being deleted: {SAID}" in done.err
    assert "kubectl get namespace staging -o yaml" in done.err
    assert "nothing was committed" in done.err
    assert "not there yet" not in done.err
    assert place.remote.head() == before
    assert len(place.kube.changes) == changes


@pytest.mark.parametrize("command", ["reconcile", "release"])
def test_another_namespace_that_goes_is_reported_before_anything_is_applied(
    place: Place, command: str
) -> None:
    """Nothing here recreates that one, so there is nothing to wait for."""
    place.start(staging="")
    goes(place, "tools")
    place.remote.push(elsewhere(place) | {"staging/web.yaml": place.job("web", place.image("web", "1.1.0"))})
    before, changes = place.remote.head(), len(place.kube.changes)
    more = [f"api={place.image('api', '1.1.0')}"] if command == "release" else []
    done = place.run(command, "staging", *more)
    assert done.code == 1, done.said
    assert f"namespace tools is being deleted: {SAID}" in done.err
    assert "kubectl get namespace tools -o yaml" in done.err
    assert "being terminated" not in done.err
    assert place.remote.head() == before
    assert len(place.kube.changes) == changes
    assert place.tags("staging")["web"] == "1.0.0"
