"""What servers leave behind when they end, or are killed: pods, shims, mounts, networks, cgroups."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from lab.place import Place
from lab.processes import POLL, began_at

CGROUPS = Path("/sys/fs/cgroup")
SECONDS = 15.0


def end_pods(place: Place) -> None:
    """Kill every container of the kubelet's containerd and its shim; the pods' networks go with them."""
    end_shims(f"{place.state}/containerd.sock")
    _networks(place)


def end_shims(socket: str) -> None:
    """Kill the containers of one containerd with their shims, which outlive it."""
    shims = [pid for pid in processes() if _is_shim(pid, socket)]
    _kill([*{child for shim in shims for child in _descendants(shim)}, *shims])


def clear(place: Place) -> None:
    """Remove mounts, networks and cgroups of the lab."""
    for socket in (f"{place.state}/containerd.sock", f"{place.state}/docker/exec/containerd/containerd.sock"):
        end_shims(socket)
    _networks(place)
    unmount(place.state)
    for link in (place.bridge, place.engine_bridge):
        subprocess.run(["ip", "link", "delete", link], capture_output=True, check=False)
    _rules(place.engine_bridge)
    remove_cgroups(place.bridge)
    (place.state / "containerd.sock").unlink(missing_ok=True)
    (place.state / "docker.sock").unlink(missing_ok=True)


def unmount(folder: Path) -> None:
    """Unmount everything below a folder, the deepest first."""
    points = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), line.split()[4])
        if point.startswith(f"{folder}/"):
            points.append(point)
    for point in sorted(points, key=len, reverse=True):
        subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)


def processes() -> list[int]:
    """List the pids of all processes."""
    return [int(it.name) for it in Path("/proc").iterdir() if it.name.isdigit()]


def _is_shim(pid: int, socket: str) -> bool:
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return b"containerd-shim" in words[0] and socket.encode() in words
    return False


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *_descendants(int(child))]
    return found


def _kill(pids: list[int]) -> None:
    began = {pid: began_at(pid) for pid in pids}
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + SECONDS
    while any(began[pid] and began_at(pid) == began[pid] for pid in pids) and time.monotonic() < deadline:
        time.sleep(POLL)


def _networks(place: Place) -> None:
    """Remove the pods' network namespaces, and with them their end of the bridge."""
    state = place.state / "cni-state" / place.bridge
    if not state.exists():
        return
    done = subprocess.run(
        ["ip", "-o", "link", "show", "master", place.bridge], capture_output=True, text=True, check=False
    )
    # Namespaces are kept alive by a mount; the pods' are those whose end is on our bridge.
    peers = set(re.findall(r"link-netns (\S+)", done.stdout))
    for name in peers:
        subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    for name in re.findall(r"^\d+: (veth[^@:]+)", done.stdout, re.M):
        subprocess.run(["ip", "link", "delete", name], capture_output=True, check=False)
    for lease in state.glob("*.*.*.*"):
        lease.unlink(missing_ok=True)


def _rules(bridge: str) -> None:
    """Remove the engine's packet filter rules that name its bridge."""
    for table in ("filter", "nat"):
        done = subprocess.run(["iptables-save", "-t", table], capture_output=True, text=True, check=False)
        for line in done.stdout.splitlines():
            words = line.split()
            if words[:1] == ["-A"] and bridge in words:
                subprocess.run(["iptables", "-t", table, "-D", *words[1:]], capture_output=True, check=False)


def make_cgroups(name: str) -> None:
    """Make a second lab's own cgroup in each hierarchy (cgroup v1), so that two kubelets do not meet."""
    for controller in CGROUPS.iterdir() if CGROUPS.exists() else ():
        if controller.is_dir() and not controller.is_symlink():
            with contextlib.suppress(OSError):
                (controller / name).mkdir(exist_ok=True)
                for setting in ("cpuset.cpus", "cpuset.mems"):
                    if (controller / setting).exists():
                        (controller / name / setting).write_text((controller / setting).read_text())


def remove_cgroups(name: str) -> None:
    """Remove the pods' cgroups."""
    for controller in CGROUPS.iterdir() if CGROUPS.exists() else ():
        for top in (controller / name, controller / "kubepods"):
            if not top.is_dir() or (top.name == "kubepods" and name != "lab5000"):
                continue
            for folder in sorted((it for it in top.rglob("*") if it.is_dir()), key=lambda it: -len(it.parts)):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            with contextlib.suppress(OSError):
                top.rmdir()
