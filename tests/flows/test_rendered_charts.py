"""Environments that Helm renders, and what a rollback does with files that several environments read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.conftest import Place
from tests.rendering import RenderingTools

TEMPLATE = """\
apiVersion: batch/v1
kind: CronJob
metadata: {name: web}
spec:
  schedule: {{ .Values.schedule | quote }}
  jobTemplate: {spec: {template: {spec: {containers: [{name: c0, image: "{{ .Values.image }}"}]}}}}
"""
"""Rendered for each environment with its own values."""


@pytest.fixture(autouse=True)
def _tools(place: Place, rendering_tools: RenderingTools) -> None:
    place.settings["HEADWAY_HELM"] = str(rendering_tools.helm)


def charted(place: Place, schedule: str = "0 0 1 1 *") -> dict[str, str | bytes | None]:
    """Write one chart for all environments, with values of their own, in the place of plain files."""
    files: dict[str, str | bytes | None] = {
        "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        "charts/web/values.yaml": f"schedule: '{schedule}'\n",
        "charts/web/templates/job.yaml": TEMPLATE,
        "charts/web/templates/test.yaml": TEMPLATE.replace(
            "{name: web}", "{name: t, annotations: {helm.sh/hook: test}}"
        ),
    }
    for name in place.rules:
        files |= {
            f"{name}/values.yaml": f"image: {place.image('web', '1.0.0')}\n",
            f"{name}/web.yaml": None,
        }
    return files


def job(place: Place, environment: str) -> Any:
    return place.kube.objects[f"/apis/batch/v1/namespaces/{environment}/cronjobs/web"]


CHART = "chart: {{path: charts/web, values: [{0}/values.yaml]}}"


@pytest.mark.slow
def test_a_chart_is_applied_beside_plain_files(place: Place) -> None:
    """Its test is left out with a warning; a default of the chart that changes is a change of the environment."""
    place.start(staging="")
    place.configure(staging=CHART.format("staging"))
    place.remote.push(charted(place))
    done = place.run("reconcile")
    assert done.code == 0, done.said
    assert "CronJob t is left out: helm.sh/hook makes it a test" in done.said
    assert "/apis/batch/v1/namespaces/staging/cronjobs/t" not in place.kube.objects
    assert set(place.tags("staging")) == {"web", "api"}
    commit = place.remote.push({"charts/web/values.yaml": "schedule: '5 5 5 5 *'\n"})
    assert place.run("reconcile").code == 0
    assert job(place, "staging")["spec"]["schedule"] == "5 5 5 5 *"
    assert commit[:7] in place.run("history", "staging").out


@pytest.mark.slow
def test_what_a_chart_makes_at_random_may_be_left_as_the_cluster_has_it(place: Place) -> None:
    """Refused with the field's path at first; named in headway.yaml it is applied once, and never changes again."""
    place.start(staging="")
    files = charted(place)
    template = TEMPLATE.replace("{name: web}", '{name: web, annotations: {key: "{{ randAlphaNum 8 }}"}}')
    place.configure(staging=CHART.format("staging"))
    place.remote.push({**files, "charts/web/templates/job.yaml": template})
    refused = place.run("reconcile")
    assert refused.code == 1
    assert "each rendering gives another value: CronJob web: metadata.annotations.key" in refused.said
    assert "keep_from_cluster" in refused.said
    place.run("reconcile")
    keep = "keep_from_cluster: [{kind: CronJob, name: web, path: metadata.annotations.key}]"
    place.configure(staging=f"{CHART.format('staging')}, {keep}")
    path = "/apis/batch/v1/namespaces/staging/cronjobs/web"
    place.kube.objects.pop(path)
    assert place.run("reconcile").code == 0
    made = job(place, "staging")["metadata"]["annotations"]["key"]
    assert len(made) == 8
    place.kube.objects[path]["metadata"]["annotations"]["key"] = "by-hand"
    place.kube.changes.clear()
    assert place.run("reconcile").code == 0
    assert place.run("diff", "staging").code == 0
    assert place.kube.changes == []
    done = place.run("release", "staging", f"web={place.image('web', '1.1.0')}")
    assert done.code == 0, done.said
    assert place.tags("staging")["web"] == "1.1.0"
    assert job(place, "staging")["metadata"]["annotations"]["key"] == "by-hand"
