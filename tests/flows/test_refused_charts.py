"""Charts from elsewhere that are not rendered: not pinned, another one, not allowed, or no chart that a tool should get."""

from __future__ import annotations

import pytest

from headway.domain.text.yaml_nodes import compose
from tests.charts import packed, pushed
from tests.flows.conftest import Place
from tests.flows.remote_charts import archive, in_registry, said
from tests.rendering import RenderingTools


@pytest.fixture(autouse=True)
def _tools(place: Place, rendering_tools: RenderingTools) -> None:
    place.settings["HEADWAY_HELM"] = str(rendering_tools.helm)


def position(place: Place, key: str) -> str:
    """Return where a key of staging's chart stands in headway.yaml."""
    node = next(iter(compose(place.remote.file("headway.yaml").decode())))
    for step in ("environments", "staging", "chart", key):
        found, node = next(it for it in node.value if it[0].value == step)  # type: ignore[misc]
    return f"headway.yaml:{found.start_mark.line + 1}:{found.start_mark.column + 1}: "


def holds_alone(place: Place, key: str, *wanted: str) -> None:
    """See that staging is held with a problem at a key, that production goes on, and that nothing of staging changes."""
    place.remote.push({"production/api.yaml": place.job("api", place.image("api", "1.1.0"))})
    place.kube.changes.clear()
    done = place.run("reconcile")
    assert done.code == 1, done.said
    for line in (position(place, key), *wanted):
        assert line in done.said, done.said
    assert place.tags("production")["api"] == "1.1.0"
    assert not [it for it in place.kube.changes if "/staging/cronjobs" in it[1]]


def test_without_a_digest_nothing_is_rendered_and_the_one_of_now_is_named(place: Place) -> None:
    place.start(staging="", production="")
    digest = in_registry(place, "staging")
    place.rules["staging"] = said(place, "1.0.0", "", ", values: [staging/values.yaml]")
    place.remote.push({"headway.yaml": place.headway_yaml()})
    holds_alone(place, "version", "it is not pinned: digest is missing", f"digest: {digest}")


@pytest.mark.parametrize(
    ("hosts", "said_now"),
    [("", "HEADWAY_CHART_HOSTS does not name"), ("own", "what 1.0.0 is now is not known")],
)
def test_without_a_digest_an_outage_changes_nothing(place: Place, hosts: str, said_now: str) -> None:
    """It is no outage's fault that the chart is not pinned."""
    place.start(staging="", production="")
    in_registry(place, "staging")
    place.settings["HEADWAY_CHART_HOSTS"] = place.registry.host if hosts else ""
    place.rules["staging"] = said(place, "1.0.0", "", ", values: [staging/values.yaml]")
    place.remote.push({"headway.yaml": place.headway_yaml()})
    place.registry.mood = lambda path: (503, {}) if "/charts/" in path else None
    holds_alone(place, "version", "it is not pinned: digest is missing", said_now)


def test_another_digest_than_the_registrys_is_refused(place: Place) -> None:
    place.start(staging="", production="")
    digest = in_registry(place, "staging")
    place.rules["staging"] = said(place, "1.0.0", "sha256:" + "1" * 64, ", values: [staging/values.yaml]")
    place.remote.push({"headway.yaml": place.headway_yaml()})
    holds_alone(place, "digest", "has no such digest", f"1.0.0 is this now: digest: {digest}")


def test_the_digest_of_another_version_is_refused(place: Place) -> None:
    place.start(staging="", production="")
    in_registry(place, "staging")
    other = pushed(place.registry, "charts/shop", "2.0.0", archive(place, "2.0.0"))
    place.rules["staging"] = said(place, "1.0.0", other, ", values: [staging/values.yaml]")
    place.remote.push({"headway.yaml": place.headway_yaml()})
    holds_alone(place, "digest", "this digest is that of shop 2.0.0, and shop 1.0.0 is wanted")


def test_a_host_that_no_setting_names_is_not_asked(place: Place) -> None:
    place.start(staging="", production="")
    in_registry(place, "staging")
    place.settings["HEADWAY_CHART_HOSTS"] = "other.example.com"
    holds_alone(place, "digest", f"nothing may be fetched from {place.registry.host}", "HEADWAY_CHART_HOSTS")
    assert place.registry.count("/charts/") == 0


def test_what_does_not_render_is_said_of_the_charts_own_file(place: Place) -> None:
    """The folder that stands for the chart has its version in the name."""
    place.start(staging="", production="")
    in_registry(place, "staging")
    broken = packed(
        {
            "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
            "templates/web.yaml": "a: 1\nb: {{ .Values.no.such }}\n",
        }
    )
    digest = pushed(place.registry, "charts/shop", "1.0.0", broken)
    place.rules["staging"] = said(place, "1.0.0", digest, ", values: [staging/values.yaml]")
    place.remote.push({"headway.yaml": place.headway_yaml()})
    done = place.run("reconcile")
    assert done.code == 1, done.said
    assert "shop-1.0.0.tgz/templates/web.yaml:2:13: helm: nil pointer" in done.said, done.said


def test_an_archive_with_a_way_out_of_it_never_reaches_a_tool(place: Place) -> None:
    """The digest is right, and what it is the digest of is not."""
    place.start(staging="", production="")
    in_registry(place, "staging")
    evil = packed({"Chart.yaml": "name: shop\nversion: 1.0.0\n", "../../../../evil.yaml": "a: 1\n"})
    digest = pushed(place.registry, "charts/shop", "1.0.0", evil)
    place.rules["staging"] = said(place, "1.0.0", digest, ", values: [staging/values.yaml]")
    place.remote.push({"headway.yaml": place.headway_yaml()})
    holds_alone(place, "digest", "leads out of the chart's folder")
