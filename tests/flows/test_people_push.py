"""What people do in Git itself: merges, reverts, hand edits, and what headway makes of them."""

from __future__ import annotations

import pytest

from tests.flows.conftest import Place


def test_a_state_that_a_merge_made_is_one_to_go_back_to(place: Place) -> None:
    """A pull request was merged between two releases: a rollback takes the second release away and nothing else."""
    place.start("1.0.0", staging="release: manual")
    base = place.remote.head()
    bump: dict[str, str | bytes | None] = {"staging/api.yaml": place.job("api", place.image("api", "1.1.0"))}
    theirs = place.remote.push(bump, "bump api", branch="feature", parents=[base])
    place.image("web", "1.2.0")
    assert place.run("release", "staging", "web=1.2.0").code == 0
    merge = place.remote.push(bump, "Merge pull request #7", parents=[place.remote.head(), theirs])
    assert place.run("reconcile").code == 0
    assert f"{merge[:9]}" in place.run("history", "staging").out
    place.image("web", "1.3.0")
    assert place.run("release", "staging", "web=1.3.0").code == 0
    assert place.run("rollback", "staging").code == 0
    assert place.tags("staging") == {"web": "1.2.0", "api": "1.1.0"}
    assert "api" not in place.remote.file("holds.yaml").decode()


@pytest.mark.parametrize("what", ["a blob", "a tree", "a tag of a blob"])
def test_a_live_ref_that_names_no_commit_stops_no_release(place: Place, what: str) -> None:
    """Who may push refs can put anything there: it gives way to what was reached."""
    place.start("1.0.0", staging="release: manual")
    place.image("web", "1.1.0")
    odd = place.remote.git("hash-object", "-w", "--stdin", stdin=b"x").strip()
    if what == "a tree":
        odd = place.remote.git("rev-parse", "main^{tree}").strip()
    elif what == "a tag of a blob":
        place.remote.git("tag", "-a", "-m", "x", "odd", odd)
        odd = place.remote.git("rev-parse", "refs/tags/odd").strip()
    place.remote.git("update-ref", "refs/headway/staging/live", odd)
    done = place.run("release", "staging", "web=1.1.0")
    assert done.code == 0, done.said
    assert place.remote.git("rev-parse", "refs/headway/staging/live").strip() == place.remote.head()
    assert place.run("reconcile").code == 0


@pytest.mark.parametrize("stray", ["a commit of his own", "an older commit"])
def test_a_strangers_ref_and_note_roll_nothing_back(place: Place, stray: str) -> None:
    """Who may push refs but not the branch says that the release failed: it still runs, and the branch stays as it is."""
    place.start("1.0.0", staging="release: manual")
    base = place.remote.head()
    place.image("web", "1.1.0")
    assert place.run("release", "staging", "web=1.1.0").code == 0
    head = place.remote.head()
    evil: dict[str, str | bytes | None] = {"staging/web.yaml": place.job("web", place.image("web", "6.6.6"))}
    other = place.remote.push(evil, "mine", branch="evil", parents=[base])
    live = other if stray == "a commit of his own" else base
    place.remote.git("update-ref", "refs/headway/staging/live", live)
    note = '{"state":"failed","at":"2099-01-01T00:00:00Z","environment":"staging","diagnosis":"no"}'
    place.remote.git("notes", "--ref=headway", "append", "-m", note, head)
    done = place.run("reconcile")
    assert done.code == 0, done.said
    assert place.tags("staging") == {"web": "1.1.0", "api": "1.0.0"}
    assert place.remote.head() == head
    assert place.remote.git("rev-parse", "refs/headway/staging/live").strip() == head
    if live == other:
        assert f"live names {other[:9]}, which is no commit of main" in done.err


def test_holds_that_are_no_file_hold_everything_back(place: Place) -> None:
    """A link or a folder in the place of holds.yaml is an error and not "nothing is held back"."""
    place.start("1.0.0", staging="release: automatic")
    place.image("web", "1.1.0")
    place.remote.push({"holds.yaml": "elsewhere.yaml"}, modes={"holds.yaml": "120000"})
    done = place.run("watch")
    assert "holds.yaml:1:1: this is a symbolic link, and a plain file is expected" in done.err
    assert place.run("release", "staging", "web=1.1.0").code == 2
    assert place.tags("staging")["web"] == "1.0.0"


