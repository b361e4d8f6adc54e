"""A service whose containers run two images: what automation picks, what the plan says, what people roll back."""

from __future__ import annotations

import json

import pytest

from tests.flows.conftest import Place


def worker(place: Place, tag: str) -> dict[str, str | bytes | None]:
    """A second CronJob with web's image; its file comes before or after web's own by its name."""
    return {"staging/worker.yaml": place.job("worker", place.image("web", tag))}


def planned(place: Place) -> dict[str, str]:
    """What `headway plan` says of web."""
    rows = json.loads(place.run("plan", "staging", "--output", "json").out)["services"]
    return next(it for it in rows if it["service"] == "web")


@pytest.mark.parametrize("older", ["web", "worker"])
def test_all_containers_get_the_newest(place: Place, older: str) -> None:
    """Whichever stands first in the folder: the one that is behind follows, with the true reason."""
    place.start("1.0.0" if older == "web" else "1.1.0", staging="release: automatic")
    place.image("web", "1.1.0")
    place.image("api", "1.1.0")
    place.remote.push(worker(place, "1.1.0" if older == "web" else "1.0.0"), "a worker")
    row = planned(place)
    assert (row["picked"], "not all containers of the service run it yet" in row["why"]) == ("1.1.0", True)
    assert place.run("watch").code == 0
    assert place.tags("staging") == {"web": "1.1.0", "worker": "1.1.0", "api": "1.1.0"}
    assert planned(place)["why"] == "the newest runs already"


@pytest.mark.parametrize("newer", ["web", "worker"])
def test_no_container_goes_backwards(place: Place, newer: str) -> None:
    """One runs 2.0.0, which the registry no longer has: the other's next image is newer than that."""
    place.start("2.0.0" if newer == "web" else "1.0.0", staging="release: automatic")
    place.remote.push(worker(place, "1.0.0" if newer == "web" else "2.0.0"), "a worker")
    assert place.run("reconcile").code == 0
    before = place.tags("staging")
    del place.registry.repositories["shop/web"]["2.0.0"]
    place.image("web", "1.5.0")
    assert planned(place)["why"] == "nothing is newer than what runs (of 2 images 2.0.0)"
    assert place.run("watch").code == 0
    assert place.tags("staging") == before
    place.image("web", "2.1.0")
    assert place.run("watch").code == 0
    assert {place.tags("staging")[it] for it in ("web", "worker")} == {"2.1.0"}


@pytest.mark.parametrize("back", ["web", "worker"])
def test_what_a_person_took_back_in_one_container_stays(place: Place, back: str) -> None:
    """Automation brought 1.1.0 to both, a person puts one back: it stays until something newer, and people are told."""
    place.start("1.0.0", staging="release: automatic")
    place.remote.push(worker(place, "1.0.0"), "a worker")
    assert place.run("reconcile").code == 0
    old = place.remote.file(f"staging/{back}.yaml")
    place.image("web", "1.1.0")
    assert place.run("watch").code == 0
    pushed = place.remote.push({f"staging/{back}.yaml": old}, "back")
    done = place.run("reconcile")
    assert f"the push {pushed[:9]} by Ann reverts images: web 1.0.0 is older" in done.err
    assert place.run("watch").code == 0
    assert place.tags("staging")[back] == "1.0.0"
    assert "1.1.0 is vetoed: undone by Ann" in planned(place)["why"]
    place.image("web", "1.2.0")
    assert place.run("watch").code == 0
    assert {place.tags("staging")[it] for it in ("web", "worker")} == {"1.2.0"}


def test_a_promotion_waits_for_one_image_and_says_so(place: Place) -> None:
    """Where it comes from runs two: nobody knows which is meant, and the plan says that and not another thing."""
    rules = {"staging": "release: manual", "production": "release: automatic, promote_from: staging"}
    place.start("1.0.0", **rules)
    place.remote.push(worker(place, "1.1.0"), "a worker")
    assert place.run("reconcile").code == 0
    rows = json.loads(place.run("plan", "production", "--output", "json").out)["services"]
    why = {it["service"]: it["why"] for it in rows}
    assert why == {"web": "promotion waits: staging runs 2 images of web", "api": "as in staging"}
