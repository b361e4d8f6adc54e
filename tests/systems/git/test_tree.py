"""What counts as a manifest of an environment, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from headway.domain.rendering.place import Place
from headway.errors import UsageError
from headway.systems.git.config_repo import ConfigRepo
from tests.repos import Remote

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: s{0}}}
spec: {{template: {{spec: {{containers: [{{name: a, image: "r/s{0}:1"}}]}}}}}}
"""


def test_manifests_are_found_in_every_folder_below(repo: ConfigRepo, seeded: Remote) -> None:
    """YAML and JSON in folders with spaces and umlauts count, in the order of their paths; other files do not."""
    files: dict[str, str | bytes | None] = {
        "staging/mit Leer zeichen/ü.yml": "a: 1\n",
        "staging/x.json": "{}",
        "staging/README.md": "no",
        "staging/.hidden/x.yaml": "no",
        "staging-2/x.yaml": "no",
    }
    seeded.push(files)
    tree = repo.tree(repo.fetch(), "staging/")
    assert list(tree.files) == ["staging/app.yaml", "staging/mit Leer zeichen/ü.yml", "staging/x.json"]
    assert tree.sha == repo.state(repo.head, "./staging")
    assert [index.path for index in repo.index(tree)] == list(tree.files)


def test_the_root_can_be_an_environment(repo: ConfigRepo) -> None:
    """With `path: .` everything counts but headway's own files."""
    assert list(repo.tree(repo.head, ".").files) == ["production/app.yaml", "staging/app.yaml"]


def test_a_folder_that_is_not_there_is_empty(repo: ConfigRepo) -> None:
    """A missing folder has no manifests and an empty hash."""
    assert repo.tree(repo.head, "nowhere").files == {}
    assert repo.tree(repo.head, "nowhere").sha == repo.state(repo.head, "nowhere") == ""
    assert repo.read(repo.head, "nowhere/x.yaml") is None
    assert repo.read(repo.head, "staging") is None


@pytest.mark.parametrize("path", ["..", "../other", "/etc", "staging/../../x", ".git"])
def test_a_path_outside_the_repo_is_refused(repo: ConfigRepo, path: str) -> None:
    """`path` in headway.yaml cannot lead out of the repo."""
    with pytest.raises(UsageError):
        repo.tree(repo.head, path)


@pytest.mark.parametrize(
    ("name", "target", "said"),
    [
        ("staging/out.yaml", "../../secret.yaml", "a symbolic link out of the config repo"),
        ("staging/abs", "/etc/passwd", "a symbolic link out of the config repo"),
        ("staging/base", "../production", "a symbolic link to a folder"),
        ("staging/gone.yaml", "nowhere.yaml", "a symbolic link to nothing"),
        ("staging/self.yaml", "self.yaml", "a symbolic link to nothing"),
    ],
)
def test_a_link_that_leads_to_no_file_is_a_problem_of_its_own(
    repo: ConfigRepo, seeded: Remote, name: str, target: str, said: str
) -> None:
    """It is named, and the manifests beside it are read."""
    seeded.push({name: target}, modes={name: "120000"})
    tree = repo.tree(repo.fetch(), "staging")
    assert list(tree.files) == ["staging/app.yaml"]
    (problem,) = tree.problems
    assert (problem.file, said in problem.message) == (name, True), problem
    assert repo.index(tree)[-1].problems == (problem,)


def test_a_link_to_a_file_of_the_repo_is_followed(repo: ConfigRepo, seeded: Remote) -> None:
    """Through other links too; what it points to is what an edit changes."""
    seeded.push(
        {
            "base/web.yaml": DEPLOYMENT.format(7),
            "base/alias.yaml": "web.yaml",
            "staging/web.yaml": "../base/alias.yaml",
        },
        modes={"staging/web.yaml": "120000", "base/alias.yaml": "120000"},
    )
    tree = repo.tree(repo.fetch(), "staging")
    assert (list(tree.files), tree.problems) == (["staging/app.yaml", "staging/web.yaml"], ())
    app, web = repo.index(tree)
    assert (app.edited, web.edited, web.path) == ("", "base/web.yaml", "staging/web.yaml")
    assert web.manifests[0].object["metadata"]["name"] == "s7"


