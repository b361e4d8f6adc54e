"""Cancel in the Prefect UI: the run's process ends, the run says what that means, and nobody restarts it."""

from __future__ import annotations

import time

from headway.systems.prefect.api import CANCELLED, PrefectApi
from lab.processes import began_at
from tests.lab.app import App
from tests.lab.conftest import Lab
from tests.lab.test_approval import until
from tests.lab.test_prefect import call, start

CANCEL = {"state": {"type": "CANCELLING", "name": "Cancelling"}, "force": True}
"""What the UI's button sends."""
GATE = '["/bin/busybox", "test", "-e", "/open"]'


def rolling_out(app: App, image: str) -> None:
    """Wait until an image's pod is there. The test's time limit ends it."""
    name = "--output=jsonpath={.items[*].spec.containers[0].image}"
    while image not in app.kubectl("staging", "get", "pods", "--selector=app=web", name):
        time.sleep(0.2)


def open_gate(app: App, image: str) -> None:
    """Let the pods of an image become ready, as soon as they run."""
    name = f'--output=jsonpath={{.items[?(@.spec.containers[0].image=="{image}")].metadata.name}}'
    pod = app.kubectl("staging", "get", "pods", "--selector=app=web", name)
    app.kubectl("staging", "wait", f"pod/{pod}", "--for=jsonpath={.status.phase}=Running", "--timeout=120s")
    app.kubectl("staging", "exec", pod, "--", "/bin/busybox", "touch", "/open")


def test_a_release_that_rolls_out_is_cancelled(lab: Lab, app: App) -> None:
    """Its process and its lease are gone, it is cancelled and never crashed; reconcile finishes what it committed,
    and leaves the run as it is."""
    app.write("headway.yaml", app.headway_yaml(timeout="280s"))
    slow = app.deployment("web", app.image("web", "v1"), ready=GATE)
    app.write("staging/web.yaml", slow.replace("progressDeadlineSeconds: 30", "progressDeadlineSeconds: 270"))
    app.push("Ready when the gate is open")
    image = app.image("web", "v2")
    _, run = start(
        lab, app, "release", {"environment": "staging", "images": [{"service": "web", "image": image}]}
    )
    rolling_out(app, image)
    found = call(lab, "GET", f"/flow_runs/{run['id']}")[1]
    assert found["state"]["name"] == "Running"
    pid = int(found["infrastructure_pid"].rpartition(":")[2])
    assert began_at(pid) is not None
    call(lab, "POST", f"/flow_runs/{run['id']}/set_state", CANCEL)
    assert until(lab, run["id"], "Cancelled")["message"] == CANCELLED
    assert began_at(pid) is None
    assert app.get("staging", "lease/headway-staging")["spec"]["holderIdentity"] == ""

    _, finishing = start(lab, app, "reconcile", {"environment": "staging"})
    open_gate(app, image)
    with PrefectApi(lab.prefect_api_url) as api:
        ended = api.follow(finishing["id"], lambda *_: None)
    assert ended.kind == "COMPLETED", ended
    assert app.running("staging", "web") == image
    assert app.commits()[0] == "Release web to staging"
    assert app.states() == ["live"]
    states = call(lab, "GET", f"/flow_run_states/?flow_run_id={run['id']}")[1]
    assert [it["type"] for it in states][-3:] == ["RUNNING", "CANCELLING", "CANCELLED"]
