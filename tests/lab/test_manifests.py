"""The manifests that are shipped: a real API server takes them, under the strictest pod security."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.lab.clusterplace import own_place

DEPLOYMENTS = Path(__file__).parents[2] / "deployments"


def kubectl(*arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """Run kubectl as the administrator."""
    return subprocess.run(["kubectl", *arguments], input=said, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("folder", ["kubernetes/admin", "kubernetes"])
def test_a_cluster_takes_the_manifests(lab: Any, folder: str) -> None:
    """Rendered and given to the API server, nothing of them is refused, and no pod breaks the restricted standard."""
    rendered = kubectl("kustomize", str(DEPLOYMENTS / folder))
    assert rendered.returncode == 0, rendered.stderr
    with own_place(lab.context, lab.kubeconfig) as place:
        made = kubectl("create", "namespace", place.namespace)
        assert made.returncode == 0, made.stderr
        label = "pod-security.kubernetes.io/enforce=restricted"
        assert kubectl("label", "namespace", place.namespace, label).returncode == 0
        text = rendered.stdout.replace("namespace: headway", f"namespace: {place.namespace}")
        done = kubectl("apply", "--dry-run=server", "--filename", "-", said=text)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert done.stdout.count("(server dry run)") == rendered.stdout.count("\nkind: ")
