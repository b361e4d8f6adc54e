"""One deploy at a time for each environment, on any number of machines.

The lease is a `coordination.k8s.io/v1` Lease in the environment's own namespace: it stands beside
what it guards, so it works with and without Prefect, and outlives a restart of either. Its holder
renews it; one that dies lets it run out. Times are not compared between machines: a lease has run
out when its renewals have stood still for its whole duration by the looker's own clock.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from headway.domain.objects.names import segment
from headway.domain.objects.refusals import goes
from headway.errors import LostLease, TransientError
from headway.systems.cluster.client import ApiRefused, Cluster

SECONDS = 15
RENEW = 4.0
SURE = 11.0
"""Seconds after a renewal in which nobody else can have taken it; later, only the API server knows whose it is."""
ASK_SECONDS = 3.0
POLL = 0.25
SLOW = 30.0
"""For so many seconds an API server may fail to say whether the lease is taken."""
GROUP = "/apis/coordination.k8s.io/v1"
_TRIES = 3


class Lease:
    """A lease that is held, and renewed over connections of its own."""

    def __init__(self, cluster: Cluster, path: str, who: str) -> None:
        self._shared, self._cluster = cluster, cluster.apart()
        self._path, self._who = path, who
        self._renewed = _clocks()
        self._stop = threading.Event()
        self._turn = threading.Lock()
        self._taken = False
        self._thread = threading.Thread(target=self._keep, daemon=True, name="lease")

    def check(self) -> None:
        """Make sure that it is still held; ask the API server where it was not renewed for a while.

        A process that slept longer than its lease lasts finds out here, before it writes. Raises LostLease
        where it is somebody else's, and TransientError where nobody can be asked.
        """
        if self._taken or self._age() > SURE:
            self.confirm()

    def confirm(self) -> None:
        """Ask the API server whether it is still held, and renew it. Raises as `check` does."""
        self._renew()
        if self._taken:
            raise LostLease(
                "the environment's lease was lost while this run was held up; somebody else may deploy there by now, "
                "so nothing more was written and nothing was recorded",
                hint="whoever holds it goes on; `headway status` says how things are",
            )

    def start(self) -> None:
        """Begin to renew it."""
        self._thread.start()

    def release(self) -> None:
        """Give it up, so that the next one need not wait."""
        self._stop.set()
        self._thread.join(timeout=SECONDS)
        self._cluster.close()
        # The deploy's own connections are open already; one of them may be dead, a new one is not.
        # Where neither gets through, it runs out.
        for cluster in (self._shared, self._cluster):
            with contextlib.suppress(Exception):
                found = cluster.get(self._path, timeout=ASK_SECONDS, attempts=1)
                if found is not None and _holder(found) == self._who:
                    found["spec"]["holderIdentity"] = ""
                    _put(cluster, self._path, found)
                break
        self._cluster.close()

    def _age(self) -> float:
        """Return the seconds since the last renewal, by the clock that saw the most: a machine may be suspended."""
        return max(now - then for now, then in zip(_clocks(), self._renewed, strict=True))

    def _keep(self) -> None:
        while not self._taken and not self._stop.wait(RENEW):
            # What is wrong is said where it matters: before the next write.
            with contextlib.suppress(Exception):
                self._renew()

    def _renew(self) -> None:
        with self._turn:
            if self._taken:
                return
            # A connection that lay idle may be dead.
            self._cluster.close()
            for _ in range(_TRIES):
                began = _clocks()
                found = self._cluster.get(self._path, timeout=ASK_SECONDS, attempts=1)
                if found is None or _holder(found) != self._who:
                    self._taken = True
                    return
                found["spec"]["renewTime"] = _stamp()
                if _put(self._cluster, self._path, found):
                    self._renewed = began
                    return
        raise TransientError("the environment's lease is being changed by somebody else all the time")


def lease_path(namespace: str, environment: str) -> str:
    """Return the address of an environment's lease."""
    return f"{GROUP}/namespaces/{segment(namespace)}/leases/headway-{environment}"


