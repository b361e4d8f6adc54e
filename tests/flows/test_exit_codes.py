"""`status` and `diff` with --exit-code: 1 where something is not as it should be, and 0 otherwise."""

from __future__ import annotations

import json

from tests.flows.conftest import Place


def codes(place: Place) -> tuple[int, int]:
    """Return the exit codes of both."""
    found = [place.run(it, "staging", "--exit-code") for it in ("status", "diff")]
    return found[0].code, found[1].code


def test_before_the_first_release_everything_says_not_deployed_yet(place: Place) -> None:
    """In the table, in the line below it and in the JSON; nothing is called failed."""
    place.rules = {"staging": ""}
    web = {"staging/web.yaml": place.job("web", place.image("web", "1.0.0"))}
    place.remote.push({"headway.yaml": place.headway_yaml(), **web})
    done = place.run("status", "staging")
    assert (done.code, "failed" in done.said, "NotFound" in done.said) == (0, False, False), done.said
    table, summary = done.out.strip().splitlines()[1:3]
    assert table.endswith("not deployed yet")
    assert summary.startswith("staging: not deployed yet")
    (found,) = json.loads(place.run("status", "staging", "-o", "json").out)
    assert (found["state"], found["services"][0]["health"]) == ("not deployed yet", "not deployed yet")
    assert codes(place) == (1, 1)


def test_what_is_as_it_should_be_is_0_and_drift_is_1(place: Place) -> None:
    """Without the option both look only: 0."""
    place.start(staging="")
    assert codes(place) == (0, 0)
    key = next(it for it in place.kube.objects if it.endswith("/cronjobs/web"))
    place.kube.objects[key]["spec"]["schedule"] = "1 1 1 1 *"
    assert codes(place) == (1, 1)
    assert (place.run("status", "staging").code, place.run("diff", "staging").code) == (0, 0)


def test_what_is_not_reconciled_yet_is_1(place: Place) -> None:
    """Somebody pushed, and nobody has deployed it."""
    place.start(staging="")
    place.remote.push({"staging/web.yaml": place.job("web", place.image("web", "1.1.0"))})
    done = place.run("status", "staging", "--exit-code")
    assert (done.code, "is not reconciled yet" in done.err) == (1, True), done.said


def test_a_cluster_that_cannot_be_asked_is_1(place: Place) -> None:
    """No news is no good news."""
    place.start(staging="")
    place.kube.close()
    done = place.run("status", "staging", "--exit-code")
    assert (done.code, "cannot be asked" in done.err) == (1, True), done.said
    assert [it.split()[4] for it in done.out.splitlines()[1:3]] == ["unknown", "unknown"], done.out


def test_the_last_line_names_the_versions(place: Place) -> None:
    """What is live now, and what was."""
    place.start(staging="", production="promote_from: staging")
    for words in (["release", "staging", f"web={place.image('web', '1.1.0')}"], ["promote", "production"]):
        done = place.run(*words)
        last = done.out.strip().splitlines()[-1]
        assert last.endswith("web 1.1.0, api 1.0.0 (was 1.0.0, 1.0.0)"), done.said
    done = place.run("rollback", "production")
    assert done.out.strip().splitlines()[-1].endswith("web 1.0.0, api 1.0.0 (was 1.1.0, 1.0.0)"), done.said
    assert "staging: unchanged" in (said := place.run("reconcile").out)
    assert "web 1.1.0, api 1.0.0" in said or "api 1.0.0, web 1.1.0" in said


def test_the_last_line_is_a_sentence_whatever_the_command(place: Place) -> None:
    """Nothing is printed as Python writes it, and the first commit can be shown."""
    place.start(staging="release: automatic")
    assert place.run("rebuild", "staging").out.startswith("staging: rebuilt in ")
    assert place.run("reconcile", "--dry-run").out == "staging: the cluster equals the repo\n"
    assert place.run("watch").out == "staging: nothing new\n"
    assert place.run("show", place.remote.head()).code == 0


def test_a_row_in_a_pipe_is_one_line(place: Place) -> None:
    """A program reads it, or grep, and neither has 40 columns."""
    place.start(staging="")
    wide = place.run("status").out
    assert place.run("status", COLUMNS="40").out == wide
    assert [it for it in wide.splitlines() if it.endswith("applied; what it runs is started later")]
    assert not [it for it in wide.splitlines() if it != it.rstrip()]
