"""What people hold back says who and why, takes effect, and is not passed over for a typo."""

from __future__ import annotations

import pytest

from tests.flows.conftest import Place


@pytest.mark.parametrize(
    "command",
    [
        ("lock", "staging"), ("unlock", "staging"), ("automate", "staging"), ("deautomate", "staging", "web"),
        ("veto", "staging", "web"), ("unveto", "staging", "web"),
    ],
)  # fmt: skip
def test_nobody_holds_back_without_a_reason(place: Place, command: tuple[str, ...]) -> None:
    """Each says who and why; without the why nothing is committed, and what to add is said."""
    place.start(staging="release: automatic")
    before = place.remote.head()
    done = place.run(*command)
    assert (done.code, place.remote.head()) == (2, before)
    assert "--reason" in done.err


def test_automation_that_would_do_nothing_is_refused(place: Place) -> None:
    """An environment with approvals, and one whose services have no rule: `automate` says why, and commits nothing."""
    place.start(production="approvals: 1")
    before = place.remote.head()
    done = place.run("automate", "production", "web", "--reason", "test")
    assert (done.code, place.remote.head()) == (2, before)
    assert "headway.yaml:" in done.err
    assert "requires approvals" in done.err
    rules = place.headway_yaml().replace(", tags: {match: 'semver:*'}", "").replace(", approvals: 1", "")
    before = place.remote.push({"headway.yaml": rules})
    done = place.run("automate", "production", "web", "--reason", "test")
    assert (done.code, place.remote.head()) == (2, before)
    assert "has no `tags` for web" in done.err


def test_a_service_is_not_automatic_beside_approvals(place: Place) -> None:
    """headway.yaml is refused with the place of the rule, as for the whole environment."""
    place.start(production="release: manual")
    place.configure(production="approvals: 1, services: {web: {release: automatic}}")
    done = place.run("status")
    assert done.code == 2
    assert "automatic releases cannot be approved: production has approvals" in done.err


def test_a_mistyped_name_in_holds_is_seen(place: Place) -> None:
    """A lock on `prodution` holds nothing back: whoever looks, releases or asks the doctor is told, with its place."""
    place.start(production="release: manual")
    place.remote.push(
        {"holds.yaml": "locks:\n- {environment: prodution, service: web, by: ann, why: audit}\n"}
    )
    said = "holds.yaml:2:17: headway.yaml has no environment prodution, so this holds nothing back"
    assert said in place.run("status").err
    done = place.run("release", "production", f"web={place.image('web', '1.1.0')}")
    assert done.code == 0, done.said
    assert said in done.err
    doctor = place.run("doctor")
    assert said in doctor.out + doctor.err
    assert "did you mean production?" in doctor.out + doctor.err


def test_history_finds_what_people_pushed(place: Place) -> None:
    """A push's message names no service; its images do."""
    place.start(staging="release: manual")
    place.remote.push(
        {"staging/web.yaml": place.job("web", place.image("web", "2.0.0"))}, "the second version"
    )
    place.remote.push({"staging/note.yaml": "# nothing\n"}, "a note")
    shown = place.run("history", "staging", "--service", "web")
    assert "the second version" in shown.out
    assert "a note" not in shown.out
    assert "the second version" not in place.run("history", "staging", "--service", "api").out


def test_a_mistyped_kind_is_no_empty_history(place: Place) -> None:
    """`--kind promote` is refused with the word that was meant."""
    place.start(staging="release: manual")
    done = place.run("history", "--kind", "promote")
    assert done.code == 2
    assert "did you mean promotion?" in done.err


def test_a_lock_ends_by_itself(place: Place) -> None:
    """Until its time nobody releases, and status, plan and why say when that is; from then on it is as if there were none."""
    place.start(staging="release: automatic", production="windows: ['daily 00:00-24:00 Europe/London']")
    done = place.run("lock", "production", "web", "--until", "2h", "--reason", "migration")
    assert done.code == 0, done.said
    assert "Europe/London: committed" in done.out
    assert " until " in place.message().splitlines()[0]
    image = place.image("web", "1.1.0")
    refused = place.run("release", "production", f"web={image}")
    assert refused.code == 3
    assert "locked by" in refused.err
    assert " UTC: migration" in refused.err
    assert "web is locked until" in place.run("status", "production").said
    assert "web is locked until" in place.run("why", "production", "web").said
    over = "locks:\n- {environment: production, service: web, by: ann, until: 2026-11-01T00:00:00Z}\n- {environment: staging, until: 2026-11-01T00:00:00Z}\n"
    place.remote.push({"holds.yaml": over})
    assert "web is locked" not in place.run("status", "production").said
    assert place.run("release", "production", f"web={image}").code == 0
    assert place.run("watch").code == 0
    assert place.tags("staging")["web"] == "1.1.0"
    assert "0 locks (2 more have ended)" in place.run("doctor").said


@pytest.mark.parametrize("until", ["Friday", "soon", "2020-01-01 09:00", "5pm"])
def test_an_unclear_end_is_refused(place: Place, until: str) -> None:
    """With examples of what would be read, and without a commit."""
    place.start(staging="")
    before = place.remote.head()
    done = place.run("lock", "staging", "--until", until, "--reason", "audit")
    assert (done.code, place.remote.head()) == (2, before)
    assert "Fri 17:00" in done.err