def test_what_is_ignored_is_not_read(repo: ConfigRepo, seeded: Remote) -> None:
    """`ignore:`, the root's .headwayignore and each folder's own, the nearest last; links and submodules too."""
    seeded.push(
        {
            ".headwayignore": "compose.yaml\nstaging/sub\n",
            "staging/.headwayignore": "/values.yaml\n!compose.yaml\n",
            "staging/values.yaml": "a: 1",
            "staging/compose.yaml": "a: 1",
            "staging/deep/compose.yaml": "a: 1",
            "staging/deep/values.yaml": "a: 1",
            "staging/deep/.headwayignore": "compose.yaml\n",
            "staging/kustomization.yaml": "a: 1",
            "staging/sub": "a" * 40,
            "production/compose.yaml": "a: 1",
        },
        modes={"staging/sub": "160000"},
    )
    tree = repo.tree(repo.fetch(), Place("staging", ("kustomization.yaml", "production/")))
    assert list(tree.files) == ["staging/app.yaml", "staging/compose.yaml", "staging/deep/values.yaml"]
    assert tree.problems == ()
    assert list(repo.tree(repo.head, "production").files) == ["production/app.yaml"]
    assert not repo.tree(repo.head, Place("production", ("production/",))).files


def test_an_environment_that_is_a_link_is_refused(repo: ConfigRepo, seeded: Remote) -> None:
    """The folder of an environment is a real one, all the way."""
    seeded.push({"prod": "production"}, modes={"prod": "120000"})
    head = repo.fetch()
    for path in ("prod", "prod/below"):
        with pytest.raises(UsageError, match="prod is a symbolic link"):
            repo.tree(head, path)
    with pytest.raises(UsageError, match="not a folder"):
        repo.tree(head, "staging/app.yaml")


def test_a_link_to_a_text_is_nobodys_business(repo: ConfigRepo, seeded: Remote) -> None:
    """A README that links to another one does not stop a release."""
    seeded.push(
        {"README.md": "x", "staging/README.md": "../README.md"}, modes={"staging/README.md": "120000"}
    )
    assert list(repo.tree(repo.fetch(), "staging").files) == ["staging/app.yaml"]


def test_a_submodule_among_manifests_is_a_problem(repo: ConfigRepo, seeded: Remote) -> None:
    """Its files are not in the config repo, so what should run is not there to read."""
    seeded.push({"staging/sub": "a" * 40}, modes={"staging/sub": "160000"})
    (problem,) = repo.tree(repo.fetch(), "staging").problems
    assert str(problem).startswith("staging/sub:1:1: this is a submodule")


@pytest.mark.parametrize(
    ("name", "unit", "kind"),
    [
        ("staging/kustomization.yaml", "staging", "kustomization"),
        ("staging/base/kustomization.yml", "staging/base", "kustomization"),
        ("staging/Kustomization", "staging", "kustomization"),
        ("staging/shop/Chart.yaml", "staging/shop", "chart"),
    ],
)
def test_a_folder_that_wants_rendering_is_a_unit(
    repo: ConfigRepo, seeded: Remote, name: str, unit: str, kind: str
) -> None:
    """Nothing in it is read as it stands: a patch would be applied as a whole object. What is beside it is."""
    seeded.push({name: "resources: []\n", f"{unit}/patch.yaml": "a: 1\n"})
    tree = repo.tree(repo.fetch(), "staging")
    assert [(it.path, it.kind, it.entry) for it in tree.units] == [(unit, kind, name)]
    assert list(tree.files) == ([] if unit == "staging" else ["staging/app.yaml"])
    assert list(repo.tree(repo.head, "production").files) == ["production/app.yaml"]


@pytest.mark.slow
def test_five_thousand_files_are_indexed_once(seeded: Remote, tmp_path: Path) -> None:
    """Only what has never been seen is read again: one file after one change, none in a new process."""
    seeded.push({f"staging/d{n % 50}/s{n}.yaml": DEPLOYMENT.format(n) for n in range(5000)})
    state = tmp_path / "state"
    with ConfigRepo.open(seeded.url, "main", state) as repo:
        indexes = repo.index(repo.tree(repo.fetch(), "staging"))
        assert len(indexes) == 5001
        assert sum(len(index.images) for index in indexes) == 5000
    seeded.push({"staging/d7/s7.yaml": DEPLOYMENT.format("seven")})
    with ConfigRepo.open(seeded.url, "main", state) as repo:
        tree = repo.tree(repo.fetch(), "staging")
        asked: list[str] = []
        read_many = repo._mirror.read_many

        def watched(shas):  # type: ignore[no-untyped-def]
            asked.extend(shas)
            return read_many(shas)

        repo._mirror.read_many = watched  # type: ignore[method-assign]
        again = repo.index(tree)
        assert asked == [tree.files["staging/d7/s7.yaml"]]
        assert [it for it in again if it.path != "staging/d7/s7.yaml"] == [
            it for it in indexes if it.path != "staging/d7/s7.yaml"
        ]