def test_rewritten_history_is_notified_once(place: Place) -> None:
    """Somebody resets the branch: headway follows, says so once, and calls no commit live that the branch has not."""
    place.start("1.0.0", staging="release: manual")
    base = place.remote.head()
    place.image("web", "1.1.0")
    assert place.run("release", "staging", "web=1.1.0").code == 0
    assert "rewritten" not in place.run("reconcile").err
    lost = place.remote.head()
    place.remote.git("update-ref", "refs/heads/main", base)
    done = place.run("reconcile")
    assert done.err.count(f"the history of main was rewritten: {lost[:9]} is no longer part of it") == 1
    assert place.tags("staging")["web"] == "1.0.0"
    assert place.remote.git("rev-parse", "refs/headway/staging/live").strip() == base
    assert "rewritten" not in place.run("reconcile").err


def test_a_releases_id_holds_its_request(place: Place) -> None:
    """The same call again is the same release, however it spells the image; other images under its id are refused."""
    place.start("1.0.0", staging="release: manual")
    image = place.image("web", "1.1.0")
    place.image("web", "1.2.0")
    place.image("api", "1.1.0")
    assert place.run("release", "staging", "web=1.1.0", "--release-id", "ci-7").code == 0
    head = place.remote.head()
    assert place.run("release", "staging", f"web={image.split('@')[0]}", "--release-id", "ci-7").code == 0
    for other in (["web=1.2.0"], ["web=1.1.0", "api=1.1.0"]):
        done = place.run("release", "staging", *other, "--release-id", "ci-7")
        assert done.code == 2, done.said
        assert "the release id ci-7 stands for another request already: web 1.1.0" in done.err
    assert place.run("rollback", "staging", "--release-id", "ci-7").code == 2
    assert place.remote.head() == head
    assert place.tags("staging") == {"web": "1.1.0", "api": "1.0.0"}


def level(value: str) -> str:
    """Write a ConfigMap that a person changes."""
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: s}}\ndata: {{LEVEL: {value}}}\n"


def test_a_rollback_names_everybody_whose_change_goes_with_it(place: Place) -> None:
    """Ben's ConfigMap was pushed a second before Ann's bad object: the commit and the history say what became of it."""
    place.start("1.0.0", staging="release: manual")
    before = place.remote.head()
    ben = place.remote.push({"staging/s.yaml": level("debug")}, "Ben: debug")
    bad = place.job("web", place.image("web", "1.1.0")).replace("0 0 1 1 *", "not a schedule")
    refusal = {"kind": "Status", "reason": "Invalid", "message": "spec.schedule: Invalid value", "code": 422}
    place.kube.mood = lambda method, path, body: (
        (422, refusal) if body.get("spec", {}).get("schedule") == "not a schedule" else None
    )
    ann = place.remote.push({"staging/web.yaml": bad}, "Ann: web")
    done = place.run("reconcile")
    assert done.code == 1
    assert f"this goes with it: {ben[:9]} by Ann: Ben: debug" in done.err
    message = place.message()
    assert f"Headway-Reverts: {ann}" in message
    assert f"Headway-Undoes: {ben} Ann: Ben: debug" in message
    row = next(it for it in place.run("history", "staging").out.splitlines() if "Ben: debug" in it)
    assert "rolled-back" in row
    assert "superseded" not in row
    assert f"rolled back with {ann[:9]}, which failed" in place.run("show", ben).out
    assert place.remote.git("diff", "--name-only", before, "main", "--", "staging") == ""


def test_a_persons_rollback_names_the_releases_that_go(place: Place) -> None:
    """Going back two releases names both, whoever made them; what keeps its image is not named."""
    place.start("1.0.0", staging="release: manual")
    first = place.remote.head()
    for service, tag in (("web", "1.1.0"), ("api", "1.1.0"), ("web", "1.2.0")):
        place.image(service, tag)
        assert place.run("release", "staging", f"{service}={tag}", HEADWAY_ACTOR="ben").code == 0
    latest, api, middle = place.remote.commits()[:3]
    done = place.run("rollback", "staging", "--service", "web", "--to", first)
    assert done.code == 0, done.said
    undone = [it for it in place.message().splitlines() if it.startswith("Headway-Undoes: ")]
    assert [it.split()[1] for it in undone] == [latest, middle]
    assert api not in place.message()
    assert f"was rolled back by tester in {place.remote.head()[:9]}" in done.err
    assert "which failed" not in done.err
    assert "rolled back by tester" in place.run("show", latest).out


