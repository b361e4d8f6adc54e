"""Where one lab lives: its folder, its ports, its names. Two labs differ in these and in nothing else."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

DEFAULT_BASE = 5000
ROOT = Path(__file__).resolve().parent.parent


class LabError(Exception):
    """The lab cannot do what it was asked; the message says why and what to do."""


@dataclass(frozen=True)
class Place:
    """One lab. `base` is its registry's port; everything else that must be unique follows from it."""

    state: Path
    base: int = DEFAULT_BASE

    @classmethod
    def default(cls) -> Place:
        """Read LAB_STATE and LAB_BASE, or take the user's one lab."""
        home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        state = os.environ.get("LAB_STATE") or f"{home}/headway/lab"
        try:
            base = int(os.environ.get("LAB_BASE") or DEFAULT_BASE)
        except ValueError:
            raise LabError("LAB_BASE must be a port number, such as 5200") from None
        return cls(Path(state).expanduser().absolute(), base)

    @property
    def registry_port(self) -> int:
        """Port of the registry; images of the sample application are named after the default one."""
        return self.base

    @property
    def number(self) -> int:
        """A small number that no other lab has, for ports and networks."""
        return (self.base - DEFAULT_BASE) % 200

    @property
    def api_port(self) -> int:
        """Port of the Kubernetes API server."""
        return 6443 + self.number

    @property
    def etcd_port(self) -> int:
        """Port of etcd for clients; the next one is for peers."""
        return 12379 + 2 * self.number

    @property
    def git_port(self) -> int:
        """Port of the Git server."""
        return 3080 + self.number

    @property
    def prefect_port(self) -> int:
        """Port of the Prefect server."""
        return 4200 + self.number

    @property
    def hook_port(self) -> int:
        """Port where the registry tells of pushes, for `headway serve` to listen on."""
        return 8642 + self.number

    @property
    def kubelet_port(self) -> int:
        """Port of the kubelet; the next ones are its health port and the controllers'."""
        return 20250 + 10 * self.number

    @property
    def bridge(self) -> str:
        """Name of the network bridge of the pods."""
        return f"lab{self.base}"

    @property
    def engine_bridge(self) -> str:
        """Name of the network bridge of the Docker engine."""
        return f"{self.bridge}d"

    @property
    def subnet(self) -> str:
        """Network of the pods."""
        return f"10.{(100 + self.number) % 256}.0.0/16"

    @property
    def registry(self) -> str:
        """Host and port of the registry, as images name it."""
        return os.environ.get("LAB_REGISTRY") or f"localhost:{self.registry_port}"

    @property
    def binary_cache(self) -> Path:
        """Folder of what is built once for all labs."""
        return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "headway"

    def folder(self, name: str) -> Path:
        """Make a folder in the lab's state, for its owner only."""
        path = self.state / name
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def write(self, name: str, text: str) -> Path:
        """Write a file in the lab's state, for its owner only; nobody ever sees half of it."""
        path = self.state / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        half = path.with_name(f".{path.name}.half")
        half.unlink(missing_ok=True)
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(text)
        half.rename(path)
        return path

    @cached_property
    def password(self) -> str:
        """The registry's password, made once and kept in the state."""
        return self._secret("registry-password")

    @cached_property
    def hook_secret(self) -> str:
        """The token that the registry's notifications carry."""
        return self._secret("hook-secret")

    @cached_property
    def token(self) -> str:
        """The cluster administrator's token, made once and kept in the state."""
        return self._secret("admin-token")

    @cached_property
    def node_token(self) -> str:
        """The kubelet's token."""
        return self._secret("node-token")

    def _secret(self, name: str) -> str:
        path = self.state / name
        if not path.exists():
            self.write(name, secrets.token_hex(16))
        return path.read_text()

    def environment(self) -> dict[str, str]:
        """Give the variables that say where everything of this lab is."""
        kubeconfig = os.environ.get("LAB_KUBECONFIG") or str(self.state / "kubeconfig")
        return {
            "LAB_STATE": str(self.state),
            "LAB_KUBECONFIG": kubeconfig,
            "KUBECONFIG": kubeconfig,
            "LAB_CONTEXT": "shop",
            "LAB_REGISTRY": self.registry,
            "DOCKER_HOST": self.docker_host(),
            "DOCKER_CONFIG": str(self.state / "docker-config"),
            "LAB_GIT": str(self.state / "git"),
            "LAB_GIT_URL": f"http://127.0.0.1:{self.git_port}",
            "LAB_HOOK_PORT": str(self.hook_port),
            "LAB_HOOK_SECRET": self.hook_secret,
            "PREFECT_API_URL": f"http://127.0.0.1:{self.prefect_port}/api",
        }

    def docker_host(self) -> str:
        """Give the Docker engine's address: the one that was found at `up`, or the lab's own."""
        found = self.state / "docker-host"
        return found.read_text() if found.exists() else f"unix://{self.state}/docker.sock"
