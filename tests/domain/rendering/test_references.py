"""What kustomizations and charts name, and what kustomize would fetch."""

from __future__ import annotations

import pytest

from headway.domain.rendering.references import (
    chart_references,
    config_references,
    is_remote,
    kustomization_references,
)
from headway.domain.rendering.unit import joined


@pytest.mark.parametrize(
    ("written", "remote"),
    [
        ("https://example.com/x.yaml", True),
        ("HTTPS://example.com/x.yaml", True),
        ("git::https://example.com/x", True),
        ("ssh://git@example.com/x", True),
        ("file:///etc", True),
        ("git@github.com:a/b", True),
        ("github.com/a/b", True),
        ("GitHub.com/a/b//c?ref=v1", True),
        ("a/b?ref=main", True),
        ("../base", False),
        ("github.company/base", False),
        ("my-github.com/base", False),
        ("icons/a@2x.png", False),
        ("base", False),
    ],
)
def test_what_kustomize_may_fetch_is_known_by_its_form(written: str, remote: bool) -> None:
    """Also where a folder of that name is there: kustomize does not look."""
    assert is_remote(written) is remote


KUSTOMIZATION = b"""\
resources: [a.yaml, ../base]
components: [../part]
patchesStrategicMerge: [sm.yaml, "kind: A\\nb: c"]
patches:
- {path: p.yaml, target: {kind: A}}
- {patch: "[]"}
patchesJson6902: [{path: j.yaml}]
configMapGenerator: [{name: c, files: [k=c.txt, d.txt], envs: [e.env], env: f.env, literals: [a=b]}]
secretGenerator: [{name: s, files: [s.txt]}]
replacements: [{path: r.yaml}, {source: {}}]
generators: [g.yaml]
transformers: ["kind: X\\nmetadata: {}"]
openapi: {path: o.json}
crds: [crd.json]
configurations: [n.yaml]
helmGlobals: {chartHome: home}
helmCharts: [{name: redis, valuesFile: v.yaml, additionalValuesFiles: [w.yaml]}]
"""


def test_every_key_that_names_a_file_is_read() -> None:
    """YAML that is written in place and literals name none."""
    found = kustomization_references(KUSTOMIZATION)
    assert {(it.role, it.written) for it in found.found} == {
        ("any", "a.yaml"), ("any", "../base"), ("base", "../part"), ("file", "sm.yaml"), ("file", "p.yaml"),
        ("file", "j.yaml"), ("file", "c.txt"), ("file", "d.txt"), ("file", "e.env"), ("file", "f.env"),
        ("file", "s.txt"), ("file", "r.yaml"), ("config", "g.yaml"), ("file", "o.json"), ("file", "crd.json"),
        ("file", "n.yaml"), ("chart", "home/redis"), ("file", "v.yaml"), ("file", "w.yaml"),
    }  # fmt: skip
    assert (found.problems, found.with_helm, found.component) == ((), True, False)
    assert next((it.line, it.column) for it in found.found if it.written == "p.yaml") == (5, 10)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"resources: [", "not YAML"),
        (b"helmChartInflationGenerator: [{chartName: a}]", "write helmCharts instead"),
        (b"\xff", "this is not UTF-8 text"),
    ],
)
def test_what_is_wrong_is_a_problem_with_its_place(data: bytes, said: str) -> None:
    """Nothing is raised."""
    (problem,) = kustomization_references(data).problems
    assert said in problem.message


def test_a_generator_that_runs_a_program_is_refused() -> None:
    """kustomize would start it; what it names besides is read."""
    data = (
        b"kind: A\nmetadata:\n  annotations:\n    config.kubernetes.io/function: 'exec: {path: ./run}'\n"
        b"files: [k=x.txt]\nspec: {path: y.yaml}\n"
    )
    found = config_references(data)
    assert [it.written for it in found.found] == ["x.txt", "y.yaml"]
    assert found.problems[0].line == 4


def test_a_charts_dependencies_are_local_or_in_its_folder() -> None:
    """`file://` is a folder, anything else must lie in charts/."""
    found = chart_references(
        b"type: library\ndependencies:\n- {name: a, repository: 'file://../a'}\n- {name: b, repository: 'oci://x/y'}\n- {name: c}\n"
    )
    assert [(it.role, it.written) for it in found.found] == [("base", "../a"), ("chart", "b"), ("chart", "c")]
    assert found.component


@pytest.mark.parametrize(
    ("folder", "written", "path"),
    [
        ("a/b", "../../base", "base"),
        ("a", "..", ""),
        ("a", "../..", None),
        ("", "../x", None),
        ("a", "/etc/passwd", None),
        ("a", "./b//c/", "a/b/c"),
    ],
)
def test_no_path_leads_out_of_the_repo(folder: str, written: str, path: str | None) -> None:
    """However it is written."""
    assert joined(folder, written) == path


@pytest.mark.parametrize(
    ("chart", "path", "command"),
    [
        ("name: redis", "charts/redis", "helm pull redis --untar --untardir charts"),
        (
            "name: redis, repo: 'https://charts.example.com'",
            "charts/redis",
            "helm pull redis --repo https://charts.example.com --untar --untardir charts",
        ),
        (
            "name: redis, repo: 'https://charts.example.com', version: 1.2.3",
            "charts/redis-1.2.3/redis",
            "helm pull redis --repo https://charts.example.com --version 1.2.3 --untar --untardir charts/redis-1.2.3",
        ),
        (
            "name: redis, repo: 'oci://r.io/charts/', version: 1.2.3",
            "charts/redis-1.2.3/redis",
            "helm pull oci://r.io/charts/redis --version 1.2.3 --untar --untardir charts/redis-1.2.3",
        ),
    ],
)
def test_a_chart_lies_where_kustomize_looks_for_it(chart: str, path: str, command: str) -> None:
    """Were it elsewhere, kustomize would fetch it; the command puts it there."""
    (found,) = kustomization_references(f"helmCharts: [{{{chart}}}]".encode()).found
    assert (found.written, found.vendor) == (path, command)


@pytest.mark.parametrize("kind", ["HelmChartInflationGenerator", "ChartInflator"])
def test_a_generator_that_fetches_a_chart_is_refused(kind: str) -> None:
    """In a file of its own, and as text in the kustomization."""
    own = f"apiVersion: builtin\nkind: {kind}\nname: redis\nrepo: https://charts.example.com\n"
    (problem,) = config_references(own.encode()).problems
    assert "write helmCharts in the kustomization" in problem.message
    (problem,) = kustomization_references(
        f"generators:\n- |-\n  {own.replace(chr(10), chr(10) + '  ')}\n".encode()
    ).problems
    assert (problem.line, "write helmCharts in the kustomization" in problem.message) == (2, True)


def test_what_a_generator_would_fetch_is_refused() -> None:
    """In a file of its own at its line, and as text in the kustomization where that begins; a path in an object is none."""
    own = (
        "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: c}\n"
        "files: [a.txt, k=https://example.com/a.txt]\nfieldSpecs: [{path: metadata/name}]\n"
    )
    (problem,) = config_references(own.encode()).problems
    assert (problem.line, problem.column) == (4, 16)
    assert problem.message.startswith("https://example.com/a.txt is remote")
    inside = own.replace("\n", "\n  ")
    (problem,) = kustomization_references(f"generators:\n- |\n  {inside}\n".encode()).problems
    assert problem.line == 2
    assert problem.message.startswith("https://example.com/a.txt is remote")
