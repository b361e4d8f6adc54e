"""`headway lint`: everything that is wrong in a working tree, in one round, before a commit."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from headway.cli.main import run

EXAMPLE = Path(__file__).parents[2] / "examples/shop/config"
CONFIG = """version: 1
app: shop
services:
  web: {image: r.io/web}
  api: {image: r.io/api}
environments:
  staging: {path: staging, cluster: {namespace: s}}
"""
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {containers: [{name: c, image: '%s'}]}\n"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection, and know no settings."""
    for name in [it for it in os.environ if it.startswith("HEADWAY_")]:
        monkeypatch.delenv(name)

    def refuse(*_: object) -> None:
        raise AssertionError("it asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def put(folder: Path, **files: str) -> Path:
    """Write files; `__` in a name stands for a slash, a last `_` for nothing, and the ending is .yaml."""
    for name, text in {"headway": CONFIG, **files}.items():
        path = folder / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def linted(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str], list[str]]:
    """Lint a folder; return the exit code, and the mistakes and warnings as lines."""
    with pytest.raises(SystemExit) as left:
        run(["lint", str(folder), "--output", "json"])
    found = json.loads(capsys.readouterr().out)
    mistakes, warnings = (
        [f"{it['file']}:{it['line']}:{it['column']}: {it['message']}" for it in found[key]]
        for key in ("mistakes", "warnings")
    )
    return int(str(left.value.code)), mistakes, warnings


def test_the_example_is_without_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    """The shop's config repo, as it stands in examples/."""
    code, mistakes, _ = linted(EXAMPLE, capsys)
    assert (code, mistakes) == (0, [])


def test_all_of_it_in_one_round(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Shapes and names of headway.yaml, holds.yaml, and the manifests of those environments that can be found."""
    config = CONFIG.replace("namespace: s}", "namespace: s}, promote_from: prod, relase: manual")
    put(
        tmp_path,
        headway=config + "  empty: {path: empty, cluster: {namespace: e}}\n",
        holds="locks:\n- {environment: stagin, why: x}\n- {service: web}\n",
        staging__web=POD % ("web", "r.io/web:1") + "---\nkind: Pod\n",
        staging__odd="a: [b\n",
        staging__db=POD % ("db", "redis:7"),
        staging__api=POD % ("api", "r.io/api:${TAG}"),
    )
    code, mistakes, warnings = linted(tmp_path, capsys)
    expected = [
        "headway.yaml:7:67: no environment 'prod'",
        "headway.yaml:7:73: unknown key relase; did you mean release?",
        "headway.yaml:8:3: empty has no manifests: empty/ is empty or missing",
        "holds.yaml:2:17: headway.yaml has no environment stagin, so this holds nothing back; did you mean staging?",
        "holds.yaml:3:3: environment is missing",
        "staging/odd.yaml:2:1: not YAML",
        "staging/web.yaml:6:1: this is not a Kubernetes object: it has no apiVersion",
    ]
    assert code == 2
    assert len(mistakes) == len(expected), mistakes
    for said, start in zip(mistakes, expected, strict=True):
        place, _, what = start.partition(": ")
        assert what in said, (said, start)
        if "empty" not in start:
            assert said.startswith(place + ":"), (said, start)
    assert any(it.startswith("staging/api.yaml:4:") and "${TAG}" in it for it in warnings), warnings
    assert any(
        it.startswith("staging/db.yaml:4:") and "no service of headway.yaml has the image redis:7" in it
        for it in warnings
    ), warnings


def test_warnings_alone_are_no_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An image that no service owns, and a service that nothing runs: exit code 0, and each is named once."""
    put(tmp_path, staging__web=POD % ("web", "r.io/web:1"), staging__db=POD % ("db", "redis:7"))
    put(tmp_path, staging__db2=POD % ("db2", "redis:7"))
    code, mistakes, warnings = linted(tmp_path, capsys)
    assert (code, mistakes) == (0, [])
    assert [it.partition(": ")[0] for it in warnings] == ["headway.yaml:5:9", "staging/db.yaml:4:38"], (
        warnings
    )
    with pytest.raises(SystemExit) as left:
        run(["lint", str(tmp_path)])
    said = capsys.readouterr().out
    assert left.value.code == 0
    assert "staging/db.yaml:4:38: warning: no service" in said
    assert "0 mistakes, 2 warnings" in said


def test_what_git_would_not_take_is_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What .gitignore and .headwayignore name is passed over; what is new and not added yet is read."""
    put(
        tmp_path,
        staging__web=POD % ("web", "r.io/web:1") + "---\n" + POD % ("api", "r.io/api:1"),
        staging__ignored="a: [\n",
        staging__charts__values="a: [\n",
        staging__new="b: [\n",
    )
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("ignored.yaml\n")
    (tmp_path / "staging/.headwayignore").write_text("/charts/\n")
    code, mistakes, _ = linted(tmp_path, capsys)
    assert code == 2
    assert [it.partition(":")[0] for it in mistakes] == ["staging/new.yaml"]


def test_links_mean_what_they_mean_after_a_commit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One inside the repo is followed, one out of it is a mistake with its place."""
    repo = put(
        tmp_path / "repo", base__web=POD % ("web", "r.io/web:1"), base__api=POD % ("api", "r.io/api:1")
    )
    (repo / "staging").mkdir()
    for name, target in (("web", "../base/web.yaml"), ("api", "../base/api.yaml"), ("out", "../../x.yaml")):
        (repo / f"staging/{name}.yaml").symlink_to(target)
    code, mistakes, warnings = linted(repo, capsys)
    assert (code, warnings) == (2, [])
    assert len(mistakes) == 1
    assert mistakes[0].startswith("staging/out.yaml:1:1: this is a symbolic link out of the config repo")


@pytest.mark.parametrize(
    ("folder", "said"),
    [("nowhere", "is not a folder"), (".", "headway.yaml is missing in")],
)
def test_no_config_repo_is_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: str, said: str
) -> None:
    """It says what to name instead."""
    with pytest.raises(SystemExit) as left:
        run(["lint", str(tmp_path / folder)])
    assert (left.value.code, said in capsys.readouterr().err) == (2, True)


