"""Images that HelmReleases, Applications and other engines' objects say are seen, and changed in place."""

from __future__ import annotations

import pytest

from headway.domain.images.reference import ImageRef
from headway.domain.manifests.edits import splice
from headway.domain.manifests.index import index_file

D1, D2 = ("sha256:" + it * 64 for it in "12")
NEW = f"2.0@{D2}"
HELM = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: users}\nspec:\n  values:\n"
ARGO = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: users}\nspec:\n  source:\n"
CASES = {
    "repository and tag": (
        HELM + "    image:\n      repository: r.io/users\n      tag: '1.0' # by hand\n",
        "r.io/users:1.0",
        {"tag: '1.0'": "tag: '2.0'"},
    ),
    "registry, and a digest that is empty": (
        HELM + '    a: {image: {registry: r.io, repository: users, tag: v1, digest: ""}}\n',
        "r.io/users:v1",
        {"tag: v1": 'tag: "2.0"', 'digest: ""': f'digest: "{D2}"'},
    ),
    "the whole reference": (
        HELM + f"    image: r.io/users:1.0@{D1}\n",
        f"r.io/users:1.0@{D1}",
        {f"1.0@{D1}": NEW},
    ),
    "values as text": (
        ARGO + "    helm:\n      values: |\n        image:\n          repository: r.io/users\n          tag: v1\n",
        "r.io/users:v1",
        {"tag: v1": 'tag: "2.0"'},
    ),
    "values as an object": (
        ARGO + "    helm:\n      valuesObject:\n        image: {repository: r.io/users, tag: v1}\n",
        "r.io/users:v1",
        {"tag: v1": 'tag: "2.0"'},
    ),
    "parameters": (
        ARGO + "    helm:\n      parameters:\n      - {name: image.tag, value: v1}\n"
        "      - {name: image.repository, value: r.io/users}\n",
        "r.io/users:v1",
        {"value: v1": 'value: "2.0"'},
    ),
    "images of kustomize": (
        ARGO + "    kustomize:\n      images:\n      - users=r.io/users:v1\n",
        "r.io/users:v1",
        {"users=r.io/users:v1": f'"users=r.io/users:{NEW}"'},
    ),
    "images of Flux": (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: users}\nspec:\n"
        "  images:\n  - name: users\n    newName: r.io/users\n    newTag: v1\n",
        "r.io/users:v1",
        {"newTag: v1": f"newTag: {NEW}"},
    ),
    "a chart in a registry": (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: users}\nspec:\n"
        "  sources: [{repoURL: r.io/charts, chart: users, targetRevision: 1.2.0}, {repoURL: 'https://g.it/x', targetRevision: v1}]\n",
        "r.io/charts/users:1.2.0",
        {"targetRevision: 1.2.0": 'targetRevision: "2.0"'},
    ),
    "an OCI source": (
        ARGO + f"    {{repoURL: 'oci://r.io/users', targetRevision: '{D1}', path: .}}\n",
        f"r.io/users@{D1}",
        {D1: D2},
    ),
    "K3s' HelmChart": (
        "apiVersion: helm.cattle.io/v1\nkind: HelmChart\nmetadata: {name: users}\nspec:\n  valuesContent: |-\n"
        "    image:\n      repository: r.io/users\n      tag: v1\n",
        "r.io/users:v1",
        {"tag: v1": 'tag: "2.0"'},
    ),
    "an OCI artifact": (
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: users}\nspec:\n"
        f"  url: oci://r.io/users\n  ref: {{tag: v1, digest: '{D1}'}}\n",
        f"r.io/users:v1@{D1}",
        {"tag: v1": 'tag: "2.0"', D1: D2},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_image_is_seen_and_changed_in_place(case: str) -> None:
    text, image, changes = CASES[case]
    (site,) = index_file(text.encode()).at("a.yaml").images
    assert site.image.text == image
    assert site.uses[0].name == "users"
    assert {it.path for it in site.parts} == {"a.yaml"}
    new = site.spell(ImageRef.parse(f"r.io/users:{NEW}"))
    wanted = text
    for old, then in changes.items():
        assert wanted.count(old) == 1
        wanted = wanted.replace(old, then)
    assert splice(text.encode(), site.writes(new)).decode() == wanted


@pytest.mark.parametrize(
    "text",
    [
        HELM + "    image: {repository: r.io/users}\n",
        ARGO + "    {repoURL: 'https://charts.io', chart: users, targetRevision: 1.2.0}\n",
        ARGO + "    {repoURL: r.io/charts, chart: users, targetRevision: '>=1 <2'}\n",
        ARGO + "    {repoURL: git@g.it:x.git, targetRevision: main}\n",
        HELM + "    tag: '1.0'\n",
        HELM + "    image: nginx\n",
        HELM.replace("helm.toolkit.fluxcd.io", "example.com")
        + "    image: {repository: r.io/users, tag: v1}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {repository: r.io/users, tag: v1}\n",
    ],
)
def test_what_says_no_image_is_left_alone(text: str) -> None:
    assert index_file(text.encode()).images == ()
