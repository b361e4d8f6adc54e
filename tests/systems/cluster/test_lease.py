"""A lease and the machine's lock: who overslept writes nothing, and one repo has one lock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headway.errors import HeadwayError, LostLease, TransientError
from headway.systems.cluster import lease as leases
from headway.systems.cluster.client import Cluster
from headway.systems.cluster.lease import Lease, environment_lease, lease_path
from headway.systems.machine.lock import environment_lock
from tests.servers.kubernetes import CLOSED, Answer, KubeServer

PATH = lease_path("shop", "env")


class Machines:
    """A cluster, and how long its deploys have slept."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = KubeServer()
        (folder / "kubeconfig").write_text(self.server.kubeconfig)
        self.cluster = Cluster.open("shop", str(folder / "kubeconfig"))
        self.slept = 0.0
        clocks = leases._clocks
        monkeypatch.setattr(leases, "_clocks", lambda: tuple(it + self.slept for it in clocks()))
        # The thread that renews sleeps as well.
        monkeypatch.setattr(leases, "RENEW", 3600.0)

    def lease(self, machine: str = "a") -> Any:
        return environment_lease(self.cluster, "shop", "env", machine, wait=1, on_wait=print)

    def taken_by(self, holder: str) -> None:
        self.server.objects[PATH]["spec"]["holderIdentity"] = holder


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    it = Machines(tmp_path, monkeypatch)
    yield it
    it.server.close()
    it.cluster.close()


def write(cluster: Cluster) -> None:
    body = b'{"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "x"}, "spec": {}}'
    cluster.send("PATCH", "/apis/batch/v1/namespaces/shop/cronjobs/x", body=body, attempts=1)


@pytest.mark.parametrize("holder", ["b/1", ""], ids=["somebody has it", "somebody had it"])
def test_who_slept_longer_than_its_lease_writes_nothing(machines: Machines, holder: str) -> None:
    """Before each write after a while without renewal, the API server is asked whose it is."""
    with machines.lease() as lease:
        fenced = machines.cluster.fenced(lease.check)
        write(fenced)
        machines.slept = 100.0
        machines.taken_by(holder)
        with pytest.raises(LostLease, match="lease was lost"):
            write(fenced)
        with pytest.raises(LostLease):
            lease.check()
    assert len(machines.server.changes) == 1


def test_who_slept_and_was_not_replaced_goes_on(machines: Machines) -> None:
    """An API server that was away for a minute costs nobody the lease."""
    with machines.lease() as lease:
        machines.slept = 100.0
        write(machines.cluster.fenced(lease.check))
    assert len(machines.server.changes) == 1


def test_who_cannot_ask_whose_it_is_writes_nothing(machines: Machines) -> None:
    """The lease may have run out meanwhile."""
    with machines.lease() as lease:
        machines.slept = 100.0
        machines.server.mood = lambda method, path, body: CLOSED if "/leases/" in path else None
        with pytest.raises(TransientError):
            write(machines.cluster.fenced(lease.check))
        machines.server.mood = lambda method, path, body: None
    assert not machines.server.changes


@pytest.mark.parametrize(
    "answer", [(200, {}), (200, b"<html>"), (500, {}), (401, {}), (200, {"spec": []})], ids=str
)
def test_an_odd_answer_ends_no_deploy_and_holds_no_lease(machines: Machines, answer: Answer) -> None:
    """The thread that renews goes on, and the end gives the lease up."""
    with machines.lease() as lease:
        machines.server.mood = lambda method, path, body: answer if "/leases/" in path else None
        with pytest.raises(HeadwayError):
            lease.confirm()
        lease.check()
        machines.server.mood = lambda method, path, body: None
    assert machines.server.objects[PATH]["spec"]["holderIdentity"] == ""


