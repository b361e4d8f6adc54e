"""`python -m lab`: bring the lab up, look at it, take it down."""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import sys
import time

from lab import cleaning, cluster, controlroom, engine, packages
from lab.place import LabError, Place
from lab.processes import Server
from lab.telling import colour, say, step

COMPONENTS = ("docker", "registry", "cluster", "git", "prefect")
SERVERS = ("dockerd", "registry", *cluster.SERVERS, "git", "prefect", "worker")


def up(place: Place, wanted: set[str]) -> None:
    """Bring up what is missing; what runs already is left as it is."""
    began = time.monotonic()
    place.folder(".")
    packages.ensure(packages.NEEDED)
    if wanted & {"docker", "cluster"}:
        packages.require_root()
    if "prefect" in wanted:
        controlroom.start(place)
    if "docker" in wanted:
        engine.docker_up(place)
    if "registry" in wanted:
        _free(place, "registry", place.registry_port)
        engine.registry_up(place)
    if "git" in wanted:
        _git_up(place)
    if "cluster" in wanted:
        cluster.up(place)
    place.write("env", "".join(f"{key}={value}\n" for key, value in place.environment().items()))
    if "prefect" in wanted:
        controlroom.finish(place)
    say(f"the lab is up ({time.monotonic() - began:.1f} s); its addresses: {place.state / 'env'}")


def down(place: Place) -> None:
    """End every process of the lab, and remove its mounts and networks."""
    with step("the lab is down"):
        controlroom.down(place)
        Server(place, "git").stop()
        cluster.down(place)
        Server(place, "registry").stop()
        Server(place, "dockerd").stop(grace=20)
        cleaning.clear(place)


def reset(place: Place) -> None:
    """Take the lab down and forget everything but what was built for the cache."""
    down(place)
    with step(f"removed {place.state}"):
        shutil.rmtree(place.state, ignore_errors=True)


def status(place: Place, output: str) -> int:
    """Print what runs; give 0 when everything does."""
    rows = []
    for name in SERVERS:
        pid = Server(place, name).pid
        given = {"dockerd": not place.docker_host().startswith(f"unix://{place.state}")}.get(name, False)
        rows.append({"server": name, "pid": pid, "state": "given" if given else "up" if pid else "down"})
    if output == "json":
        print(json.dumps({"servers": rows, "environment": place.environment()}, indent=2))
    else:
        for row in rows:
            kind = "no" if row["state"] == "down" else "ok"
            print(f"{row['server']:<20}{colour(str(row['state']), kind):<8}{row['pid'] or '':>8}")
        for key, value in place.environment().items():
            print(f"{key:<20}{value}")
    return 0 if all(row["state"] != "down" for row in rows) else 1


def _git_up(place: Place) -> None:
    server = Server(place, "git")
    if server.pid is not None:
        return
    _free(place, "git", place.git_port)
    with step(f"Git server {place.environment()['LAB_GIT_URL']}"):
        from lab.place import ROOT

        command = [sys.executable, "-m", "lab.githttp", str(place.git_port), str(place.folder("git"))]
        server.start(command, cwd=ROOT)
        server.wait(lambda: _listens(place.git_port), 20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free(place: Place, name: str, port: int) -> None:
    if Server(place, name).pid is None and _listens(port):
        raise LabError(
            f"port {port}, which the lab's {name} server needs, is taken by another program.\n"
            "End that, or choose other ports for the lab: LAB_BASE=5100 LAB_STATE=/some/folder"
        )


def main(arguments: list[str] | None = None) -> int:
    """Run one command; give its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m lab",
        description="A real Kubernetes, registry, Docker engine, Git and Prefect server on this machine.",
        epilog="LAB_STATE is the folder of its state, LAB_KUBECONFIG, LAB_REGISTRY and DOCKER_HOST name what you "
        "have already. Example: python -m lab up --without prefect",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="bring up what is missing")
    start.add_argument("--only", help=f"some of: {','.join(COMPONENTS)}")
    start.add_argument("--without", default="", help="all but these")
    look = commands.add_parser("status", help="what runs, and where")
    look.add_argument("--output", choices=("table", "json"), default="table")
    commands.add_parser("down", help="end everything; leaves no process and no mount")
    commands.add_parser("reset", help="down, and forget the state; what was built stays in the cache")
    commands.add_parser("destroy-cluster", help="lose the cluster and start an empty one, in seconds")
    commands.add_parser("deploy", help="deploy the flows of prefect.yaml again")
    given = parser.parse_args(arguments)
    try:
        place = Place.default()
        if given.command == "status":
            return status(place, given.output)
        if given.command == "up":
            up(place, _wanted(given.only, given.without))
        elif given.command == "destroy-cluster":
            cluster.destroy(place)
        elif given.command == "deploy":
            controlroom.deploy(place)
        else:
            {"down": down, "reset": reset}[given.command](place)
    except LabError as error:
        say(f"{colour('error:', 'no')} {error}")
        return 2
    except KeyboardInterrupt:
        say("\nstopped; `python -m lab up` goes on where this ended")
        return 130
    return 0


def _wanted(only: str | None, without: str) -> set[str]:
    chosen = set(only.split(",")) if only else set(COMPONENTS)
    left_out = set(without.split(",")) - {""}
    if unknown := (chosen | left_out) - set(COMPONENTS):
        raise LabError(f"no component {', '.join(sorted(unknown))}; there are {', '.join(COMPONENTS)}")
    return chosen - left_out


if __name__ == "__main__":
    sys.exit(main())
