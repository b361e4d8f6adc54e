"""holds.yaml: read strictly, written in one order, so that Git merges what two people write."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.domain.policy.holds import Holds, Lock, Override, Veto, read_holds
from headway.errors import ConfigError

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
FILE = f"""\
locks:
- {{environment: production, service: users, by: ann, at: 2026-11-23T10:00:00Z, why: "migration until Friday"}}
vetoes: # automation never picks this digest
- {{environment: production, service: frontend, digest: "{A}", by: headway, at: 2026-11-23T10:00:00Z, why: "CrashLoopBackOff"}}
overrides:
- {{environment: staging, service: orders, release: manual, by: bob, at: 2026-11-23T10:00:00Z, why: "debugging"}}
"""


def test_reading_what_people_write() -> None:
    """Locks, vetoes and overrides, with who, when and why."""
    holds = read_holds(FILE.encode())
    assert holds.locks == (Lock("production", "users"),)
    assert (holds.locks[0].by, holds.locks[0].at, holds.locks[0].why) == (
        "ann", "2026-11-23T10:00:00Z", "migration until Friday",
    )  # fmt: skip
    assert [it.digest for it in holds.vetoes_on("production", "frontend")] == [A]
    assert holds.override_on("staging", "orders") == Override("staging", "orders")


@pytest.mark.parametrize("data", [None, b"", b"# nothing\n", b"locks: []\n", b"locks:\n", b"\n\n"])
def test_nothing_is_held_back(data: bytes | None) -> None:
    """A missing, empty or commented-out file holds nothing back."""
    assert read_holds(data) == Holds()


def test_an_environments_lock_holds_all_its_services() -> None:
    """A lock without a service is on every one of them."""
    holds = Holds().put([Lock("production")])
    assert holds.lock_on("production", "users") is not None
    assert holds.lock_on("staging", "users") is None


def test_a_lock_ends_by_itself() -> None:
    """At its time, and not a second before; the environment's own lock stands where the service's has ended."""
    text = "locks:\n- {environment: production, until: 2026-11-27T17:00:00Z}\n- {environment: production, service: web}\n"
    holds = read_holds(text.encode())
    end = datetime(2026, 11, 27, 17, tzinfo=UTC)
    for now, held in ((end - timedelta(seconds=1), True), (end, False)):
        assert (holds.at(now).lock_on("production", "users") is not None) is held
        assert holds.at(now).lock_on("production", "web") is not None
    assert str(holds.locks[0]) == "locked by somebody until 2026-11-27 17:00 UTC"
    assert read_holds(holds.write()).write() == holds.write()


@pytest.mark.parametrize("until", ["friday", "2026-11-27", "2026-11-27T17:00:00", "17:00"])
def test_an_end_that_cannot_be_read_is_no_end(until: str) -> None:
    """A lock must not end because somebody has mistyped when."""
    with pytest.raises(ConfigError, match="until: a time with its zone is expected"):
        read_holds(f"locks:\n- {{environment: production, until: '{until}'}}\n".encode())


def test_an_override_of_a_service_wins_over_the_environments() -> None:
    """What is said of one service is nearer than what is said of all."""
    holds = Holds().put([Override("staging", "", "manual"), Override("staging", "orders", "automatic")])
    found = holds.override_on("staging", "orders")
    assert found is not None
    assert found.release == "automatic"
    other = holds.override_on("staging", "users")
    assert other is not None
    assert other.release == "manual"


def test_the_same_fact_stands_once() -> None:
    """Said again, the newer who and why replace the older; taken away, it is gone."""
    holds = (
        Holds()
        .put([Veto("p", "web", A, why="old")])
        .put([Veto("p", "web", A, why="new"), Veto("p", "web", B)])
    )
    assert [it.why for it in holds.vetoes] == ["new", ""]
    assert holds.take([Veto("p", "web", A)]).vetoes == (Veto("p", "web", B),)


PRINTABLE = st.characters(exclude_categories=["C", "Zl", "Zp", "Zs"], include_characters=" ")
TEXT = st.text(PRINTABLE, max_size=40).map(str.strip)
NAMES = st.sampled_from(["staging", "production", "web", "on", "no", "null", "007", "a-b"])
FACTS = st.one_of(
    st.builds(
        Lock,
        NAMES,
        NAMES,
        TEXT,
        TEXT,
        TEXT,
        st.sampled_from(["", "2026-11-27T17:00:00Z", "2026-11-27T17:00+01:00"]),
    ),
    st.builds(
        Veto, NAMES, NAMES, st.sampled_from([A, B]), TEXT, st.booleans(), st.booleans(), TEXT, TEXT, TEXT
    ),
    st.builds(Override, NAMES, NAMES, st.sampled_from(["automatic", "manual"]), TEXT, TEXT, TEXT),
)


@given(st.lists(FACTS, max_size=8))
def test_what_is_written_is_read_back(facts: list[Lock | Veto | Override]) -> None:
    """Whatever people say as a reason, the file says exactly that, in an order that is always the same."""
    holds = Holds().put(facts)
    again = read_holds(holds.write())
    assert [vars_of(it) for it in all_of(again)] == [vars_of(it) for it in all_of(holds)]
    assert again.write() == holds.write()
    assert Holds().put(reversed(all_of(holds))).write() == holds.write()


def all_of(holds: Holds) -> list[Lock | Veto | Override]:
    """List every fact."""
    return [*holds.locks, *holds.vetoes, *holds.overrides]


def vars_of(fact: Lock | Veto | Override) -> dict[str, object]:
    """Return every field, also those that do not make it another fact."""
    return {name: getattr(fact, name) for name in fact.__slots__}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lock: []\n", "holds.yaml:1:1: unknown key lock; did you mean locks?"),
        ("locks: {a: b}\n", "holds.yaml:1:8: locks: a list is expected"),
        ("locks:\n- production\n", "holds.yaml:2:3: a map is expected"),
        ("locks:\n- {service: web}\n", "holds.yaml:2:3: environment is missing"),
        ("locks:\n- {environment: p, srvice: web}\n", "unknown key srvice; did you mean service?"),
        ("vetoes:\n- {environment: p, service: web, digest: latest}\n", "digest: sha256:… is expected"),
        ("vetoes:\n- {environment: p, service: web}\n", "digest is missing"),
        ("overrides:\n- {environment: p, release: sometimes}\n", "automatic or manual is expected"),
        ("locks: [\n", "holds.yaml:"),
        ("- a\n", "a map with locks, vetoes and overrides is expected"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, said: str) -> None:
    """A hold that cannot be read is never passed over in silence."""
    with pytest.raises(ConfigError) as caught:
        read_holds(text.encode())
    assert said in str(caught.value)


def test_git_merges_two_peoples_facts(tmp_path: Path) -> None:
    """Two people who each add a fact about something else merge without a conflict."""
    base = Holds().put([Lock("b", "web"), Lock("d", "web"), Lock("f", "web")])
    files = {
        "base": base,
        "ours": base.put([Lock("a", "web", "ann")]),
        "theirs": base.put([Lock("g", "web", "bob")]).take([Lock("d", "web")]),
    }
    for name, holds in files.items():
        (tmp_path / name).write_bytes(holds.write())
    done = subprocess.run(
        ["git", "merge-file", "-p", "ours", "base", "theirs"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0
    merged = read_holds(done.stdout)
    assert [it.environment for it in merged.locks] == ["a", "b", "f", "g"]