@contextlib.contextmanager
def environment_lease(
    cluster: Cluster,
    namespace: str,
    environment: str,
    machine: str,
    *,
    wait: float,
    on_wait: Callable[[str], None],
) -> Iterator[Lease | None]:
    """Hold an environment's lease, waiting up to `wait` seconds for its holder to end or to run out.

    Gives None where the namespace does not exist yet, or where leases may not be written: then only
    this machine's own lock orders deploys. `machine` is the word of that lock: whoever has the same word and is
    not this process is dead. Raises TransientError when the time is up.
    """
    path = lease_path(namespace, environment)
    name = path.rpartition("/")[2]
    who = f"{machine}/{uuid.uuid4().hex[:8]}"
    deadline = time.monotonic() + wait
    seen: tuple[str, float] = ("", 0.0)
    logged, patient = False, 0.0
    while True:
        try:
            taken, holder, mark = _take(cluster, path, name, namespace, who, machine, seen)
        except ApiRefused as error:
            if error.code in (403, 404):
                if error.code == 403:
                    # Whoever applies there finds out what a namespace that goes means for what it applies.
                    why = (
                        f"namespace {namespace} is being deleted, and takes no lease"
                        if goes(error.said)
                        else f"leases may not be written in {namespace}"
                    )
                    on_wait(f"{why}; deploys are ordered on this machine only")
                yield None
                return
            raise
        except TransientError:
            # Where it was written all the same, the next look finds it held by this very process.
            patient = patient or min(deadline, time.monotonic() + SLOW)
            if time.monotonic() > patient:
                raise
            time.sleep(POLL)
            continue
        patient = 0.0
        if taken:
            break
        if mark != seen[0]:
            seen = (mark, time.monotonic())
        if time.monotonic() > deadline:
            raise TransientError(
                f"another deploy of {environment} has been running for over {wait:.0f} s, on {holder}",
                hint=f"see what it does with `headway status {environment}`",
            )
        if not logged:
            logged = True
            on_wait(f"{environment}: waiting for a deploy of it on another machine to end or to give way")
        time.sleep(POLL)
    lease = Lease(cluster, path, who)
    lease.start()
    try:
        yield lease
    finally:
        lease.release()


def _take(
    cluster: Cluster, path: str, name: str, namespace: str, who: str, machine: str, seen: tuple[str, float]
) -> tuple[bool, str, str]:
    """Try once; return whether it was taken, who holds it, and a mark that changes with each renewal."""
    now = _stamp()
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
        if answer.status >= 500 or answer.status == 429:
            raise TransientError(f"the API server answers {answer.status} to a new lease")
        if answer.status >= 400:
            said = answer.data[:1000].decode(errors="replace")
            raise ApiRefused(f"the lease {name} cannot be made", answer.status, "", said)
        if _written(answer.data) != who:
            raise TransientError(
                f"what answers at {cluster.host} took a lease and is no Kubernetes API server"
            )
        return True, who, ""
    holder = _holder(found)
    mark = str(found["metadata"].get("resourceVersion"))
    # Whoever holds this machine's own lock knows that a holder on this machine is dead.
    dead = holder.partition("/")[0] == machine
    length = float(found["spec"].get("leaseDurationSeconds") or SECONDS)
    out = mark == seen[0] and time.monotonic() - seen[1] > length
    if holder and not dead and not out:
        return False, holder, mark
    transitions = int(found["spec"].get("leaseTransitions") or 0) + 1
    found["spec"] = {**spec, "leaseTransitions": transitions}
    return _put(cluster, path, found), holder, mark


def _put(cluster: Cluster, path: str, found: dict[str, Any]) -> bool:
    """Write a lease back; return False where somebody else wrote it since it was read."""
    answer = cluster.exchange("PUT", path, body=json.dumps(found).encode(), timeout=ASK_SECONDS)
    if answer.status == 409:
        return False
    if answer.status >= 500 or answer.status == 429:
        raise TransientError(f"the API server answers {answer.status} to a lease")
    if answer.status >= 400:
        raise ApiRefused("the lease cannot be written", answer.status, "", "")
    if _written(answer.data) != _holder(found):
        raise TransientError(f"what answers at {cluster.host} took a lease and is no Kubernetes API server")
    return True


def _written(answer: bytes) -> str | None:
    """Read from an answer who holds the lease that was written; None where it is no lease."""
    try:
        found = json.loads(answer)
        return str(found["spec"].get("holderIdentity") or "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _holder(found: dict[str, Any]) -> str:
    return str((found.get("spec") or {}).get("holderIdentity") or "")


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _clocks() -> tuple[float, float]:
    """Return a clock that counts while the machine is suspended, and the time of day."""
    boot = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(boot), time.time()
