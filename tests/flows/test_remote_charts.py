"""Environments whose chart is not in the config repo: pinned in headway.yaml, fetched once, and rolled back with it."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.charts import ChartRepository, pushed, sha256
from tests.flows.conftest import HEADWAY, Place
from tests.flows.remote_charts import archive, in_registry, said, schedule, tag
from tests.rendering import RenderingTools


@pytest.fixture(autouse=True)
def _tools(place: Place, rendering_tools: RenderingTools) -> None:
    place.settings["HEADWAY_HELM"] = str(rendering_tools.helm)


@pytest.mark.slow
def test_it_is_fetched_once_and_then_needs_nobody(place: Place) -> None:
    """Two environments have it, a release changes a value of it, and a rollback is done with the registry away."""
    place.start(staging="", production="promote_from: staging")
    digest = in_registry(place, "staging", "production")
    done = place.run("reconcile")
    assert done.code == 0, done.said
    assert place.registry.count(f"/manifests/{digest}") == 1
    image = place.image("web", "1.1.0")
    done = place.run("release", "staging", f"web={image}")
    assert done.code == 0, done.said
    assert f"Headway-Chart: oci://{place.registry.host}/charts/shop:1.0.0@{digest}" in place.message()
    assert place.tags("staging") == {"web": "1.1.0", "api": "1.0.0"}
    assert place.tags("production") == {"web": "1.0.0", "api": "1.0.0"}
    done = place.run("promote", "production")
    assert done.code == 0, done.said
    place.registry.mood = lambda path: (503, {}) if "/charts/" in path else None
    # Not even what was rendered is needed.
    for file in (place.folder / "state").glob("renderings.sqlite*"):
        file.unlink()
    done = place.run("rollback", "production")
    assert done.code == 0, done.said
    assert place.tags("production") == {"web": "1.0.0", "api": "1.0.0"}
    assert place.registry.count(f"/manifests/{digest}") == 1


@pytest.mark.slow
def test_a_new_version_is_a_change_and_one_that_fails_is_rolled_back_with_its_pin(place: Place) -> None:
    """The environment's history has it, and each commit is rendered from the chart that it pins."""
    place.start(staging="", production="")
    first = in_registry(place, "staging")
    assert place.run("reconcile").code == 0
    second = pushed(place.registry, "charts/shop", "1.1.0", archive(place, "1.1.0", "5 5 5 5 *"))
    old = place.remote.file("headway.yaml").decode()
    newer = old.replace("version: 1.0.0", "version: 1.1.0").replace(first, second)
    commit = place.remote.push({"headway.yaml": newer + "# by hand\n"}, "shop 1.1.0")
    done = place.run("reconcile")
    assert done.code == 0, done.said
    assert schedule(place, "staging") == "5 5 5 5 *"
    assert commit[:7] in place.run("history", "staging", "--limit", "1").out
    assert commit[:7] not in place.run("history", "production").out
    bad = pushed(place.registry, "charts/shop", "1.2.0", archive(place, "1.2.0", "not a schedule"))
    refusal = {"kind": "Status", "reason": "Invalid", "message": "spec.schedule: Invalid value", "code": 422}
    place.kube.mood = lambda method, path, body: (
        (422, refusal) if body.get("spec", {}).get("schedule") == "not a schedule" else None
    )
    worse = newer.replace("version: 1.1.0", "version: 1.2.0").replace(second, bad)
    place.remote.push({"headway.yaml": worse + "# by hand\n"}, "shop 1.2.0")
    done = place.run("reconcile", "staging")
    assert done.code == 1, done.said
    assert place.remote.file("headway.yaml").decode() == newer + "# by hand\n"
    assert schedule(place, "staging") == "5 5 5 5 *"
    assert place.run("reconcile").code == 0


