"""One deploy at a time for each environment, on any number of machines.

The lease is a `coordination.k8s.io/v1` Lease in the environment's own namespace: it stands beside
what it guards, so it works with and without Prefect, and outlives a restart of either. Its holder
renews it; one that dies lets it run out. Times are not compared between machines: a lease has run
out when its renewals have stood still for its whole duration by the looker's own clock.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from headway.domain.names import segment
from headway.errors import TransientError
from headway.systems.cluster import ApiRefused, Cluster
from headway.systems.state_folder import private_folder

SECONDS = 15
RENEW = 5.0
POLL = 0.25
GROUP = "/apis/coordination.k8s.io/v1"


class Lease:
    """A lease that is held. `lost` is true when it could not be renewed in time."""

    def __init__(self, cluster: Cluster, path: str, who: str) -> None:
        self._cluster, self._path, self._who = cluster, path, who
        self._renewed = time.monotonic()
        self._stop = threading.Event()
        self._taken = False
        self._thread = threading.Thread(target=self._keep, daemon=True, name="lease")

    @property
    def lost(self) -> bool:
        """Say whether somebody else may hold it by now."""
        return self._taken or time.monotonic() - self._renewed > SECONDS

    def check(self) -> None:
        """Raise TransientError where it is lost: what goes on then is somebody else's to do."""
        if self.lost:
            raise TransientError(
                "the environment's lease was lost: the API server could not be reached, or it was taken away",
                hint="whoever holds it goes on; `headway status` says how things are",
            )

    def start(self) -> None:
        """Begin to renew it."""
        self._thread.start()

    def release(self) -> None:
        """Give it up, so that the next one need not wait."""
        self._stop.set()
        self._thread.join(timeout=SECONDS)
        # Where this does not get through, it runs out.
        with contextlib.suppress(TransientError, ApiRefused):
            found = self._cluster.get(self._path)
            if found is not None and _holder(found) == self._who:
                found["spec"]["holderIdentity"] = ""
                _put(self._cluster, self._path, found)

    def _keep(self) -> None:
        while not self._stop.wait(RENEW):
            began = time.monotonic()
            try:
                found = self._cluster.get(self._path)
                if found is None or _holder(found) != self._who:
                    self._taken = True
                    return
                found["spec"]["renewTime"] = _now()
                if _put(self._cluster, self._path, found):
                    self._renewed = began
            except (TransientError, ApiRefused):
                continue


def lease_path(namespace: str, environment: str) -> str:
    """Return the address of an environment's lease."""
    return f"{GROUP}/namespaces/{segment(namespace)}/leases/headway-{environment}"


@contextlib.contextmanager
def environment_lease(
    cluster: Cluster,
    namespace: str,
    environment: str,
    state: Path,
    *,
    wait: float,
    on_wait: Callable[[str], None],
) -> Iterator[Lease | None]:
    """Hold an environment's lease, waiting up to `wait` seconds for its holder to end or to run out.

    Gives None where the namespace does not exist yet, or where leases may not be written: then only
    this machine's own lock orders deploys. Raises TransientError when the time is up.
    """
    path = lease_path(namespace, environment)
    name = path.rpartition("/")[2]
    host = _host(state)
    who = f"{host}/{uuid.uuid4().hex[:8]}"
    deadline = time.monotonic() + wait
    seen: tuple[str, float] = ("", 0.0)
    told = False
    while True:
        try:
            taken, holder, mark = _take(cluster, path, name, namespace, who, host, seen)
        except ApiRefused as error:
            if error.code in (403, 404):
                if error.code == 403:
                    on_wait(
                        f"leases may not be written in {namespace}; deploys are ordered on this machine only"
                    )
                yield None
                return
            raise
        if taken:
            break
        if mark != seen[0]:
            seen = (mark, time.monotonic())
        if time.monotonic() > deadline:
            raise TransientError(
                f"another deploy of {environment} has been running for over {wait:.0f} s, on {holder}",
                hint=f"see what it does with `headway status {environment}`",
            )
        if not told:
            told = True
            on_wait(f"{environment}: waiting for a deploy of it on another machine to end or to give way")
        time.sleep(POLL)
    lease = Lease(cluster, path, who)
    lease.start()
    try:
        yield lease
    finally:
        lease.release()


def _take(
    cluster: Cluster, path: str, name: str, namespace: str, who: str, host: str, seen: tuple[str, float]
) -> tuple[bool, str, str]:
    """Try once; give whether it was taken, who holds it, and a mark that changes with each renewal."""
    now = _now()
    spec = {"holderIdentity": who, "leaseDurationSeconds": SECONDS, "acquireTime": now, "renewTime": now}
    found = cluster.get(path)
    if found is None:
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
        }
        collection = path.rpartition("/")[0]
        answer = cluster.exchange("POST", collection, body=json.dumps(body).encode())
        if answer.status == 409:
            return False, "", ""
        if answer.status >= 400:
            raise ApiRefused(f"the lease {name} cannot be made", answer.status, "", "")
        return True, who, ""
    holder = _holder(found)
    mark = str(found["metadata"].get("resourceVersion"))
    # Whoever holds this machine's own lock knows that a holder on this machine is dead.
    dead = holder.partition("/")[0] == host
    length = float(found["spec"].get("leaseDurationSeconds") or SECONDS)
    out = mark == seen[0] and time.monotonic() - seen[1] > length
    if holder and not dead and not out:
        return False, holder, mark
    transitions = int(found["spec"].get("leaseTransitions") or 0) + 1
    found["spec"] = {**spec, "leaseTransitions": transitions}
    return _put(cluster, path, found), holder, mark


def _put(cluster: Cluster, path: str, found: dict[str, Any]) -> bool:
    """Write a lease back; False where somebody else wrote it since it was read."""
    answer = cluster.exchange("PUT", path, body=json.dumps(found).encode())
    if answer.status == 409:
        return False
    if answer.status >= 500 or answer.status == 429:
        raise TransientError(f"the API server answers {answer.status} to a lease")
    if answer.status >= 400:
        raise ApiRefused("the lease cannot be written", answer.status, "", "")
    return True


def _holder(found: dict[str, Any]) -> str:
    return str((found.get("spec") or {}).get("holderIdentity") or "")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _host(state: Path) -> str:
    """Name what shares this machine's lock files: a word that is made once and kept beside them."""
    path = state / "locks" / "host"
    if not path.exists():
        private_folder(path.parent)
        word = uuid.uuid4().hex[:12]
        whole = path.with_name(f"host.{word}")
        whole.write_text(word)
        with contextlib.suppress(FileExistsError):
            os.link(whole, path)
        whole.unlink()
    return path.read_text()
