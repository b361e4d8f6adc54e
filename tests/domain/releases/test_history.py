"""Commit messages and notes are what people and later headways read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.domain.health.cause import Cause
from headway.domain.images.reference import Image
from headway.domain.releases.ledger import (
    Entry,
    Outcome,
    ReleaseRecord,
    derived_id,
    format_message,
    is_release_id,
    new_release_id,
    oldest_commit_time,
    parse_message,
    parse_note,
)
from tests.images import moved

NOW = datetime(2026, 11, 23, 10, 15, 2, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64
CHANGES = (
    moved(
        "frontend", "localhost:5000/shop/frontend:sha-1f3c", f"localhost:5000/shop/frontend:sha-9ab2@{DIGEST}"
    ),
    moved("users", "localhost:5000/shop/users:sha-77d0", f"localhost:5000/shop/users:sha-e41a@{DIGEST}"),
)


def record(**changed: object) -> ReleaseRecord:
    values: dict = {
        "id": "20261123T101502Z-7f3a",
        "environment": "staging",
        "kind": "release",
        "changes": CHANGES,
        "actor": "ann",
        "reason": "asked for",
    }
    return ReleaseRecord(**{**values, **changed})


def test_a_message_reads_as_a_sentence_a_table_and_trailers() -> None:
    """`git log` alone tells what was released, where, by whom and why."""
    why = {"frontend": "new in the registry", "users": "new in the registry"}
    assert format_message(record(why=why)) == (
        "Release frontend, users to staging\n"
        "\n"
        "frontend  sha-1f3c -> sha-9ab2  new in the registry\n"
        "users     sha-77d0 -> sha-e41a  new in the registry\n"
        "\n"
        "Headway-Release: 20261123T101502Z-7f3a\n"
        "Headway-Environment: staging\n"
        "Headway-Kind: release\n"
        "Headway-Change: frontend "
        f"localhost:5000/shop/frontend:sha-1f3c -> localhost:5000/shop/frontend:sha-9ab2@{DIGEST}\n"
        f"Headway-Change: users localhost:5000/shop/users:sha-77d0 -> localhost:5000/shop/users:sha-e41a@{DIGEST}\n"
        "Headway-Actor: ann\n"
        "Headway-Reason: asked for\n"
    )


def test_a_service_that_left_two_images_is_named_once_and_read_back_whole() -> None:
    """The subject names services, the trailers every change; what was taken away altogether has no new image."""
    two = (
        moved("web", "r/web:1", "r/web:3"),
        moved("web", "r/web:2", "r/web:3"),
        moved("web", "r/web:4", ""),
    )
    message = format_message(record(changes=two))
    assert message.startswith("Release web to staging\n\nweb  1 -> 3\nweb  2 -> 3\nweb  4 -> -\n")
    read = parse_message(message)
    assert read is not None
    assert read.changes == two
    assert Entry("c" * 40, (), NOW, "Ann", "x", read).what == "web 3, web -"


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("release", "Release frontend, users to staging"),
        ("promotion", "Promote frontend, users to staging"),
        ("rollback", "Roll back frontend, users in staging"),
        ("lock", "Lock frontend, users in staging"),
    ],
)
def test_the_subject_says_what_kind_of_change_it_is(kind: str, subject: str) -> None:
    """A rollback does not look like a release in `git log --oneline`."""
    assert format_message(record(kind=kind)).splitlines()[0] == subject


def test_a_long_list_of_services_does_not_run_out_of_the_subject() -> None:
    """Forty services fit into one line; the trailers still name them all."""
    many = tuple(moved(f"service-{n}", f"r/s{n}:1", f"r/s{n}:2") for n in range(40))
    text = format_message(record(changes=many))
    subject = text.splitlines()[0]
    assert len(subject) <= 72
    assert subject.startswith("Release service-0, service-1, ")
    assert " more to staging" in subject
    parsed = parse_message(text)
    assert parsed is not None
    assert parsed.changes == many


def test_nobody_forges_a_trailer_through_a_reason() -> None:
    """A reason with newlines stays one trailer, and the record is the one that was written."""
    evil = "ok\n\nHeadway-Release: 20261123T101502Z-evil\rHeadway-Actor: boss\u2028Headway-Kind: x"
    parsed = parse_message(format_message(record(reason=evil, actor="ann\nHeadway-Actor: boss")))
    assert parsed is not None
    assert (parsed.id, parsed.kind) == ("20261123T101502Z-7f3a", "release")
    assert parsed.actor == "ann Headway-Actor: boss"
    assert parsed.reason.startswith("ok Headway-Release")


@given(st.text(), st.text(), st.text(min_size=1))
def test_any_text_gives_a_message_that_reads_back_as_the_same_release(
    reason: str, actor: str, image: str
) -> None:
    """Whatever people type, the release keeps its id, its environment and one change."""
    parsed = parse_message(
        format_message(record(reason=reason, actor=actor, changes=(moved("app", image, "b:2"),)))
    )
    assert parsed is not None
    assert (parsed.id, parsed.environment, parsed.kind) == ("20261123T101502Z-7f3a", "staging", "release")
    assert len(parsed.changes) == 1
    assert parsed.changes[0][2] == Image("b:2")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Fix a typo\n",
        "Headway-Release:\n",
        "About\n\nHeadway-Release: has spaces in it\n",
        "Headway-Actor: ann\n",
    ],
)
def test_a_persons_commit_is_not_taken_for_a_release(text: str) -> None:
    """A commit without a release's id is a push."""
    assert parse_message(text) is None


