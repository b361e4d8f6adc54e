"""What an environment is made of besides its folder, at each commit of a history; no tool is asked."""

from __future__ import annotations

import pytest

from headway.domain.config.reading import load_config
from headway.domain.rendering.place import ChartUse, Place
from headway.systems.git.config_repo import ConfigRepo
from tests.repos import Remote

STAGING, PRODUCTION = Place("staging"), Place("production")
OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {0}}}\n"


@pytest.fixture
def overlays(remote: Remote) -> Remote:
    """A base with a base of its own, an overlay of it, and a plain folder."""
    remote.push(
        {
            "deep/kustomization.yaml": "resources: [a.yaml]\n",
            "deep/a.yaml": OBJECT.format("a"),
            "deep/README.md": "x",
            "base/kustomization.yaml": "resources: [../deep, b.yaml]\n",
            "base/b.yaml": OBJECT.format("b"),
            "staging/kustomization.yaml": (
                "resources: [../base]\ncomponents: [../part]\npatches: [{path: p.yaml}]\n"
                "configMapGenerator: [{name: c, files: [key=c.txt], envs: [e.env]}]\n"
            ),
            "staging/p.yaml": OBJECT.format("a"),
            "staging/c.txt": "c",
            "staging/e.env": "A=b",
            "part/kustomization.yaml": "kind: Component\nreplacements: [{path: r.yaml}]\n",
            "part/r.yaml": "source: {}\n",
            "production/app.yaml": OBJECT.format("app"),
        }
    )
    return remote


def test_a_unit_reads_what_its_files_name_and_nothing_else(repo: ConfigRepo, overlays: Remote) -> None:
    """Bases of bases, components, patches, generators' and replacements' files; no README beside them."""
    tree = repo.tree(repo.fetch(), STAGING)
    (unit,) = tree.units
    assert unit.problems == ()
    assert set(unit.reads) == {
        "base/b.yaml", "base/kustomization.yaml", "deep/a.yaml", "deep/kustomization.yaml",
        "part/kustomization.yaml", "part/r.yaml", "staging/c.txt", "staging/e.env",
        "staging/kustomization.yaml", "staging/p.yaml",
    }  # fmt: skip
    assert repo.sources(tree, unit)["deep/a.yaml"] == OBJECT.format("a").encode()


def test_only_what_is_read_changes_the_state(repo: ConfigRepo, overlays: Remote) -> None:
    """A plain folder's state is its own hash; an overlay's changes with its bases, and not with what lies beside."""
    head = repo.fetch()
    plain, state = repo.state(head, PRODUCTION), repo.state(head, STAGING)
    assert plain == repo.tree(head, PRODUCTION).sha
    overlays.push({"deep/README.md": "y", "other/x.yaml": "a: 1\n"})
    assert repo.state(repo.fetch(), STAGING) == state
    overlays.push({"deep/a.yaml": OBJECT.format("other")})
    assert repo.state(repo.fetch(), STAGING) != state
    assert repo.state(repo.head, PRODUCTION) == plain
    overlays.push({"deep/a.yaml": OBJECT.format("a")})
    assert repo.state(repo.fetch(), STAGING) == state


def test_the_history_names_the_commits_of_bases(repo: ConfigRepo, overlays: Remote) -> None:
    """`log` and the last change follow what was read at each time, also a base that is no longer named."""
    first = overlays.head()
    deep = overlays.push({"deep/a.yaml": OBJECT.format("x")})
    overlays.push({"part/README.md": "beside"})
    moved = overlays.push({"base/kustomization.yaml": "resources: [b.yaml]\n"})
    overlays.push({"deep/a.yaml": OBJECT.format("y")})
    local = overlays.push({"staging/c.txt": "d"})
    repo.fetch()
    assert [it.commit for it in repo.log("staging", path=STAGING)][:4] == [local, moved, deep, first]
    assert [it.commit for it in repo.commits_between(first, repo.head, STAGING)] == [local, moved, deep]
    assert repo.last_change("staging", STAGING, moved).commit == moved
    assert repo.last_change("staging", STAGING, deep).commit == deep
    assert next(it.commit for it in repo.log("production", path=PRODUCTION)) == first


def test_a_merge_that_decides_over_a_base_is_a_change(repo: ConfigRepo, overlays: Remote) -> None:
    """Two sides changed the base; who merged them made a state that neither had."""
    first = overlays.head()
    left = overlays.push({"deep/a.yaml": OBJECT.format("left")})
    right = overlays.push({"base/b.yaml": OBJECT.format("right")}, parents=[first], branch="side")
    merge = overlays.push({"base/b.yaml": OBJECT.format("right")}, "merge", parents=[left, right])
    repo.fetch()
    assert repo.last_change("staging", STAGING).commit == merge
    assert next(it.commit for it in repo.log("staging", path=STAGING)) == merge


@pytest.mark.slow
def test_a_last_change_that_is_far_back_is_found(repo: ConfigRepo, overlays: Remote) -> None:
    """Beyond what is looked at here, Git is asked for the folder and all that its units read."""
    changed = overlays.push({"deep/a.yaml": OBJECT.format("x")})
    for count in range(310):
        overlays.push({"other/x.yaml": f"a: {count}\n"})
    repo.fetch()
    assert repo.last_change("staging", STAGING).commit == changed


def test_a_base_among_the_environments_folders_is_no_unit_by_itself(
    repo: ConfigRepo, overlays: Remote
) -> None:
    """Its objects would be there twice; neither is a component or a library chart."""
    overlays.push(
        {
            "staging/kustomization.yaml": None,
            "staging/p.yaml": None,
            "staging/app.yaml": None,
            "staging/base/kustomization.yaml": "resources: []\n",
            "staging/top/kustomization.yaml": "resources: [../base]\n",
            "staging/part/kustomization.yaml": "kind: Component\n",
            "staging/common/Chart.yaml": "name: common\ntype: library\n",
        }
    )
    tree = repo.tree(repo.fetch(), STAGING)
    assert [it.path for it in tree.units] == ["staging/top"]
    assert list(tree.files) == []