@pytest.mark.slow
def test_the_pin_of_an_application_below_the_root_is_rolled_back_too(place: Place) -> None:
    """Its headway.yaml stands in its folder, and paths count from there."""
    place.rules = {"staging": ""}
    first = in_registry(place, "staging")
    place.remote.push({"apps/shop/headway.yaml": place.headway_yaml(), "headway.yaml": None})
    place.remote.push({"apps/shop/staging/values.yaml": place.remote.file("staging/values.yaml")})
    place.settings["HEADWAY_CONFIG"] = "apps/shop/headway.yaml"
    done = place.run("reconcile")
    assert done.code == 0, done.said
    bad = pushed(place.registry, "charts/shop", "1.1.0", archive(place, "1.1.0", "not a schedule"))
    refusal = {"kind": "Status", "reason": "Invalid", "message": "spec.schedule: Invalid value", "code": 422}
    place.kube.mood = lambda method, path, body: (
        (422, refusal) if body.get("spec", {}).get("schedule") == "not a schedule" else None
    )
    old = place.remote.file("apps/shop/headway.yaml").decode()
    newer = old.replace("version: 1.0.0", "version: 1.1.0").replace(first, bad)
    place.remote.push({"apps/shop/headway.yaml": newer})
    assert place.run("reconcile").code == 1
    assert place.remote.file("apps/shop/headway.yaml").decode() == old
    assert place.run("reconcile").code == 0


@pytest.mark.slow
def test_what_a_commit_before_the_chart_was_stays_what_it_was(place: Place) -> None:
    """A rollback to images from the time of plain files goes by those files."""
    place.start(staging="")
    before = place.remote.head()
    in_registry(place, "staging")
    assert place.run("reconcile").code == 0
    image = place.image("web", "1.1.0")
    assert place.run("release", "staging", f"web={image}").code == 0
    done = place.run("rollback", "staging", "--to", before)
    assert done.code == 0, done.said
    assert place.tags("staging") == {"web": "1.0.0", "api": "1.0.0"}


def test_a_tag_that_the_chart_itself_says_is_pinned_in_the_environments_values(place: Place) -> None:
    place.start(staging="")
    digest = in_registry(place, "staging", values=False)
    assert place.run("reconcile").code == 0
    image = place.image("web", "1.1.0")
    refused = place.run("release", "staging", f"web={image}")
    assert refused.code == 2, refused.said
    chart = f"oci://{place.registry.host}/charts/shop:1.0.0@{digest}"
    assert f"in the chart {chart}, which is not in the config repo" in refused.err
    assert "shop-1.0.0.tgz/values.yaml:3:8 says" in refused.err
    assert "--pin-in staging/values.yaml" in refused.err
    done = place.run("release", "staging", f"web={image}", "--pin-in", "staging/values.yaml")
    assert done.code == 0, done.said
    assert place.tags("staging") == {"web": "1.1.0", "api": "1.0.0"}
    assert place.remote.file("staging/values.yaml").decode() == (
        f"size: 1\nweb:\n  tag: {tag(place, 'web', '1.1.0')}\n"
    )


@pytest.mark.slow
def test_killed_in_the_middle_of_a_fetch_it_is_fetched_by_the_next_run(place: Place) -> None:
    """What is kept is whole or not there, so the run that follows has the chart."""
    place.start(staging="")
    digest = in_registry(place, "staging")
    command = [HEADWAY, "reconcile"]
    running = subprocess.Popen(command, env=place.environment(), stderr=subprocess.DEVNULL)

    def kill(path: str) -> None:
        if "/charts/shop/blobs/" in path:
            running.kill()
            running.wait()

    place.registry.mood = kill
    assert running.wait() == -signal.SIGKILL
    place.registry.mood = lambda path: None
    done = place.run("reconcile")
    assert done.code == 0, done.said
    kept = {it.name: it.read_bytes() for it in (place.folder / "state" / "charts").iterdir()}
    assert len(kept) == 2
    assert digest.removeprefix("sha256:") in kept
    assert {sha256(data).removeprefix("sha256:") for data in kept.values()} == kept.keys()


@pytest.mark.slow
def test_a_watch_pass_goes_on_with_the_other_environments(place: Place) -> None:
    place.start(staging="release: automatic", production="release: automatic")
    in_registry(place, "staging")
    place.registry.mood = lambda path: (503, {}) if "/charts/" in path else None
    place.image("web", "1.1.0")
    done = place.run("watch")
    assert done.code == 1, done.said
    assert "cannot be fetched now" in done.said
    assert place.tags("production")["web"] == "1.1.0"


