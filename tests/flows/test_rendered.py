"""Kustomizations and charts are refused, and nothing of their environment is applied or pruned."""

from __future__ import annotations

from tests.flows.conftest import Place

PATCH = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: web}\nspec: {suspend: true}\n"
SAID = "staging/kustomization.yaml:1:1: kustomizations are not rendered yet"


def test_a_kustomization_holds_its_environment_and_no_other(place: Place) -> None:
    """A person's push of one is told by every command; the cluster stays, and the other environment goes on."""
    place.start(staging="release: automatic", production="release: automatic")
    place.remote.push(
        {
            "staging/kustomization.yaml": "resources: [web.yaml]\npatches: [{path: patch.yaml}]\n",
            "staging/patch.yaml": PATCH,
            "staging/api.yaml": None,
        }
    )
    place.kube.changes.clear()
    place.image("web", "1.1.0")
    for arguments, code in (
        (("reconcile", "staging"), 2),
        (("release", "staging", f"web={place.image('web', '1.1.0')}"), 2),
        (("diff", "staging"), 2),
        (("doctor",), 1),
        (("status",), 0),
    ):
        done = place.run(*arguments)
        assert done.code == code, done.said
        assert SAID in done.said, done.said
    assert place.kube.changes == []
    assert place.tags("staging") == {"web": "1.0.0", "api": "1.0.0"}
    watched = place.run("watch")
    assert (watched.code, SAID in watched.err) == (1, True), watched.said
    assert place.tags("production") == {"web": "1.1.0", "api": "1.0.0"}
    assert place.tags("staging") == {"web": "1.0.0", "api": "1.0.0"}
