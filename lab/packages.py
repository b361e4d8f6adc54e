"""What the lab needs from the operating system, and how to get it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from lab.place import LabError
from lab.telling import step

# What is looked for → the Debian package that brings it.
NEEDED = {
    "git": "git",
    "docker": "docker.io",
    "dockerd": "docker.io",
    "containerd": "docker.io",
    "docker-registry": "docker-registry",
    "htpasswd": "apache2-utils",
    "iptables": "iptables",
    "ip": "iproute2",
    "openssl": "openssl",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/bin/busybox": "busybox-static",
    # What examples/ci/curl.sh is made of.
    "curl": "curl",
    "jq": "jq",
}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def missing(wanted: dict[str, str]) -> list[str]:
    """Name the packages whose programs are not there."""
    path = f"{os.environ.get('PATH', '')}:{_PATH}"
    absent = [
        it for it in wanted if not (Path(it).exists() if it.startswith("/") else shutil.which(it, path=path))
    ]
    return sorted({wanted[it] for it in absent})


def ensure(wanted: dict[str, str]) -> None:
    """Install what is missing as root on Debian or Ubuntu; elsewhere say exactly what is missing."""
    packages = missing(wanted)
    if not packages:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise LabError(
            f"the lab needs {', '.join(packages)} (names of Debian's packages).\n"
            f"Install them, for example: sudo apt-get install {' '.join(packages)}\n"
            "Or bring your own: DOCKER_HOST, LAB_REGISTRY and LAB_KUBECONFIG name an engine, a registry and a cluster."
        )
    environment = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        # The servers are the lab's to start: packages must not start theirs.
        "RUNLEVEL": "1",
    }
    with step(f"install Debian packages: {' '.join(packages)}"):
        for command in (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
        ):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise LabError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")


def require_root() -> None:
    """Refuse to start a kubelet as anybody but root, with the ways out."""
    if os.geteuid() != 0:
        raise LabError(
            "a kubelet and a Docker engine of the lab's own need root.\n"
            "Run it as root, or bring your own: DOCKER_HOST and LAB_KUBECONFIG name an engine and a cluster."
        )