def test_it_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also in a repo whose files stand as they are committed."""
    put(tmp_path, staging__web=POD % ("web", "r.io/web:1"))
    before = sorted(tmp_path.rglob("*"))
    linted(tmp_path, capsys)
    assert sorted(tmp_path.rglob("*")) == before


def test_two_applications_that_name_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every headway.yaml below the folder is checked, and what two of them claim is named with both places."""
    config = CONFIG.replace("  api: {image: r.io/api}\n", "")
    put(
        tmp_path,
        headway=config,
        staging__web=POD % ("web", "r.io/web:1"),
        apps__other__headway=config.replace("app: shop", "app: other"),
        apps__other__staging__web=POD % ("web", "r.io/web:1"),
    )
    code, mistakes, _ = linted(tmp_path, capsys)
    assert code == 2
    assert len(mistakes) == 1
    assert mistakes[0].startswith(
        "apps/other/staging/web.yaml:1:1: s Pod/web is shop/staging's too (staging/web.yaml:1)"
    )


def test_environments_with_namespaces_of_their_own_share_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same names in another namespace are other objects; what is in no namespace is one."""
    role = "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\n"
    config = (
        CONFIG.replace("  api: {image: r.io/api}\n", "")
        + "  production: {path: production, cluster: {namespace: p}}\n"
    )
    put(
        tmp_path,
        headway=config,
        staging__web=POD % ("web", "r.io/web:1"),
        production__web=POD % ("web", "r.io/web:1"),
    )
    assert linted(tmp_path, capsys)[0] == 0
    put(tmp_path, headway=config, staging__role=role, production__role=role)
    code, mistakes, _ = linted(tmp_path, capsys)
    assert code == 2
    assert "ClusterRole/r is shop/staging's too" in mistakes[0]


def test_what_was_not_rendered_may_run_any_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without Helm here, nobody knows that a service runs nowhere."""
    monkeypatch.setenv("HEADWAY_HELM", str(tmp_path / "missing"))
    folder = put(tmp_path / "repo", staging__Chart="apiVersion: v2\nname: shop\nversion: 0.1.0\n")
    code, mistakes, warnings = linted(folder, capsys)
    assert (code, mistakes, len(warnings)) == (0, [], 1)
    assert warnings[0].startswith("staging/Chart.yaml:1:1: not rendered here: ")


def test_the_chart_of_an_engines_object_needs_no_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no image, so no service could have it."""
    source = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: web}\n"
    chart = source + "spec: {url: 'oci://r.io/charts/web', ref: {tag: 0.4.0}}\n"
    folder = put(tmp_path, staging__web=POD % ("web", "r.io/web:1"), staging__api=POD % ("api", "r.io/api:1"))
    assert linted(put(folder, staging__chart=chart), capsys) == (0, [], [])


def test_two_environments_with_one_object_may_be_two_clusters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The mistake says how the file tells one cluster from the other."""
    two = CONFIG + "  production: {path: production, cluster: {namespace: s}}\n"
    pods = {
        f"{it}__web": POD % ("web", "r.io/web:1") + "---\n" + POD % ("api", "r.io/api:1")
        for it in ("staging", "production")
    }
    code, mistakes, _ = linted(put(tmp_path, headway=two, **pods), capsys)
    assert (code, len(mistakes)) == (2, 2)
    assert all("or, if their clusters differ, a `cluster.context` each" in it for it in mistakes)
    other = two.replace("production, cluster: {", "production, cluster: {context: prod, ")
    assert linted(put(tmp_path, headway=other, **pods), capsys) == (0, [], [])
