"""When headway cannot see or write, a release is unfinished: not failed, not rolled back, not vetoed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.conftest import Done, Place
from tests.servers.kubernetes import Answer, once_tried


def status(code: int, said: str, reason: str = "") -> Answer:
    return code, {"kind": "Status", "status": "Failure", "reason": reason, "message": said, "code": code}


LOGIN = b"<html><title>Log in</title></html>"
BLIND: dict[str, tuple[str, Answer]] = {
    "login expired": ("PATCH", status(401, "Unauthorized", "Unauthorized")),
    "right to write is missing": (
        "PATCH",
        status(
            403, 'cronjobs.batch "web" is forbidden: User "ci" cannot patch resource "cronjobs"', "Forbidden"
        ),
    ),
    "right to look is missing": (
        "GET",
        status(
            403, 'cronjobs.batch "web" is forbidden: User "ci" cannot get resource "cronjobs"', "Forbidden"
        ),
    ),
    "quota is full": (
        "PATCH",
        status(403, 'cronjobs.batch "web" is forbidden: exceeded quota: q', "Forbidden"),
    ),
    "a proxy's 403": ("PATCH", (403, LOGIN)),
    "namespace is gone": ("PATCH", status(404, 'namespaces "staging" not found', "NotFound")),
}
VERDICTS: dict[str, Answer] = {
    "admission webhook": status(
        403, 'admission webhook "policy.dev" denied the request: not signed', "Forbidden"
    ),
    "invalid": status(422, 'CronJob.batch "web" is invalid: spec.schedule: Invalid value', "Invalid"),
    "what it cannot decode": status(500, "failed to convert new object: illegal base64 data at input byte 0"),
}


def release(place: Place, tag: str) -> Done:
    return place.run("release", "staging", f"web={place.image('web', tag)}")


def answering(place: Place, method: str, answer: Answer) -> None:
    """Have the API server give an answer to each request of one method about the CronJob, after the rehearsal."""

    def mood(asked: str, path: str, body: dict[str, Any]) -> Answer | None:
        return answer if asked == method and "/cronjobs/web" in path else None

    place.kube.mood = once_tried(mood)


@pytest.mark.parametrize(("method", "answer"), BLIND.values(), ids=BLIND)
def test_who_cannot_see_or_write_learns_nothing(place: Place, method: str, answer: Answer) -> None:
    """The release keeps its commit, has no outcome and no veto, and the next reconcile brings it."""
    place.start(staging="")
    answering(place, method, answer)
    done = release(place, "1.1.0")
    assert done.code == 1, done.said
    assert "## staging: unfinished" in done.err
    assert "`headway reconcile staging` finishes it" in done.err
    assert "Headway-Kind: release" in place.message()
    assert not place.remote.git("ls-tree", "main", "holds.yaml")
    assert not [it for it in notes(place, place.remote.head()) if it]

    place.kube.mood = lambda method, path, body: None
    assert place.run("reconcile", "staging").code == 0
    assert place.tags("staging")["web"] == "1.1.0"
    assert ['"state":"live"' in it for it in notes(place, place.remote.head())] == [True]


@pytest.mark.parametrize("answer", VERDICTS.values(), ids=VERDICTS)
def test_what_the_cluster_refuses_is_rolled_back(place: Place, answer: Answer) -> None:
    """An object that was judged and refused is a failed release."""
    place.start(staging="")

    def mood(method: str, path: str, body: dict[str, Any]) -> Answer | None:
        return answer if method == "PATCH" and "1.1.0" in str(body) else None

    place.kube.mood = once_tried(mood)
    done = release(place, "1.1.0")
    assert done.code == 1, done.said
    assert "failed, and rolled back" in done.err
    assert "Headway-Kind: rollback" in place.message()
    assert place.tags("staging")["web"] == "1.0.0"


THING = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\nspec: {size: 1}\n"
INVALID = status(422, "Thing is invalid: spec.size: must be even", "Invalid")


@pytest.mark.parametrize(("refused", "vetoed"), [(("Thing",), []), (("Thing", "api"), ["api"])], ids=str)
def test_only_what_names_an_image_blames_it(
    place: Place, refused: tuple[str, ...], vetoed: list[str]
) -> None:
    """Of a push with two new images the cluster refuses a Thing, or that and one service: the rest is not vetoed."""
    place.start(staging="")
    files = {f"staging/{name}.yaml": place.job(name, place.image(name, "1.1.0")) for name in ("web", "api")}
    place.remote.push({**files, "staging/thing.yaml": THING})

    def mood(method: str, path: str, body: dict[str, Any]) -> Answer | None:
        names = {str(body.get("kind")), str((body.get("metadata") or {}).get("name"))}
        new = "1.1.0" in str(body) or "Thing" in names
        return INVALID if method == "PATCH" and new and names & set(refused) else None

    place.kube.mood = mood
    done = place.run("reconcile", "staging")
    assert done.code == 1, done.said
    assert "Headway-Kind: rollback" in place.message(), done.said
    held = place.remote.file("holds.yaml").decode() if "holds.yaml" in tree(place) else ""
    assert [it for it in ("web", "api") if f"service: {it}" in held] == vetoed


def tree(place: Place) -> list[str]:
    """Return the names at the top of the config repo."""
    return place.remote.git("ls-tree", "--name-only", "main").split()


def notes(place: Place, commit: str) -> list[str]:
    """Return the lines of a commit's note."""
    listed = place.remote.git("ls-tree", "-r", "--name-only", "refs/notes/headway").split()
    name = next((it for it in listed if it.replace("/", "") == commit), "")
    return place.remote.git("show", f"refs/notes/headway:{name}").splitlines() if name else []