@pytest.mark.slow
def test_a_registry_that_is_down_is_no_mistake_of_anybody(place: Place) -> None:
    """It is worth another try; nothing is changed, other environments go on, and once it is up again it is done."""
    place.start(staging="", production="")
    in_registry(place, "staging")
    place.registry.mood = lambda path: (503, {}) if "/charts/" in path else None
    done = place.run("release", "staging", f"web={place.image('web', '1.1.0')}")
    assert done.code == 1, done.said
    assert "cannot be fetched now, and is not on this machine" in done.err
    place.remote.push({"production/api.yaml": place.job("api", place.image("api", "1.1.0"))})
    done = place.run("reconcile")
    assert done.code == 1, done.said
    assert place.tags("production")["api"] == "1.1.0"
    place.registry.mood = lambda path: None
    done = place.run("reconcile")
    assert done.code == 0, done.said


@pytest.mark.slow
def test_what_was_live_and_cannot_be_had_now_is_waited_for(place: Place) -> None:
    """On a machine that has nothing yet: what was live would count as nothing, and nothing could be rolled back."""
    place.start(staging="")
    first = in_registry(place, "staging")
    assert place.run("reconcile").code == 0
    second = pushed(place.registry, "charts/shop", "1.1.0", archive(place, "1.1.0", "5 5 5 5 *"))
    old = place.remote.file("headway.yaml").decode()
    place.remote.push(
        {"headway.yaml": old.replace("version: 1.0.0", "version: 1.1.0").replace(first, second)}
    )
    shutil.rmtree(place.folder / "state")
    place.registry.mood = lambda path: (503, {}) if first in path else None
    done = place.run("reconcile")
    assert done.code == 1, done.said
    assert f"shop:1.0.0@{first} cannot be fetched now" in done.said
    assert schedule(place, "staging") == "0 0 1 1 *"
    place.registry.mood = lambda path: None
    assert place.run("reconcile").code == 0
    assert schedule(place, "staging") == "5 5 5 5 *"


@pytest.fixture
def repository() -> Iterator[ChartRepository]:
    made = ChartRepository()
    yield made
    made.close()


def test_a_chart_of_a_repository(place: Place, repository: ChartRepository) -> None:
    """By its index; the digest is that of the archive."""
    place.start(staging="")
    packed_chart = archive(place, "1.0.0")
    digest = repository.put("1.0.0", packed_chart)
    assert digest == sha256(packed_chart)
    place.settings["HEADWAY_CHART_HOSTS"] = f"charts.example.com, {repository.host}"
    tags = "".join(f"{it}:\n  tag: '{tag(place, it)}'\n" for it in ("web", "api"))
    place.rules["staging"] = (
        f"chart: {{repo: '{repository.url}', name: shop, version: 1.0.0, digest: '{digest}', values: [staging/values.yaml]}}"
    )
    place.remote.push(
        {
            "headway.yaml": place.headway_yaml(),
            "staging/values.yaml": tags,
            "staging/web.yaml": None,
            "staging/api.yaml": None,
        }
    )
    done = place.run("reconcile")
    assert done.code == 0, done.said
    repository.close()
    done = place.run("release", "staging", f"web={place.image('web', '1.1.0')}")
    assert done.code == 0, done.said
    assert place.tags("staging") == {"web": "1.1.0", "api": "1.0.0"}
    assert repository.asked() == ["/charts/index.yaml", "/charts/shop-1.0.0.tgz"]


def test_lint_asks_nobody(place: Place, tmp_path: Path) -> None:
    """What is on this machine is rendered; what is not is a warning, and what is not pinned a mistake."""
    place.start(staging="")
    in_registry(place, "staging")
    folder = tmp_path / "checkout"
    place.remote.git("worktree", "add", "--detach", str(folder), "main")
    done = place.run("lint", str(folder))
    assert done.code == 0, done.said
    assert "is not on this machine" in done.said
    assert place.run("reconcile").code == 0
    asked = place.registry.count("/charts/")
    done = place.run("lint", str(folder))
    assert done.code == 0, done.said
    assert "is not on this machine" not in done.said
    place.rules["staging"] = said(place, "1.0.0", "", ", values: [staging/values.yaml]")
    (folder / "headway.yaml").write_text(place.headway_yaml())
    done = place.run("lint", str(folder))
    assert (done.code != 0, "digest is missing" in done.said) == (True, True), done.said
    assert place.registry.count("/charts/") == asked