def test_a_quoted_release_in_a_persons_message_is_not_a_release() -> None:
    """Only the last paragraph counts: `git revert` quotes, and does not become the release again."""
    assert parse_message(f'Revert "x"\n\n{format_message(record())}\nThat broke it, says Bob.\n') is None


def test_what_a_newer_headway_writes_is_kept() -> None:
    """Unknown kinds and trailers survive, in any case of letters and with a signature of a person below."""
    text = "x\n\nheadway-release: a1\r\nHeadway-Kind: canary\r\nHeadway-Wave: 2\r\nSigned-off-by: Ann\r\n"
    parsed = parse_message(text)
    assert parsed is not None
    assert (parsed.id, parsed.kind, parsed.trailers) == ("a1", "canary", (("Wave", "2"),))


def test_an_id_stays_the_same_when_a_run_is_tried_again() -> None:
    """The same run has the same id, another run of the same second another one."""
    assert new_release_id(NOW, "run-1") == new_release_id(NOW, "run-1")
    assert new_release_id(NOW, "run-1") != new_release_id(NOW, "run-2")
    assert new_release_id(NOW, "run-1").startswith("20261123T101502Z-")
    assert is_release_id(derived_id("f" * 40, NOW))


@pytest.mark.parametrize(
    ("release_id", "expected"),
    [
        ("20261123T101502Z-7f3a", datetime(2026, 11, 22, 10, 15, 2, tzinfo=UTC)),
        ("20261399T101502Z-7f3a", None),
        ("00010101T000000Z-7f3a", None),
        ("ci-1234", None),
    ],
)
def test_an_id_tells_how_far_back_its_commit_can_be(release_id: str, expected: datetime | None) -> None:
    """A day is allowed for clocks that differ; an id of another form tells nothing."""
    assert oldest_commit_time(release_id) == expected


@given(st.text(), st.text(), st.floats(0, 1e6))
def test_an_outcome_is_one_line_and_reads_back(cause: str, state: str, seconds: float) -> None:
    """Whatever a pod printed, the note keeps one line for each outcome."""
    outcome = Outcome(state or "live", NOW, round(seconds, 3), "id", Cause(text=cause))
    assert "\n" not in outcome.to_line()
    assert parse_note(f"{outcome.to_line()}\n") == (outcome,)


def test_what_older_headways_noted_is_read_and_written_the_same() -> None:
    """A note outlives every version: its keys stay, and a shortage goes on blaming no image."""
    lines = (
        '{"state":"failed","at":"2026-11-23T10:15:02Z","seconds":3.0,"release":"r-1",'
        '"diagnosis":"no node takes the pod","by":"headway","environment":"staging","blames":false}',
        '{"state":"failed","at":"2026-11-23T10:15:02Z","seconds":3.0,"diagnosis":"it crashes","by":"headway"}',
        '{"state":"live","at":"2026-11-23T10:15:02Z","seconds":3.0,"by":"headway"}',
    )
    read = parse_note("\n".join(lines))
    assert [it.cause for it in read] == [
        Cause(text="no node takes the pod", blames=False), Cause(text="it crashes"), Cause(),
    ]  # fmt: skip
    assert tuple(it.to_line() for it in read) == lines


def test_what_people_add_to_a_note_is_left_out_and_harms_nothing() -> None:
    """`git notes append` by hand does not break the history."""
    live = Outcome("live", NOW, 1.5).to_line()
    assert [it.state for it in parse_note(f"well done!\n{live}\n[1]\n{{\n{{}}\n")] == ["live"]


def test_an_entry_shows_the_last_state_and_the_reason_of_a_failure() -> None:
    """After a rollback the release still says why it failed."""
    outcomes = (
        Outcome("failed", NOW, 3.0, "id", Cause(text="crash loop")),
        Outcome("rolled-back", NOW, 2.0, "id"),
    )
    entry = Entry("c" * 40, (), "headway", NOW, "Release frontend", record(), outcomes)
    assert (entry.state, entry.cause, entry.states) == (
        "rolled-back",
        Cause(text="crash loop"),
        ("failed", "rolled-back"),
    )
    assert entry.what == "frontend sha-9ab2, users sha-e41a"
    assert entry.as_dict()["release"] == "20261123T101502Z-7f3a"


@pytest.mark.parametrize(
    "at",
    ["9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00"],
)
def test_a_note_of_an_impossible_year_is_no_outcome(at: str) -> None:
    """Whoever may push notes may write any time; one that overflows breaks no look and no release."""
    assert parse_note(f'{{"state":"live","at":"{at}"}}\n') == ()
