"""What counts as drift: told from one live object, without asking the server."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from headway.domain.objects.drift import HIDDEN, differences, examine
from headway.domain.objects.fields import (
    NO_CLAIMS,
    Claims,
    at_trail,
    foreign_fields,
    trail_label,
    without_trails,
)
from headway.domain.objects.identity import Owner
from headway.domain.objects.wanted import prepare

LABELS = Owner("shop", "staging").labels_at("staging")
MANIFEST: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "tolerations": [{"key": "a", "operator": "Exists"}],
                "containers": [
                    {
                        "name": "app",
                        "image": "r/web:1",
                        "command": ["run", "it"],
                        "ports": [{"containerPort": 80}],
                        "env": [{"name": "A", "value": "1"}],
                        "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}},
                    }
                ],
            },
        },
    },
}
WANTED = prepare(MANIFEST, LABELS, "staging")
POD = "spec.template.spec"
APP = f"{POD}.containers[name=app]"


def fields_of(value: Any, key: str = "name") -> dict[str, Any]:
    """Write a field set as the API server would for this value."""
    if isinstance(value, dict):
        return {f"f:{name}": fields_of(each, name) for name, each in value.items()}
    return {}


def owned() -> dict[str, Any]:
    app = {
        ".": {},
        "f:name": {},
        "f:image": {},
        "f:command": {},
        "f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}},
        "f:env": {'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}},
        "f:resources": {"f:requests": {"f:cpu": {}, "f:memory": {}}},
    }
    pod = {"f:tolerations": {}, "f:containers": {'k:{"name":"app"}': app}}
    template = {"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": pod}
    spec = {"f:replicas": {}, "f:selector": {}, "f:template": template}
    return {"f:metadata": {"f:labels": {f"f:{name}": {} for name in LABELS}}, "f:spec": spec}


def live() -> dict[str, Any]:
    """What the server makes of the manifest: defaults filled in, quantities in its own spelling."""
    found = copy.deepcopy(WANTED)
    found["metadata"] |= {"uid": "u", "resourceVersion": "7", "generation": 1}
    found["metadata"]["managedFields"] = [entry("headway", "Apply", owned())]
    found["spec"] |= {"progressDeadlineSeconds": 600, "strategy": {"type": "RollingUpdate"}}
    app = found["spec"]["template"]["spec"]["containers"][0]
    app |= {"imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log"}
    app["ports"][0]["protocol"] = "TCP"
    app["resources"]["requests"] = {"cpu": "500m", "memory": "1Gi"}
    found["status"] = {"replicas": 2}
    return found


def entry(manager: str, operation: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        **more,
    }


def app_of(item: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = item["spec"]["template"]["spec"]["containers"][0]
    return found


def in_app(fields: dict[str, Any]) -> dict[str, Any]:
    containers = {'k:{"name":"app"}': fields}
    return {"f:spec": {"f:template": {"f:spec": {"f:containers": containers}}}}


def test_defaults_and_other_spellings_are_no_drift() -> None:
    """An object as the server completed it is the same; nothing is sent."""
    assert examine(WANTED, live()).same


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (f"{APP}.image", lambda it: app_of(it).update(image="r/web:2")),
        ("spec.replicas", lambda it: it["spec"].update(replicas=5)),
        (f"{APP}.env[name=A]", lambda it: app_of(it).update(env=[])),
        (f"{APP}.command", lambda it: app_of(it).update(command=["run", "that"])),
        (f"{APP}.resources.requests.cpu", lambda it: app_of(it)["resources"]["requests"].update(cpu="600m")),
        (f"{POD}.tolerations", lambda it: it["spec"]["template"]["spec"].update(tolerations=[])),
        ("metadata.labels.headway.dev/app", lambda it: it["metadata"]["labels"].pop("headway.dev/app")),
    ],
)
def test_a_value_that_was_changed_is_named(path: str, change: Any) -> None:
    """Somebody's edit is found, with the field it was made in."""
    found = live()
    change(found)
    result = examine(WANTED, found)
    assert not result.same
    assert [it.path for it in result.fields] == [path]


def test_what_the_repo_no_longer_says_is_taken_away() -> None:
    """A field that headway set and the manifest dropped is drift."""
    wanted = copy.deepcopy(WANTED)
    del app_of(wanted)["env"]
    result = examine(wanted, live())
    assert result.certain
    assert [(it.path, it.wanted) for it in result.fields] == [(f"{APP}.env", None)]


