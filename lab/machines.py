"""A control room as on several machines: PostgreSQL and Redis, Prefect's servers and headway's workers from its image.

What the containers share is the loopback interface; each has a state folder of its own, as a machine has.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from lab import packages
from lab.place import ROOT, LabError, Place
from lab.processes import Server
from lab.telling import step

NEEDED = {"debootstrap": "debootstrap", "redis-server": "redis-server", "/usr/share/postgresql": "postgresql"}
INCLUDED = "python3-venv,python3,git,ca-certificates"


def image(place: Place) -> str:
    """Build headway's own image from this checkout, unless the same one is there; give its name."""
    packages.ensure(NEEDED)
    tracked = _run("git", "ls-files", "-z", cwd=ROOT).split("\0")
    files = [
        ROOT / it for it in sorted(tracked) if it.startswith(("headway/", "flows/", "tasks/", "deployments/"))
    ]
    content = hashlib.sha256(b"".join(it.read_bytes() for it in files if it.is_file())).hexdigest()[:12]
    name = f"{place.registry}/headway/headway:{content}"
    if not _there(place, name):
        base = _base(place)
        with step(f"headway's own image {name}"):
            _run(
                str(ROOT / "deployments/image/build"),
                name,
                "--base",
                base,
                "--offline",
                cwd=ROOT,
                env=_env(place),
            )
    return name


def push(place: Place, name: str) -> None:
    """Push an image, for clusters to pull."""
    _run("docker", "push", "--quiet", name, env=_env(place))


def _base(place: Place) -> str:
    """Make a base image with Python from Debian's packages, once; the public one cannot be pulled here."""
    release = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line
    )["VERSION_CODENAME"]
    name = f"{place.registry}/lab/python:{release}"
    if _there(place, name):
        return name
    tar = (
        place.binary_cache / f"python-base-{release}-{hashlib.sha256(INCLUDED.encode()).hexdigest()[:8]}.tar"
    )
    if not tar.exists():
        with (
            step("a base image with Python, from Debian's packages"),
            tempfile.TemporaryDirectory() as folder,
        ):
            root = Path(folder, "root")
            form = "$(REPO_URI)|$(CODENAME)|$(ORIGIN)|$(COMPONENT)|$(CREATED_BY)"
            found = _run("apt-get", "indextargets", "--format", form).splitlines()
            mirror = next(it for it in found if it.endswith(f"|{release}|Debian|main|Packages")).split("|")[0]
            _run("debootstrap", "--variant=minbase", f"--include={INCLUDED}", release, str(root), mirror)
            shutil.rmtree(root / "var/cache/apt", ignore_errors=True)
            half = tar.with_suffix(".half")
            half.parent.mkdir(parents=True, exist_ok=True)
            _run("tar", "-C", str(root), "-cf", str(half), ".")
            half.rename(tar)
    _run("docker", "import", str(tar), name, env=_env(place))
    return name


def postgres(place: Place, port: int, folder: Path) -> str:
    """Start a PostgreSQL with an empty database below a folder that all may enter; give its URL for Prefect."""
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"))
    data = folder / "data"
    data.mkdir(mode=0o700)
    shutil.chown(data, "postgres", "postgres")
    as_postgres = ["runuser", "--user", "postgres", "--"]
    _run(*as_postgres, str(binaries / "initdb"), "--auth", "trust", "--no-sync", "--pgdata", str(data))
    options = [
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        f"port={port}",
        "-c",
        "unix_socket_directories=",
        "-c",
        "fsync=off",
    ]
    options += ["-c", "max_connections=200"]
    server = Server(place, "postgres")
    server.start([*as_postgres, str(binaries / "postgres"), "-D", str(data), *options], cwd=folder)
    ready = [str(binaries / "pg_isready"), "--quiet", "--host", "127.0.0.1", "--port", str(port)]
    server.wait(lambda: subprocess.run(ready, check=False).returncode == 0, 60)
    make = [
        str(binaries / "createdb"),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--username",
        "postgres",
        "prefect",
    ]
    _run(*make)
    return f"postgresql+asyncpg://postgres@127.0.0.1:{port}/prefect"


def redis(place: Place, port: int) -> None:
    """Start a Redis that keeps nothing."""
    server = Server(place, "redis")
    server.start(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        cwd=place.folder("redis"),
    )
    ping = ["redis-cli", "-p", str(port), "ping"]
    server.wait(lambda: subprocess.run(ping, capture_output=True, check=False).stdout == b"PONG\n", 30)


def prefect_environment(database: str, redis_port: int) -> dict[str, str]:
    """Give the settings of Prefect servers that share a database and Redis (shared by all of deployments/)."""
    settings = dict(
        line.split("=", 1)
        for line in (ROOT / "deployments/kubernetes/prefect.env").read_text().splitlines()
        if "=" in line
    )
    at = f"127.0.0.1:{redis_port}"
    return {
        **{key: it.replace("redis:6379", at) for key, it in settings.items()},
        "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
        "PREFECT_REDIS_MESSAGING_PORT": str(redis_port),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
    }


def container(
    place: Place,
    name: str,
    image_name: str,
    command: list[str],
    env: dict[str, str],
    *,
    mounts: dict[str, str],
) -> str:
    """Start a container of headway's image as it is meant to run, on a root that is read-only; give its id."""
    options = [
        "--detach",
        "--network",
        "host",
        "--read-only",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
    ]
    options += ["--name", name, "--entrypoint", command[0]]
    for key, value in env.items():
        options += ["--env", f"{key}={value}"]
    for source, target in mounts.items():
        options += ["--volume", f"{source}:{target}:ro"]
    return _run("docker", "run", *options, image_name, *command[1:], env=_env(place)).strip()


def remove(place: Place, *names: str) -> None:
    """End containers and forget them, with their volumes."""
    subprocess.run(
        ["docker", "rm", "--force", "--volumes", *names], env=_env(place), capture_output=True, check=False
    )


def kill(place: Place, name: str) -> None:
    """End a container as a machine that loses its power does."""
    _run("docker", "kill", "--signal", "KILL", name, env=_env(place))


def runs(place: Place, name: str) -> bool:
    """Say whether a container runs."""
    return f"{name}\n" in _run("docker", "ps", "--format", "{{.Names}}", env=_env(place))


def ended_well(place: Place, name: str) -> bool:
    """Wait until a container has ended, and say whether it did so with 0."""
    return _run("docker", "wait", name, env=_env(place)).strip() == "0"


def logs(place: Place, name: str, lines: int = 40) -> str:
    """Give the end of what a container said."""
    done = subprocess.run(
        ["docker", "logs", "--tail", str(lines), name],
        env=_env(place),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def _there(place: Place, name: str) -> bool:
    command = ["docker", "image", "inspect", name]
    return subprocess.run(command, env=_env(place), capture_output=True, check=False).returncode == 0


def _env(place: Place) -> dict[str, str]:
    return {**os.environ, **place.environment()}


def _run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(command[:4])} … failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout
