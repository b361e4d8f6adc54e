"""Kubernetes: etcd, the API server, the controllers, the scheduler, a kubelet with its own containerd."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import urllib.request
from pathlib import Path

from lab import cleaning, engine, kubernetes_binary
from lab.place import LabError, Place
from lab.processes import Server
from lab.telling import say, step

CONTROL_PLANE = ("scheduler", "controller-manager", "apiserver", "etcd")
SERVERS = ("kubelet", "containerd", *CONTROL_PLANE)
# The API server reaches the kubelet, for logs, by the name of its node; a kubelet takes no loopback address.
NODE = "localhost"
CNI_PLUGINS = "/usr/lib/cni"


def up(place: Place) -> None:
    """Start what is missing of the cluster, unless LAB_KUBECONFIG names another one."""
    if given := _given(place):
        say(f"    using the cluster of {given}")
        return
    binary = str(kubernetes_binary.ensure(place))
    if all(Server(place, name).pid for name in SERVERS) and _node_ready(place):
        return
    with step(f"Kubernetes {kubernetes_binary.version()}"):
        pause, archive = engine.pause_image(place)
        _credentials(place)
        _start_containerd(place, pause, archive)
        _start_control_plane(place, binary)
        _start_kubelet(place, binary)


def down(place: Place) -> None:
    """End all servers and pods."""
    for name in SERVERS:
        # The API server's graceful end waits a minute for its watchers; nothing is lost without it.
        Server(place, name).stop(kill=name != "containerd")
        if name == "kubelet":
            cleaning.end_pods(place)
    cleaning.clear(place)


def destroy(place: Place) -> None:
    """Lose the cluster as if the machines were gone, and start an empty one."""
    if _given(place):
        raise LabError("LAB_KUBECONFIG names a cluster of yours; the lab does not destroy that")
    binary = str(kubernetes_binary.ensure(place))
    with step("destroy the cluster"):
        for name in ("kubelet", *CONTROL_PLANE):
            Server(place, name).stop(kill=True)
        cleaning.end_pods(place)
        shutil.rmtree(place.state / "etcd", ignore_errors=True)
        shutil.rmtree(place.state / "kubelet" / "pods", ignore_errors=True)
    with step("an empty cluster"):
        _start_containerd(place, *engine.pause_image(place))
        _start_control_plane(place, binary)
        _start_kubelet(place, binary)


def _given(place: Place) -> str:
    """Give the kubeconfig of a cluster that is not the lab's own; empty where there is none."""
    given = os.environ.get("LAB_KUBECONFIG", "")
    return given if given and Path(given) != place.state / "kubeconfig" else ""


def _credentials(place: Place) -> None:
    key, public = place.state / "sa.key", place.state / "sa.pub"
    if not public.exists():
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], capture_output=True, check=True)
        subprocess.run(
            ["openssl", "rsa", "-in", str(key), "-pubout", "-out", str(public)],
            capture_output=True,
            check=True,
        )
        key.chmod(0o600)
    place.write(
        "tokens.csv",
        f'{place.token},admin,admin,"system:masters"\n{place.node_token},system:node:{NODE},{NODE},"system:nodes"\n',
    )
    for name, token in (("kubeconfig", place.token), ("kubelet.kubeconfig", place.node_token)):
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "lab",
                    "cluster": {
                        "server": f"https://127.0.0.1:{place.api_port}",
                        "certificate-authority": str(place.state / "certs" / "apiserver.crt"),
                    },
                }
            ],
            "users": [{"name": "user", "user": {"token": token}}],
            "contexts": [{"name": "shop", "context": {"cluster": "lab", "user": "user"}}],
            "current-context": "shop",
        }
        place.write(name, json.dumps(config, indent=1))


