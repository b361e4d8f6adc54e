"""A server that takes a release's commit and not its record: found before the commit, or told as what it is."""

from __future__ import annotations

import json

from tests.flows.conftest import Place

NO_NOTES = 'case "$1" in refs/notes/*) echo "no notes here" >&2; exit 1;; esac'
NO_RECORD = 'case "$1" in refs/notes/headway|refs/headway/*/live) echo "not this one" >&2; exit 1;; esac'
"""A rule for the very refs that only a record writes."""


def release(place: Place, tag: str) -> tuple[int, str]:
    done = place.run("release", "staging", f"web={place.image('web', tag)}")
    return done.code, done.said


def test_a_release_whose_record_would_be_refused_is_not_committed(place: Place) -> None:
    """Nothing is committed and nothing is applied; the server's own words are there, and what to do."""
    place.start(staging="")
    before, changed = place.remote.head(), len(place.kube.changes)
    place.remote.hook("update", NO_NOTES)
    code, said = release(place, "1.1.0")
    assert code == 1, said
    assert "no notes here" in said
    assert "let the user that headway pushes as push to this ref" in said
    assert "nothing was committed" in said
    assert place.remote.head() == before
    assert len(place.kube.changes) == changed


def test_a_rollout_whose_record_is_refused_has_succeeded(place: Place) -> None:
    """The message says so, and what is missing; nothing is rolled back, and the next reconcile records it."""
    place.start(staging="")
    place.remote.hook("update", NO_RECORD)
    code, said = release(place, "1.1.0")
    head = place.remote.head()
    assert code == 1, said
    assert (
        f"staging: {head[:9]}: the rollout succeeded, and it is live; only the record of it is missing"
        in said
    )
    assert "not this one" in said
    assert (
        "nothing is rolled back for it; once the config repo takes the record, `headway reconcile staging`"
        in said
    )
    assert place.tags("staging")["web"] == "1.1.0"
    assert "the release is unfinished" not in said
    (place.remote.folder / "hooks" / "update").unlink()
    assert place.run("reconcile", "staging").code == 0
    assert place.remote.head() == head
    last = json.loads(place.run("status", "staging", "--output", "json").out)[0]
    assert (last["state"], last["live"]) == ("live", head)


def test_what_failed_is_rolled_back_though_that_cannot_be_recorded(place: Place) -> None:
    """A bad release does not stay in the cluster because of a rule for notes."""
    place.start(staging="")

    def mood(method: str, path: str, body: dict[str, object]) -> tuple[int, dict[str, object] | bytes] | None:
        refused = (
            method == "PATCH" and "/cronjobs/web" in path and "dryRun" not in path and "2.0.0" in str(body)
        )
        return (422, {"kind": "Status", "reason": "Invalid", "message": "no"}) if refused else None

    place.kube.mood = mood
    place.remote.hook("update", NO_RECORD)
    code, said = release(place, "2.0.0")
    assert code == 1, said
    assert "1.0.0" in place.remote.git("show", "main:staging/web.yaml")
    assert place.tags("staging")["web"] == "1.0.0"
    assert "failed could not be recorded" in said
    assert "the rollout succeeded, and it is live; only the record of it is missing" in said
