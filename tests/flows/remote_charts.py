"""A chart of both services in the registry, and environments that are rendered from it."""

from __future__ import annotations

from tests.charts import packed, pushed
from tests.flows.conftest import Place

TEMPLATE = """\
apiVersion: batch/v1
kind: CronJob
metadata: {{name: {0}}}
spec:
  schedule: {{{{ .Values.schedule | quote }}}}
  jobTemplate: {{spec: {{template: {{spec: {{containers: [{{name: c0, image: "HOST/shop/{0}:{{{{ .Values.{0}.tag }}}}"}}]}}}}}}}}
"""


def archive(place: Place, version: str, schedule: str = "0 0 1 1 *", values: str = "") -> bytes:
    """Pack the chart of both services, whose version is seen in nothing but its schedule."""
    files: dict[str, bytes | str] = {
        "Chart.yaml": f"apiVersion: v2\nname: shop\nversion: {version}\n",
        "values.yaml": f"schedule: '{schedule}'\n{values}",
    }
    for it in ("web", "api"):
        files[f"templates/{it}.yaml"] = TEMPLATE.format(it).replace("HOST", place.registry.host)
    return packed(files)


def tag(place: Place, service: str, version: str = "1.0.0") -> str:
    return place.image(service, version).rpartition("/")[2].partition(":")[2]


def said(place: Place, version: str, digest: str, more: str = "", host: str = "") -> str:
    pin = f", digest: '{digest}'" if digest else ""
    return f"chart: {{ref: 'oci://{host or place.registry.host}/charts/shop', version: {version}{pin}{more}}}"


def in_registry(place: Place, *names: str, values: bool = True) -> str:
    """Push the chart, and environments of it with values of their own, or none; return its digest."""
    host = place.registry.host
    place.settings["HEADWAY_CHART_HOSTS"] = host
    tags = "".join(f"{it}:\n  tag: '{tag(place, it)}'\n" for it in ("web", "api"))
    digest = pushed(
        place.registry, "charts/shop", "1.0.0", archive(place, "1.0.0", values="" if values else tags)
    )
    files: dict[str, str | bytes | None] = {}
    for name in names:
        files |= {f"{name}/values.yaml": tags if values else "size: 1\n"}
        files |= {f"{name}/{it}.yaml": None for it in ("web", "api")}
        chart = said(place, "1.0.0", digest, f", values: [{name}/values.yaml]")
        place.rules[name] = ", ".join(filter(None, [place.rules[name], chart]))
    place.remote.push({**files, "headway.yaml": place.headway_yaml()})
    return digest


def schedule(place: Place, environment: str) -> str:
    job = place.kube.objects[f"/apis/batch/v1/namespaces/{environment}/cronjobs/web"]
    return str(job["spec"]["schedule"])