def test_a_chart_is_read_with_its_values_and_local_dependencies(repo: ConfigRepo, overlays: Remote) -> None:
    """Values files in the environment's folder are no manifests; a dependency that is missing is said with its line."""
    place = Place("live", chart=ChartUse("charts/shop", "shop", "live", ("live/values.yaml",)))
    overlays.push(
        {
            "charts/shop/Chart.yaml": "name: shop\ndependencies:\n- {name: lib, repository: 'file://../lib'}\n"
            "- {name: redis, repository: 'https://charts.example.com'}\n",
            "charts/lib/Chart.yaml": "name: lib\ntype: library\n",
            "live/values.yaml": "a: 1\n",
            "live/extra.yaml": OBJECT.format("extra"),
        }
    )
    tree = repo.tree(repo.fetch(), place)
    (unit,) = tree.units
    assert list(tree.files) == ["live/extra.yaml"]
    assert set(unit.reads) == {"charts/shop", "charts/lib", "live/values.yaml"}
    (problem,) = unit.problems
    assert str(problem).startswith(
        "charts/shop/Chart.yaml:4:10: the chart redis, on which this one depends, is not"
    )
    before = repo.state(repo.head, place)
    overlays.push({"charts/lib/templates/x.tpl": "x", "charts/shop/charts/redis-1.0.0.tgz": b"x"})
    assert repo.tree(repo.fetch(), place).units[0].problems == ()
    assert repo.state(repo.head, place) != before


def test_links_are_followed_within_the_repo_only(repo: ConfigRepo, overlays: Remote) -> None:
    """A link to a base's folder or file gives its content; one that leads out is a file that is not there."""
    overlays.push(
        {
            "staging/kustomization.yaml": "resources: [linked, c.yaml]\n",
            "staging/linked": "../base",
            "staging/c.yaml": "../../../etc/passwd",
            "base/kustomization.yaml": "resources: [b.yaml]\n",
        },
        modes={"staging/linked": "120000", "staging/c.yaml": "120000"},
    )
    tree = repo.tree(repo.fetch(), STAGING)
    (unit,) = tree.units
    assert repo.sources(tree, unit)["staging/linked/b.yaml"] == OBJECT.format("b").encode()
    assert [str(it) for it in unit.problems] == [
        "staging/kustomization.yaml:1:21: there is no staging/c.yaml, which c.yaml names"
    ]


CHARTED = """\
version: 1
app: shop
services: {{web: {{image: r.io/web}}}}
environments:
  live:
    path: live
    cluster: {{namespace: live}}
    chart: {{ref: oci://r.io/charts/shop, version: {0}, digest: "sha256:{1}", values: [live/values.yaml]}}
{2}"""


def test_a_chart_from_elsewhere_is_what_each_commit_pins(repo: ConfigRepo, overlays: Remote) -> None:
    """Another pin is another state, and a change of the environment; whatever else changes in headway.yaml is none."""
    before = overlays.push({"live/plain.yaml": OBJECT.format("plain")})
    one = CHARTED.format("1.0.0", "a" * 64, "")
    first = overlays.push({"headway.yaml": one, "live/values.yaml": "a: 1\n"})
    beside = overlays.push({"headway.yaml": one + "ignore: []\n"})
    two = overlays.push({"headway.yaml": CHARTED.format("1.1.0", "b" * 64, "ignore: []\n")})
    repo.fetch()
    place = load_config(overlays.file("headway.yaml")).place("live")
    assert [it.commit for it in repo.log("live", path=place)][:3] == [two, first, before]
    assert repo.last_change("live", place, beside).commit == first
    (unit,) = repo.tree(beside, place).units
    assert (unit.path, unit.entry, unit.line, unit.column) == ("shop-1.0.0.tgz", "headway.yaml", 8, 58)
    assert (set(unit.reads), unit.problems) == ({"live/values.yaml"}, ())
    assert repo.sources(repo.tree(beside, place), unit) == {"live/values.yaml": b"a: 1\n"}
    assert repo.tree(before, place).units == ()
    assert repo.state(before, place) == repo.tree(before, place).sha
    back = overlays.push({"headway.yaml": one})
    assert repo.state(repo.fetch(), place) == repo.state(first, place) == repo.state(beside, place)
    assert repo.last_change("live", place).commit == back


def test_a_chart_in_a_kustomization_lies_in_the_repo(repo: ConfigRepo, overlays: Remote) -> None:
    """Else it is refused where it says from where kustomize would fetch it, with the command that puts it there."""
    said = "helmCharts:\n- name: redis\n  version: 1.2.3\n  repo: https://charts.example.com\n"
    overlays.push({"staging/kustomization.yaml": said})
    (unit,) = repo.tree(repo.fetch(), STAGING).units
    (problem,) = unit.problems
    assert str(problem).startswith(
        "staging/kustomization.yaml:4:9: the chart is not in staging/charts/redis-1.2.3/redis/"
    )
    assert "run `helm pull redis --repo https://charts.example.com --version 1.2.3 --untar" in str(problem)
    assert "in staging/ and commit" in str(problem)
    overlays.push({"staging/charts/redis-1.2.3/redis/Chart.yaml": "name: redis\nversion: 1.2.3\n"})
    (unit,) = repo.tree(repo.fetch(), STAGING).units
    assert (unit.problems, unit.with_helm) == ((), True)