@pytest.mark.parametrize("written", [False, True], ids=["and did nothing", "and had written it"])
def test_a_busy_api_server_ends_no_deploy_that_is_about_to_begin(machines: Machines, written: bool) -> None:
    """One answer that does not come is asked for again, also where the lease is this deploy's by then."""
    with machines.lease():
        pass
    refused: list[str] = []

    def busy(method: str, path: str, body: dict[str, Any]) -> Answer | None:
        if method != "PUT" or refused:
            return None
        refused.append(path)
        if written:
            machines.server.objects[PATH]["spec"] = body["spec"]
        return 503, {"kind": "Status", "message": "etcdserver: request timed out"}

    machines.server.mood = busy
    with machines.lease() as lease:
        lease.confirm()
        assert refused
    assert machines.server.objects[PATH]["spec"]["holderIdentity"] == ""


def test_an_api_server_that_stays_away_ends_a_deploy_that_is_about_to_begin(machines: Machines) -> None:
    """After the time that a deploy would wait for its turn, at the latest."""
    with machines.lease():
        pass
    machines.server.mood = lambda method, path, body: (503, {}) if method == "PUT" else None
    with pytest.raises(TransientError, match="503"), machines.lease():
        pass


def test_a_lease_is_given_up_over_new_connections_where_the_old_ones_are_dead(machines: Machines) -> None:
    """The next deploy need not wait until it runs out."""
    with machines.lease():
        dead = [True]

        def mood(method: str, path: str, body: dict[str, Any]) -> Answer | None:
            return CLOSED if "/leases/" in path and dead and dead.pop() else None

        machines.server.mood = mood
    assert not dead
    assert machines.server.objects[PATH]["spec"]["holderIdentity"] == ""


def test_a_lease_is_not_given_up_for_somebody_else(machines: Machines) -> None:
    """Who lost it leaves it alone."""
    with machines.lease():
        machines.taken_by("b/1")
    assert machines.server.objects[PATH]["spec"]["holderIdentity"] == "b/1"


def test_a_dead_process_of_the_same_lock_is_not_waited_for(machines: Machines) -> None:
    """Whoever holds the machine's lock knows that nobody else by its word lives; by another word, one waits."""
    with machines.lease():
        pass
    machines.taken_by("a/dead")
    with machines.lease("a") as lease:
        assert isinstance(lease, Lease)
    machines.taken_by("a/alive")
    with pytest.raises(TransientError, match="another deploy of env"), machines.lease("b"):
        pytest.fail("another machine's lease was taken")


@pytest.mark.parametrize(
    "spelling",
    ["{}", "{}.git", "{}/", "{}.git/", "file://{}", "file://{}.git", "{}/../config", "file://{}/"],
)
def test_one_repo_has_one_lock_however_it_is_spelled(tmp_path: Path, spelling: str) -> None:
    """Two spellings on one machine wait for each other, instead of taking each other for dead."""
    repo, state = tmp_path / "config", tmp_path / "state"
    with (
        environment_lock(state, str(repo), "env", wait=0),
        pytest.raises(TransientError, match="another deploy of env"),
        environment_lock(state, spelling.format(repo), "env", wait=0),
    ):
        pytest.fail("it was held twice")


@pytest.mark.parametrize(
    "spelling", ["https://ann:pw@git.example.com/shop/config", "ssh://git@GIT.example.com/shop/config.git"]
)
def test_one_remote_repo_has_one_lock(tmp_path: Path, spelling: str) -> None:
    """Scheme, login, case of the host and `.git` are no other repo."""
    with (
        environment_lock(tmp_path, "git@git.example.com:shop/config.git", "env", wait=0),
        pytest.raises(TransientError),
        environment_lock(tmp_path, spelling, "env", wait=0),
    ):
        pytest.fail("it was held twice")


def test_a_lock_keeps_its_word(tmp_path: Path) -> None:
    """The next to hold it is known by the same word; another environment, repo or state folder is not."""
    words = []
    for state, repo, environment in (
        ("s", "r", "a"),
        ("s", "r", "a"),
        ("s", "r", "b"),
        ("s", "q", "a"),
        ("t", "r", "a"),
    ):
        with environment_lock(tmp_path / state, repo, environment, wait=0) as word:
            words.append(word)
    assert words[0] == words[1]
    assert len(set(words)) == 4
