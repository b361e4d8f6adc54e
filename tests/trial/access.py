"""The accounts and roles of deployments/kubernetes/admin, given in namespaces of a test."""

from __future__ import annotations

import json
import subprocess

from lab.scaled_room import ControlRoom
from tests.lab.conftest import ROOT

KUBE = ROOT / "deployments" / "kubernetes"
OURS = "namespace: headway}"


def kubectl(*arguments: str, said: str = "") -> str:
    """Run kubectl as the administrator."""
    done = subprocess.run(["kubectl", *arguments], input=said, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def namespace_of_its_own(namespace: str) -> None:
    """Make a control room's namespace, with its accounts and roles."""
    kubectl("create", "namespace", namespace)
    roles = (KUBE / "admin" / "rbac.yaml").read_text().replace(OURS, f"namespace: {namespace}}}")
    kubectl("--namespace", namespace, "apply", "--filename", "-", said=roles)


def give_access(namespace: str, environment: str) -> None:
    """Let the workers of a control room change the namespace of an environment."""
    access = (
        (KUBE / "admin" / "environment-access.yaml").read_text().replace(OURS, f"namespace: {namespace}}}")
    )
    kubectl("apply", "--filename", "-", said=access.replace("NAMESPACE", environment))


def as_account(room: ControlRoom, namespace: str, account: str) -> str:
    """Return a kubeconfig of a service account: what it may do is what its roles say."""
    config = json.loads((room.secrets / "kubeconfig").read_text())
    token = kubectl("--namespace", namespace, "create", "token", account, "--duration", "1h").strip()
    config["users"] = [{"name": "user", "user": {"token": token}}]
    return json.dumps(config)
