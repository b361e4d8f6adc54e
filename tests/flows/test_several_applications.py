"""Several applications in one config repo, each with a headway.yaml in a folder of its own."""

from __future__ import annotations

from tests.flows.conftest import Place

APPS = ("web", "api")


def start(place: Place, *, same_namespace: bool = False) -> dict[str, dict[str, str]]:
    """Push two applications with environments of one name, and make them live; return what chooses each."""
    files: dict[str, str | bytes | None] = {}
    for app in APPS:
        space = "shared" if same_namespace else f"{app}-staging"
        files[f"apps/{app}/headway.yaml"] = (
            f"version: 1\napp: {app}\n"
            f"services: {{{app}: {{image: {place.registry.host}/shop/{app}, tags: {{match: 'semver:*'}}}}}}\n"
            f"environments: {{staging: {{path: staging, cluster: {{context: shop, namespace: {space}}}}}}}\n"
        )
        files[f"apps/{app}/staging/{app}.yaml"] = place.job(app, place.image(app, "1.0.0"))
    place.remote.push(files)
    chosen = {app: {"HEADWAY_CONFIG": f"apps/{app}/headway.yaml"} for app in APPS}
    for app in APPS:
        done = place.run("reconcile", **chosen[app])
        assert done.code == 0, done.said
    return chosen


def test_each_is_released_and_rolled_back_by_itself(place: Place) -> None:
    """The other one's cluster, history and live commit stay as they are."""
    chosen = start(place)
    image = place.image("web", "1.1.0")
    done = place.run("release", "staging", f"web={image}", **chosen["web"])
    assert done.code == 0, done.said
    assert place.kube.images("web-staging")["web"] == image
    assert place.kube.images("api-staging")["api"] == place.image("api", "1.0.0")
    assert "1.1.0" in place.run("history", "staging", **chosen["web"]).out
    assert "1.1.0" not in place.run("history", "staging", **chosen["api"]).out
    assert "live" in place.run("status", **chosen["api"]).out
    back = place.run("rollback", "staging", "-m", "wrong", **chosen["web"])
    assert back.code == 0, back.said
    assert place.kube.images("web-staging")["web"] == place.image("web", "1.0.0")
    assert b"vetoes" in place.remote.file("apps/web/holds.yaml")
    assert "apps/api/holds.yaml" not in place.remote.git("ls-tree", "-r", "--name-only", "main")


def test_a_lock_holds_one_of_them(place: Place) -> None:
    """It stands beside its headway.yaml."""
    chosen = start(place)
    assert place.run("lock", "staging", "-m", "migration", **chosen["web"]).code == 0
    image = place.image("api", "1.1.0")
    assert place.run("release", "staging", f"web={place.image('web', '1.1.0')}", **chosen["web"]).code == 3
    assert place.run("release", "staging", f"api={image}", **chosen["api"]).code == 0


def test_two_that_claim_one_object(place: Place) -> None:
    """The second is refused by name before anything of it is applied."""
    chosen = start(place, same_namespace=True)
    place.remote.push({"apps/api/staging/web.yaml": place.job("web", place.image("web", "1.0.0"))})
    before = dict(place.kube.objects)
    done = place.run("reconcile", "staging", **chosen["api"])
    assert done.code == 3
    assert "shared CronJob/web belongs to web/staging in namespace shared, not to api/staging" in done.said
    assert {key for key in place.kube.objects if "/cronjobs/" in key} == {
        key for key in before if "/cronjobs/" in key
    }


def test_two_with_one_name_are_told_apart(place: Place) -> None:
    """A second folder that calls itself the same application and namespace prunes nothing of the first."""
    start(place, same_namespace=True)
    text = place.remote.file("apps/web/headway.yaml")
    place.remote.push(
        {
            "apps/copy/headway.yaml": text,
            "apps/copy/staging/other.yaml": place.job("other", place.image("web", "1.0.0")),
        }
    )
    done = place.run("reconcile", "staging", HEADWAY_CONFIG="apps/copy/headway.yaml")
    assert done.code == 3
    assert "was applied from another config repo" in done.said
    assert "web" in place.kube.images("shared")


def test_a_path_that_is_no_headway_yaml(place: Place) -> None:
    """The setting is named."""
    place.start(staging="release: manual")
    done = place.run("status", HEADWAY_CONFIG="apps/shop")
    assert done.code == 2
    assert "HEADWAY_CONFIG" in done.err
    missing = place.run("status", HEADWAY_CONFIG="apps/shop/headway.yaml")
    assert missing.code == 2
    assert "apps/shop/headway.yaml is missing" in missing.err