def test_what_a_person_added_is_handed_over_to_be_taken_away() -> None:
    """`kubectl set env` is found, and becomes headway's so that applying removes it."""
    found = live()
    app_of(found)["env"].append({"name": "X", "value": "1"})
    theirs = in_app({"f:env": {'k:{"name":"X"}': {".": {}, "f:name": {}, "f:value": {}}}})
    found["metadata"]["managedFields"].append(entry("kubectl-set", "Update", theirs))
    result = examine(WANTED, found)
    assert [it.path for it in result.fields] == [f"{APP}.env[name=X]"]
    (ours,) = result.handed_over
    assert ours["manager"] == "headway"
    assert 'k:{"name":"X"}' in str(ours["fieldsV1"])


def test_a_rollout_restart_is_no_drift() -> None:
    """Undoing a restart would roll everything once more."""
    found = live()
    annotations = {".": {}, "f:kubectl.kubernetes.io/restartedAt": {}}
    theirs = {"f:spec": {"f:template": {"f:metadata": {"f:annotations": annotations}}}}
    found["spec"]["template"]["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "now"}
    found["metadata"]["managedFields"].append(entry("kubectl-rollout", "Update", theirs))
    assert examine(WANTED, found).same


def test_a_restart_s_mark_survives_when_other_additions_go() -> None:
    """One manager may have done both; only the rest is handed over."""
    found = live()
    annotations = {"f:kubectl.kubernetes.io/restartedAt": {}}
    theirs = {"f:spec": {"f:paused": {}, "f:template": {"f:metadata": {"f:annotations": annotations}}}}
    found["metadata"]["managedFields"].append(entry("kubectl-rollout", "Update", theirs))
    result = examine(WANTED, found)
    assert [it.path for it in result.fields] == ["spec.paused"]
    kept = next(it for it in result.handed_over if it["manager"] == "kubectl-rollout")
    assert "restartedAt" in str(kept["fieldsV1"])
    assert "paused" not in str(kept["fieldsV1"])
    ours = next(it for it in result.handed_over if it["manager"] == "headway")
    assert "restartedAt" not in str(ours["fieldsV1"])


def test_replicas_that_the_repo_leaves_open_are_nobody_s_drift() -> None:
    """An autoscaler, or a person, may set what the manifest does not say."""
    wanted = copy.deepcopy(WANTED)
    del wanted["spec"]["replicas"]
    found = live()
    mine = owned()
    del mine["f:spec"]["f:replicas"]
    scale = {"f:spec": {"f:replicas": {}}}
    found["metadata"]["managedFields"] = [
        entry("headway", "Apply", mine),
        entry("kubectl", "Update", scale, subresource="scale"),
    ]
    assert examine(wanted, found).same


def test_what_a_controller_set_is_no_drift() -> None:
    """Only people's tools are put right; controllers own what they write."""
    found = live()
    found["spec"]["template"]["metadata"]["annotations"] = {"sidecar/injected": "yes"}
    theirs = {"f:spec": {"f:template": {"f:metadata": {"f:annotations": {"f:sidecar/injected": {}}}}}}
    found["metadata"]["managedFields"].append(entry("injector", "Update", theirs))
    assert examine(WANTED, found).same


def test_a_person_s_label_on_the_object_stays() -> None:
    """Labels and annotations of the object itself are people's to add."""
    found = live()
    found["metadata"]["labels"]["team"] = "a"
    theirs = {"f:metadata": {"f:labels": {"f:team": {}}}}
    found["metadata"]["managedFields"].append(entry("kubectl-label", "Update", theirs))
    assert examine(WANTED, found).same


def test_an_object_that_headway_never_applied_has_to_be_applied() -> None:
    """What is equal by chance must be owned, or leaving the repo would not remove it."""
    found = live()
    found["metadata"]["managedFields"] = [entry("kubectl-create", "Update", {"f:spec": {"f:replicas": {}}})]
    assert not examine(WANTED, found).same


def test_a_field_that_is_equal_but_somebody_else_s_has_to_be_applied() -> None:
    """Somebody set what the repo says now: equal in value, and not yet headway's."""
    found = live()
    mine = owned()
    del mine["f:spec"]["f:replicas"]
    found["metadata"]["managedFields"] = [entry("headway", "Apply", mine)]
    result = examine(WANTED, found)
    assert not result.same
    assert result.fields == ()


def test_a_secret_s_values_are_never_shown() -> None:
    """The path tells what to look at; the value stays where it is."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"key": "b2xk"}}
    wanted = prepare(secret, LABELS, "staging")
    found = copy.deepcopy(wanted)
    found["data"]["key"] = "bmV3"
    labels = {f"f:{name}": {} for name in LABELS}
    fields = {"f:metadata": {"f:labels": labels}, "f:data": {"f:key": {}}}
    found["metadata"]["managedFields"] = [entry("headway", "Apply", fields)]
    (only,) = examine(wanted, found).fields
    assert only == ("data.key", HIDDEN, HIDDEN)


def test_two_states_of_an_object_are_compared_container_by_container() -> None:
    """The path names the container and not its place in the list."""
    after = live()
    app_of(after)["image"] = "r/web:2"
    assert [str(it) for it in differences(live(), after)] == [f"{APP}.image: r/web:1 -> r/web:2"]


def test_what_came_back_as_a_secret_is_hidden_whatever_was_asked_for() -> None:
    """The kind of the answer decides, and not only the manifest's."""
    entry = {"manager": "headway", "operation": "Apply", "fieldsV1": {"f:data": {"f:a": {}}}}
    live = {"kind": "Secret", "metadata": {"managedFields": [entry]}, "data": {"a": "cGFzc3dvcmQ="}}
    wanted = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "b"}}
    assert "cGFzc3dvcmQ=" not in str(examine(wanted, live))
    assert "cGFzc3dvcmQ=" not in str(differences(live, {**live, "kind": "ConfigMap", "data": {}}))


