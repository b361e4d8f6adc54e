"""What `headway init` finds in each form of repo, with the real tools and without them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from headway.operations.moving import drafts_of
from tests.rendering import RenderingTools
from tests.units import TREES, tree

FORMS = sorted(it.stem for it in TREES.glob("*.txtar"))


def written(folder: Path, name: str) -> Path:
    for path, data in tree(name).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def images(folder: Path) -> set[str]:
    """Return the images of the services that are proposed for a repo."""
    (draft,), _ = drafts_of(folder, "shop", every=False)
    return {it.repository for it in draft.application.services.values()}


@pytest.fixture
def _tools(rendering_tools: RenderingTools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWAY_KUSTOMIZE", str(rendering_tools.kustomize))
    monkeypatch.setenv("HEADWAY_HELM", str(rendering_tools.helm))


@pytest.mark.usefixtures("_tools")
@pytest.mark.parametrize("form", FORMS)
def test_the_services_of_every_form_are_found(tmp_path: Path, form: str) -> None:
    found = images(written(tmp_path, form))
    assert "r.io/shop/users" in found
    assert found <= {"r.io/shop/users", "r.io/shop/orders"}


@pytest.mark.usefixtures("_tools")
def test_an_image_of_what_is_switched_off_is_none(tmp_path: Path) -> None:
    """A value that no template uses says an image, but nothing runs it."""
    written(tmp_path, "values-whole")
    values = tmp_path / "chart/values.yaml"
    values.write_text(values.read_text() + "debug:\n  image: r.io/shop/debugger:9\n")
    assert "r.io/shop/debugger" not in images(tmp_path)


def test_without_the_tool_the_sources_are_read_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWAY_HELM", str(tmp_path / "missing"))
    folder = written(tmp_path / "repo", "values-whole")
    _, proposal = drafts_of(folder, "shop", every=False)
    assert images(folder) == {"r.io/shop/users"}
    (problem,) = proposal.problems
    assert str(problem).startswith("chart/Chart.yaml:1:1: not rendered here, so its images are a guess: ")


def test_a_missing_tool_is_one_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWAY_KUSTOMIZE", str(tmp_path / "missing"))
    folder = written(tmp_path / "repo", "images-new-tag")
    for name in ("qa", "production"):
        shutil.copytree(folder / "staging", folder / name)
    _, proposal = drafts_of(folder, "shop", every=False)
    (problem,) = proposal.problems
    assert problem.file == "production/kustomization.yaml"
    assert problem.message.endswith("; the same for 2 more")


@pytest.mark.usefixtures("_tools")
def test_what_does_not_render_is_named(tmp_path: Path) -> None:
    folder = written(tmp_path, "values-whole")
    template = folder / "chart/templates/broken.yaml"
    template.write_text("kind: {{ .Values.missing.name }}\n")
    _, proposal = drafts_of(folder, "shop", every=False)
    (problem,) = proposal.problems
    assert problem.file == "chart/templates/broken.yaml"
    assert images(folder) == {"r.io/shop/users"}
