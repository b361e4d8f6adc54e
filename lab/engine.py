"""The Docker engine and the registry: those that are there, or the lab's own."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from lab import cleaning
from lab.place import LabError, Place
from lab.processes import Server
from lab.telling import say, step

USER = "headway"
SYSTEM_SOCKET = "/var/run/docker.sock"


def answers(host: str) -> bool:
    """Say whether a Docker engine answers at an address."""
    done = subprocess.run(
        ["docker", "-H", host, "version", "--format", "{{.Server.Version}}"], capture_output=True, check=False
    )
    return done.returncode == 0


def docker_up(place: Place) -> None:
    """Use the engine that is there, or start the lab's own."""
    server = Server(place, "dockerd")
    own = f"unix://{place.state}/docker.sock"
    given = os.environ.get("DOCKER_HOST", "")
    if server.pid is None:
        for host in (given, f"unix://{SYSTEM_SOCKET}"):
            if host and host != own and answers(host):
                place.write("docker-host", host)
                say(f"    using the Docker engine at {host}")
                return
    place.write("docker-host", own)
    if server.pid is not None and answers(own):
        return
    with step("Docker engine"):
        folder = place.folder("docker")
        if server.pid is None:
            # What a killed engine left behind names processes that are gone, and it would wait for them.
            cleaning.end_shims(f"{folder}/exec/containerd/containerd.sock")
            cleaning.unmount(folder / "exec")
            shutil.rmtree(folder / "exec", ignore_errors=True)
            (folder / "dockerd.pid").unlink(missing_ok=True)
        _bridge(place.engine_bridge, f"10.{50 + place.number % 50}.0.1/24")
        command = ["dockerd", "--host", own, "--pidfile", str(folder / "dockerd.pid")]
        command += ["--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")]
        command += ["--bridge", place.engine_bridge]
        server.start(command)
        server.wait(lambda: answers(own), 60)


def _bridge(name: str, address: str) -> None:
    """Make the network of the engine's builds: one of the lab's own, so that it can be taken away again."""
    for command in (
        ["ip", "link", "add", name, "type", "bridge"],
        ["ip", "addr", "replace", address, "dev", name],
        ["ip", "link", "set", name, "up"],
    ):
        subprocess.run(command, capture_output=True, check=False)


def registry_up(place: Place) -> None:
    """Start the lab's registry with its login, unless LAB_REGISTRY names another."""
    given = os.environ.get("LAB_REGISTRY")
    if given and given != f"localhost:{place.registry_port}":
        say(f"    using the registry {given}, with the logins of Docker's own config")
        return
    login = base64.b64encode(f"{USER}:{place.password}".encode()).decode()
    place.write("docker-config/config.json", json.dumps({"auths": {place.registry: {"auth": login}}}))
    server = Server(place, "registry")
    config = json.dumps(_registry_config(place))
    file = place.state / "registry.json"
    same = file.exists() and file.read_text() == config
    if same and server.pid is not None and _registry_answers(place):
        return
    with step(f"registry {place.registry}, with a login"):
        server.stop()
        done = subprocess.run(
            ["htpasswd", "-niB", USER], input=place.password, capture_output=True, text=True, check=True
        )
        place.write("registry.htpasswd", done.stdout)
        server.start(["docker-registry", "serve", str(place.write("registry.json", config))])
        server.wait(lambda: _registry_answers(place), 30)


def _registry_config(place: Place) -> dict[str, object]:
    notified = {
        "name": "headway",
        "url": f"http://127.0.0.1:{place.hook_port}/hooks/distribution",
        "headers": {"Authorization": [f"Bearer {place.hook_secret}"]},
        "timeout": "1s",
        # Where nobody listens it asks again every so often, and the events wait.
        "threshold": 1,
        "backoff": "500ms",
    }
    return {
        "version": "0.1",
        "log": {"accesslog": {"disabled": False}, "level": "error"},
        "storage": {
            "filesystem": {"rootdirectory": str(place.folder("registry"))},
            "delete": {"enabled": True},
        },
        "http": {"addr": f"127.0.0.1:{place.registry_port}"},
        "notifications": {"endpoints": [notified]},
        "auth": {"htpasswd": {"realm": "lab", "path": str(place.state / "registry.htpasswd")}},
    }


def _registry_answers(place: Place) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{place.registry_port}/v2/", timeout=2)
    except urllib.error.HTTPError as error:
        return error.code == 401
    except OSError:
        return False
    return False


def pause_image(place: Place) -> tuple[str, Path]:
    """Build the image that holds a pod's namespaces, and save it for the kubelet's containerd."""
    name, archive = "lab/pause:1", place.state / "pause.tar"
    if archive.exists():
        return name, archive
    folder = place.folder("pause")
    (folder / "Dockerfile").write_text(
        'FROM scratch\nCOPY busybox /bin/busybox\nCMD ["/bin/busybox", "sleep", "2147483647"]\n'
    )
    (folder / "busybox").write_bytes(Path("/bin/busybox").read_bytes())
    (folder / "busybox").chmod(0o755)
    half = archive.with_suffix(".half")
    for command in (["build", "--quiet", "-t", name, str(folder)], ["save", "-o", str(half), name]):
        done = subprocess.run(
            ["docker", "-H", place.docker_host(), *command], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise LabError(f"docker {command[0]} of the pause image failed:\n{done.stderr[-1000:]}")
    half.rename(archive)
    return name, archive