def _start_control_plane(place: Place, binary: str) -> None:
    state, etcd = place.state, f"http://127.0.0.1:{place.etcd_port}"
    peer = f"http://127.0.0.1:{place.etcd_port + 1}"
    Server(place, "etcd").start(
        [
            binary, "etcd", "--unsafe-no-fsync", "--log-level=warn", f"--data-dir={place.folder('etcd')}",
            f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}",
        ]
    )  # fmt: skip
    server = Server(place, "apiserver")
    server.start(
        [
            binary, "apiserver", f"--etcd-servers={etcd}", f"--secure-port={place.api_port}",
            "--bind-address=127.0.0.1", f"--cert-dir={place.folder('certs')}",
            f"--service-account-key-file={state}/sa.pub", f"--service-account-signing-key-file={state}/sa.key",
            "--service-account-issuer=https://lab", "--service-cluster-ip-range=10.96.0.0/16",
            f"--token-auth-file={state}/tokens.csv", "--authorization-mode=Node,RBAC", "--allow-privileged=true",
            "--endpoint-reconciler-type=none", "--kubelet-preferred-address-types=Hostname",
        ]
    )  # fmt: skip
    server.wait(lambda: _get(place, "/readyz") == b"ok", 60)
    kubeconfig = f"--kubeconfig={state}/kubeconfig"
    Server(place, "controller-manager").start(
        [
            binary, "controller-manager", kubeconfig, f"--service-account-private-key-file={state}/sa.key",
            f"--root-ca-file={state}/certs/apiserver.crt", "--use-service-account-credentials",
            "--leader-elect=false", "--bind-address=127.0.0.1", f"--secure-port={place.kubelet_port + 2}",
        ]
    )  # fmt: skip
    Server(place, "scheduler").start(
        [
            binary, "scheduler", kubeconfig, "--leader-elect=false", "--bind-address=127.0.0.1",
            f"--secure-port={place.kubelet_port + 3}",
        ]
    )  # fmt: skip


def _start_containerd(place: Place, pause: str, archive: Path) -> None:
    cni = {
        "cniVersion": "1.0.0",
        "name": place.bridge,
        "plugins": [
            {
                "type": "bridge",
                "bridge": place.bridge,
                "isGateway": True,
                "ipMasq": False,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": place.subnet}]],
                    "dataDir": str(place.state / "cni-state"),
                },
            }
        ],
    }
    place.write("cni/10-lab.conflist", json.dumps(cni))
    # restrict_oom_score_adj: a machine without CAP_SYS_RESOURCE cannot lower the score, and every sandbox would die.
    config = f"""version = 2
root = "{place.folder("containerd")}/root"
state = "{place.state}/containerd/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "{place.state}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "docker.io/{pause}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PLUGINS}"
    conf_dir = "{place.state}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry.configs."{place.registry}".auth]
    username = "{engine.USER}"
    password = "{place.password}"
"""
    server = Server(place, "containerd")
    socket = f"{place.state}/containerd.sock"
    ctr = ["ctr", "--address", socket, "--namespace", "k8s.io"]

    def ready() -> bool:
        return subprocess.run([*ctr, "version"], capture_output=True, check=False).returncode == 0

    started = server.start(["containerd", "--config", str(place.write("containerd.toml", config))])
    server.wait(ready, 30)
    if started:
        subprocess.run([*ctr, "images", "import", str(archive)], capture_output=True, check=True)


def _start_kubelet(place: Place, binary: str) -> None:
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "127.0.0.1",
        "port": place.kubelet_port,
        "healthzPort": place.kubelet_port + 1,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{place.bridge}" if place.number else "/",
        "cgroupsPerQOS": True,
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "containerRuntimeEndpoint": f"unix://{place.state}/containerd.sock",
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "registryPullQPS": 0,
        "serializeImagePulls": False,
    }
    if place.number:
        cleaning.make_cgroups(place.bridge)
    path = place.write("kubelet.yaml", json.dumps(config))
    server = Server(place, "kubelet")
    server.start(
        [
            binary, "kubelet", f"--config={path}", f"--kubeconfig={place.state}/kubelet.kubeconfig",
            f"--hostname-override={NODE}", f"--root-dir={place.folder('kubelet')}",
            f"--cert-dir={place.folder('kubelet-pki')}",
        ]
    )  # fmt: skip
    server.wait(lambda: _node_ready(place), 90)


def _node_ready(place: Place) -> bool:
    try:
        node = json.loads(_get(place, f"/api/v1/nodes/{NODE}") or b"{}")
    except ValueError:
        return False
    conditions = node.get("status", {}).get("conditions", [])
    return any(it["type"] == "Ready" and it["status"] == "True" for it in conditions)


def _get(place: Place, path: str) -> bytes:
    request = urllib.request.Request(
        f"https://127.0.0.1:{place.api_port}{path}", headers={"Authorization": f"Bearer {place.token}"}
    )
    try:
        context = ssl.create_default_context(cafile=str(place.state / "certs" / "apiserver.crt"))
        with urllib.request.urlopen(request, timeout=5, context=context) as response:
            body: bytes = response.read()
            return body
    except OSError:
        return b""