def test_what_a_release_tool_left_is_named_with_its_owner() -> None:
    """Helm's variable stays; a controller's and the status do not count, nor does what the manifest says."""
    found = live()
    helm = in_app({"f:image": {}, "f:env": {'k:{"name":"OLD"}': {".": {}, "f:name": {}, "f:value": {}}}})
    sidecar = {"f:spec": {"f:template": {"f:metadata": {"f:annotations": {"f:sidecar/injected": {}}}}}}
    found["metadata"]["managedFields"] += [
        entry("helm", "Update", {**helm, "f:metadata": {"f:labels": {"f:helm.sh/chart": {}}}}),
        entry("kube-controller-manager", "Update", {"f:status": {"f:replicas": {}}}, subresource="status"),
        entry("kube-controller-manager", "Update", {"f:spec": {"f:replicas": {}}}, subresource="scale"),
        entry("sidecar-injector", "Update", sidecar),
        entry("kubectl-edit", "Update", {"f:spec": {"f:paused": {}}}),
    ]
    found_left = [
        (trail_label(trail), manager, goes)
        for trail, manager, goes in foreign_fields(found["metadata"], WANTED, NO_CLAIMS)
    ]
    assert found_left == [
        (f"{APP}.env[name=OLD]", "helm", False),
        ("spec.paused", "kubectl-edit", True),
    ]
    assert examine(WANTED, found).fields[0].path == "spec.paused"


def test_what_a_tool_set_is_removed_where_the_repo_takes_it_over() -> None:
    """`takeover: [helm]` makes Helm's fields what kubectl's are: the repo decides."""
    found = live()
    app_of(found)["env"].append({"name": "OLD", "value": "x"})
    helm = in_app({"f:env": {'k:{"name":"OLD"}': {".": {}, "f:name": {}, "f:value": {}}}})
    found["metadata"]["managedFields"].append(entry("helm", "Update", helm))
    assert examine(WANTED, found).same
    claims = Claims(takeover=("helm",))
    result = examine(WANTED, found, claims)
    assert [(it.path, it.wanted) for it in result.fields] == [(f"{APP}.env[name=OLD]", None)]
    assert "helm" not in {it["manager"] for it in result.handed_over}
    assert [goes for _, _, goes in foreign_fields(found["metadata"], WANTED, claims)] == [True]


def test_an_object_is_shown_without_the_fields_that_others_left() -> None:
    """What the server is asked about is the object less these, and the object itself is not touched."""
    found = live()
    app_of(found)["env"].append({"name": "OLD", "value": "x"})
    element = (
        "f:spec",
        "f:template",
        "f:spec",
        "f:containers",
        'k:{"name":"app"}',
        "f:env",
        'k:{"name":"OLD"}',
    )
    less = without_trails(found, [element, ("f:spec", "f:strategy")])
    assert app_of(less)["env"] == [{"name": "A", "value": "1"}]
    assert "strategy" not in less["spec"]
    assert at_trail(found, element) == {"name": "OLD", "value": "x"}
    assert at_trail(less, element) is None
