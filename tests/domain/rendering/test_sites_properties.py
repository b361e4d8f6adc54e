"""Over generated kustomizations and charts: one scalar changes, exactly those images change, and back is every byte."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headway.domain.releases.plans import plan_as_it_was
from headway.domain.releases.recorded import bare
from headway.domain.rendering.effect import described, unwanted
from tests.domain.rendering.test_sites import CONFIG, D1, changed_values, indexed, released
from tests.units import Unit

TAGS = st.sampled_from(
    ["1.0", "v1", "1.2.3", "7", "1e3", "0123", "true", "sha-1f3c9ab", "2024-01-01", "1.0-slim"]
)
QUOTES = st.sampled_from(["{}", "'{}'", '"{}"'])
COMMENTS = st.sampled_from(["", "  # by hand", "   # 1.0 'and \" so"])
ENDS = st.sampled_from(["\n", "", "\n# end\n", "\n\n"])
NEWLINES = st.sampled_from(["\n", "\r\n"])
FEW = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))


def quoted(draw: st.DrawFn, tag: str) -> str:
    """Write a tag so that it is text."""
    plain = (tag[0].isalpha() and tag != "true") or tag.count(".") == 2 or tag.endswith("slim")
    return draw(QUOTES if plain else st.sampled_from(["'{}'", '"{}"'])).format(tag)


def workload(name: str, image: str) -> str:
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  template:\n    spec:\n"
        f"      containers:\n      - name: {name}\n        image: {image}\n"
    )


@st.composite
def kustomizations(draw: st.DrawFn) -> Unit:
    """An overlay over a base, each service's image said in one of the ways there are."""
    tags = {"users": draw(TAGS), "orders": draw(TAGS)}
    step, comment = draw(st.sampled_from(["", "  "])), draw(COMMENTS)
    files = {"base/kustomization.yaml": "resources: [users.yaml, orders.yaml]\n"}
    overlay, images, patches = ["resources:", f"{step}- ../base{comment}"], [], []
    for name, tag in tags.items():
        way = draw(st.sampled_from(["base", "entry", "flow", "digest", "patch", "file", "json"]))
        old = f"r.io/shop/{name}:{draw(TAGS) if way != 'base' else tag}"
        image, said = f"r.io/shop/{name}:{tag}", quoted(draw, tag)
        files[f"base/{name}.yaml"] = workload(name, old)
        if way == "entry":
            images += [f"{step}- name: r.io/shop/{name}", f"{step}  newTag: {said}{comment}"]
        elif way == "flow":
            images += [f"{step}- {{newTag: {said}, name: r.io/shop/{name}}}"]
        elif way == "digest":
            images += [f"{step}- name: r.io/shop/{name}", f"{step}  newTag: {said}", f"{step}  digest: {D1}"]
        elif way == "patch":
            text = workload(name, draw(QUOTES).format(image)).replace("\n", f"\n{step}    ").rstrip(" ")
            patches += [
                f"{step}- patch: |{draw(st.sampled_from(['', '-']))}",
                f"{step}    {text}".rstrip("\n"),
            ]
        elif way == "file":
            files[f"staging/{name}.yaml"] = workload(name, image)
            patches += [f"{step}- path: {name}.yaml{comment}"]
        elif way == "json":
            patches += [
                f"{step}- target: {{kind: Deployment, name: {name}}}",
                f"{step}  patch: |-",
                f"{step}    - op: replace",
                f"{step}      path: /spec/template/spec/containers/0/image",
                f"{step}      value: {image}",
            ]
    parts = draw(
        st.permutations([["images:", *images] if images else [], ["patches:", *patches] if patches else []])
    )
    text = "\n".join([*overlay, *parts[0], *parts[1]]) + draw(ENDS)
    files["staging/kustomization.yaml"] = text.replace("\n", draw(NEWLINES))
    return Unit({path: data.encode() for path, data in files.items()}, "staging")


def holds(unit: Unit, new: str) -> None:
    indexes, before = indexed(unit), unit.render()
    plan = released(unit, indexes, users=new)
    lines = changed_values(unit.files, plan.files)
    assert len(lines) == 1 or (len(lines) == 2 and any("digest:" in it for it in lines))
    after = unit.render(plan.files)
    moved = {(it.old.text, it.new.text) for it in plan.changes}
    moved |= {(bare(it.old).text, bare(it.new).text) for it in plan.changes}
    assert moved
    assert list(described(unwanted(before.objects, after.objects, moved))) == []
    later = Unit(_with(unit.files, plan.files), unit.root, unit.values)
    there = indexed(later)
    back = plan_as_it_was(
        CONFIG,
        "staging",
        "base",
        list(there),
        list(indexes),
        later.files.__getitem__,
        ["users"],
        "",
        unit.files.get,
    )
    assert _with(later.files, back.files) == unit.files


def _with(files: Mapping[str, bytes], changed: Mapping[str, bytes]) -> dict[str, bytes]:
    return {**files, **changed}


@pytest.mark.slow
@FEW
@given(kustomizations(), TAGS.map(lambda it: it + "9"))
def test_a_release_of_one_service_in_a_kustomization(unit: Unit, new: str) -> None:
    holds(unit, new)


@st.composite
def charts(draw: st.DrawFn) -> Unit:
    """A chart of two services, each with its image said in one of the ways there are."""
    files = {"chart/Chart.yaml": f"apiVersion: v2\nname: shop\nversion: 0.1.0\nappVersion: {draw(TAGS)!r}\n"}
    values, comment = [], draw(COMMENTS)
    for name in ("users", "orders"):
        tag = draw(TAGS)
        said = quoted(draw, tag)
        way = draw(st.sampled_from(["whole", "apart", "flow", "registry", "digest", "template", "label"]))
        image = f"{{{{ .Values.{name}.image.repository }}}}:{{{{ .Values.{name}.image.tag }}}}"
        repository, more = f"r.io/shop/{name}", ""
        if way == "whole":
            image = f"{{{{ .Values.{name} | quote }}}}"
            values += [f"{name}: {draw(QUOTES).format(f'{repository}:{tag}')}{comment}"]
        elif way == "flow":
            values += [f"{name}: {{image: {{tag: {said}, repository: {repository}}}}}{comment}"]
        elif way == "template":
            image = f"{repository}:{tag}"
        else:
            if way == "registry":
                image = f"{{{{ .Values.{name}.image.registry }}}}/" + image
                repository, more = f"shop/{name}", "\n    registry: r.io"
            elif way == "digest":
                image += f"@{{{{ .Values.{name}.image.digest }}}}"
                more = f"\n    digest: {D1}"
            values += [f"{name}:\n  image:\n    repository: {repository}{more}\n    tag: {said}{comment}"]
        text = workload(name, f"'{image}'" if way != "whole" else image)
        if way == "label":
            text = text.replace(
                "metadata: {", f"metadata: {{labels: {{v: '{{{{ .Values.{name}.image.tag }}}}'}}, "
            )
        files[f"chart/templates/{name}.yaml"] = text
    files["chart/values.yaml"] = ("\n".join(values) + draw(ENDS)).replace("\n", draw(NEWLINES))
    return Unit({path: data.encode() for path, data in files.items()}, "chart")


@pytest.mark.slow
@FEW
@given(charts(), TAGS.map(lambda it: it + "9"))
def test_a_release_of_one_service_in_a_chart(unit: Unit, new: str) -> None:
    holds(unit, new)
