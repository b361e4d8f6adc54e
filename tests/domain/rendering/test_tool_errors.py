"""What a tool says is said of the file that it is about, whatever the tool calls it."""

from __future__ import annotations

import pytest

from headway.domain.rendering.place import ChartUse, RemoteChart
from headway.domain.rendering.tool_errors import short_problem
from headway.domain.rendering.unit import Unit

LOCAL = Unit(
    "charts/web",
    "chart",
    "charts/web/Chart.yaml",
    {"charts/web": "1", "live/values.yaml": "2"},
    chart=ChartUse("charts/web", values=("live/values.yaml",)),
)
AT_ROOT = Unit("shop", "chart", "shop/Chart.yaml", {"shop": "1"})
REMOTE = Unit(
    "shop-1.0.0.tgz",
    "chart",
    "headway.yaml",
    {"live/values.yaml": "2"},
    chart=ChartUse(remote=RemoteChart(ref="oci://r.io/charts/shop", version="1.0.0")),
    line=8,
    column=12,
)
OVERLAY = Unit(
    "staging",
    "kustomization",
    "staging/kustomization.yaml",
    {
        "staging/kustomization.yaml": "1",
        "staging/p.yaml": "2",
        "staging/charts/users": "3",
        "base/b.yaml": "4",
    },
)


def test_how_kustomize_called_helm_is_left_out() -> None:
    """What Helm said of the chart comes first, and is enough."""
    said = (
        'Error: Error: template: users/templates/job.yaml:2:3: executing "users/templates/job.yaml" at <.no>: nil '
        "pointer : unable to run: '/bin/helm template users /s/staging/charts/users -f /tmp/x' with env=[A=b] (is "
        "'/bin/helm' installed?): exit status 1"
    )
    assert str(short_problem(said, OVERLAY, "/s")) == (
        "staging/charts/users/templates/job.yaml:2:3: kustomize: nil pointer"
    )


@pytest.mark.parametrize(
    ("unit", "said", "place"),
    [
        (LOCAL, "Error: web/templates/job.yaml:2:3: no", "charts/web/templates/job.yaml:2:3"),
        (
            LOCAL,
            "Error: web/charts/lib/templates/x.yaml:2:3: no",
            "charts/web/charts/lib/templates/x.yaml:2:3",
        ),
        (LOCAL, "Error: failed to parse /s/live/values.yaml: no", "live/values.yaml:1:1"),
        (LOCAL, "Error: cannot load /s/charts/web/values.yaml: no", "charts/web/values.yaml:1:1"),
        (LOCAL, "Error: no", "charts/web/Chart.yaml:1:1"),
        (AT_ROOT, "Error: shop/templates/job.yaml:2:3: no", "shop/templates/job.yaml:2:3"),
        (REMOTE, "Error: shop/templates/job.yaml:2:3: no", "shop-1.0.0.tgz/templates/job.yaml:2:3"),
        (REMOTE, "Error: cannot load /s/shop-1.0.0.tgz/values.yaml: no", "shop-1.0.0.tgz/values.yaml:1:1"),
        (REMOTE, "Error: no", "headway.yaml:8:12"),
        (OVERLAY, "Error: /s/base/b.yaml: no", "base/b.yaml:1:1"),
        (OVERLAY, "Error: trouble with p.yaml: no", "staging/p.yaml:1:1"),
        (OVERLAY, "Error: users/templates/job.yaml:2:3: no", "staging/charts/users/templates/job.yaml:2:3"),
        (OVERLAY, "Error: no", "staging/kustomization.yaml:1:1"),
    ],
)
def test_a_problem_has_the_place_in_the_repo(unit: Unit, said: str, place: str) -> None:
    assert str(short_problem(said, unit, "/s")).startswith(f"{place}: ")