@pytest.mark.parametrize("way", ["a revert", "a hand edit", "a reset"])
@pytest.mark.parametrize("first", ["reconcile", "watch"])
def test_what_a_person_undid_in_git_stays_undone(place: Place, way: str, first: str) -> None:
    """Automation brought 1.1.0, a person took it back without headway: it waits for something newer, and says why."""
    place.start("1.0.0", staging="release: automatic")
    old = place.remote.file("staging/web.yaml")
    place.image("web", "1.1.0")
    assert place.run("watch").code == 0
    assert place.tags("staging")["web"] == "1.1.0"
    released = place.remote.head()
    if way == "a reset":
        place.remote.git("update-ref", "refs/heads/main", f"{released}^")
    else:
        said = (
            f'Revert "Release"\n\nThis reverts commit {released}.'
            if way == "a revert"
            else "back to what was"
        )
        place.remote.push({"staging/web.yaml": old}, said)
    for number, command in enumerate((first, "watch", "reconcile")):
        done = place.run(command)
        assert done.code == 0, done.said
        if number == 0:
            assert "web went back to an older image, and automation leaves it there" in done.err
        else:
            assert "went back" not in done.err
    assert place.tags("staging")["web"] == "1.0.0"
    assert "undone by" in place.remote.file("holds.yaml").decode()
    assert "undone by" in place.run("images", "web").out
    assert sum("Hold back" in it for it in place.remote.git("log", "--format=%s", "main").splitlines()) == 1
    place.image("web", "1.2.0")
    assert place.run("watch").code == 0
    assert place.tags("staging")["web"] == "1.2.0"


def test_who_lets_it_go_on_is_heard(place: Place) -> None:
    """A veto that stands for a person's revert is a veto like any other: taken away, the image comes again."""
    place.start("1.0.0", staging="release: automatic")
    old = place.remote.file("staging/web.yaml")
    place.image("web", "1.1.0")
    assert place.run("watch").code == 0
    place.remote.push({"staging/web.yaml": old}, "Revert")
    assert place.run("watch").code == 0
    assert place.run("unveto", "staging", "web", "1.1.0", "--reason", "it was right").code == 0
    assert place.run("watch").code == 0
    assert place.tags("staging")["web"] == "1.1.0"


def test_a_push_that_takes_an_image_back_is_notified(place: Place) -> None:
    """Somebody rendered an old overlay into the folder: an older image without its digest is no silent success."""
    place.start("1.4.2", production="release: manual")
    old = place.image("web", "1.4.1").split("@")[0]
    pushed = place.remote.push({"production/web.yaml": place.job("web", old)}, "more replicas")
    done = place.run("reconcile")
    assert (
        f"the push {pushed[:9]} by Ann reverts images: web 1.4.1 is older than what was live (1.4.2)"
        in done.err
    )
    assert "reverts images" not in place.run("reconcile").err


def test_no_promotion_comes_between_a_push_and_its_veto(place: Place) -> None:
    """Production is promoted by itself: what a person rolled back there is not promoted again, reconciled or not."""
    place.start(
        "1.0.0",
        staging="release: manual",
        production="release: automatic, promote_from: staging",
    )
    old = place.remote.file("production/web.yaml")
    image = place.image("web", "1.1.0")
    assert place.run("release", "staging", "web=1.1.0").code == 0
    place.remote.push({"production/web.yaml": place.job("web", image)}, "web 1.1.0")
    assert place.run("reconcile").code == 0
    reverted = place.remote.push({"production/web.yaml": old}, 'Revert "web 1.1.0"')
    done = place.run("watch")
    assert done.code == 0, done.said
    assert f"undone by Ann in {reverted[:9]}" in done.err
    assert place.remote.file("production/web.yaml") == old
