"""Images in fields that are no containers: of known kinds, and as headway.yaml names them; changed in place."""

from __future__ import annotations

import pytest

from headway.domain.images.reference import ImageRef
from headway.domain.manifests.edits import splice
from headway.domain.manifests.image_fields import KNOWN, ImageField, ImageFields
from headway.domain.manifests.image_kinds import KINDS
from headway.domain.manifests.index import index_file

D2 = "sha256:" + "2" * 64
NEW = f"2.0@{D2}"


def manifest(version: str, kind: str, rest: str, name: str = "app") -> bytes:
    return f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}}}\n{rest}\n".encode()


def seen(data: bytes, fields: ImageFields = KNOWN) -> list[tuple[str, str]]:
    return [(use.container, it.image.text) for it in index_file(data, fields).images for use in it.uses]


FOUND = {
    "Prometheus": ("monitoring.coreos.com/v1", "Prometheus", "spec: {image: 'r.io/x:1'}", "spec.image"),
    "a sidecar of Alertmanager": (
        "monitoring.coreos.com/v1", "Alertmanager", "spec: {containers: [{name: a, image: 'r.io/x:1'}]}",
        "spec.containers[?name=a].image",
    ),
    "KServe": (
        "serving.kserve.io/v1beta1", "InferenceService", "spec: {predictor: {model: {image: 'r.io/x:1'}}}",
        "spec.predictor.model.image",
    ),
    "Strimzi": ("kafka.strimzi.io/v1beta2", "Kafka", "spec: {kafka: {image: 'r.io/x:1'}}", "spec.kafka.image"),
    "CNPG": ("postgresql.cnpg.io/v1", "Cluster", "spec: {imageName: 'r.io/x:1'}", "spec.imageName"),
    "ECK": ("kibana.k8s.elastic.co/v1", "Kibana", "spec: {image: 'r.io/x:1'}", "spec.image"),
    "Tekton": (
        "tekton.dev/v1", "Task", "spec: {steps: [{name: go, image: 'r.io/x:1'}, {image: $(params.image)}]}",
        "spec.steps[?name=go].image",
    ),
    "a pipeline's own task": (
        "tekton.dev/v1", "Pipeline", "spec: {tasks: [{name: t, taskSpec: {steps: [{image: 'r.io/x:1'}]}}]}",
        "spec.tasks[?name=t].taskSpec.steps[0].image",
    ),
    "Argo Workflows": (
        "argoproj.io/v1alpha1", "WorkflowTemplate", "spec: {templates: [{name: t, container: {image: 'r.io/x:1'}}]}",
        "spec.templates[?name=t].container.image",
    ),
    "a CronWorkflow's script": (
        "argoproj.io/v1alpha1", "CronWorkflow", "spec: {workflowSpec: {templates: [{script: {image: 'r.io/x:1'}}]}}",
        "spec.workflowSpec.templates[0].script.image",
    ),
    "Knative": (
        "serving.knative.dev/v1", "Service", "spec: {template: {spec: {containers: [{image: 'r.io/x:1'}]}}}", "",
    ),
    "JobSet": (
        "jobset.x-k8s.io/v1alpha2", "JobSet",
        "spec: {replicatedJobs: [{name: w, template: {spec: {template: {spec: {containers: [{image: 'r.io/x:1'}]}}}}}]}",
        "spec.replicatedJobs[?name=w].template.spec.template.spec.containers[0].image",
    ),
    "Ray": (
        "ray.io/v1", "RayCluster", "spec: {headGroupSpec: {template: {spec: {containers: [{image: 'r.io/x:1'}]}}}}",
        "spec.headGroupSpec.template.spec.containers[0].image",
    ),
    "ImageStream": (
        "image.openshift.io/v1", "ImageStream",
        "spec: {tags: [{name: '1', from: {kind: DockerImage, name: 'r.io/x:1'}}, {from: {kind: ImageStreamTag, name: 'a:1'}}]}",
        "spec.tags[?from.kind=DockerImage].from.name",
    ),
    "an operator nobody knows": ("example.com/v1", "Thing", "spec: {image: 'r.io/x:1'}", "spec.image"),
    "image and tag apart": (
        "example.com/v1", "Thing", "spec: {image: {repository: r.io/x, tag: '1'}}", "spec.image.repository",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FOUND)
def test_common_kinds_work_without_a_word(case: str) -> None:
    version, kind, rest, place = FOUND[case]
    assert seen(manifest(version, kind, rest)) == [(place, "r.io/x:1")]


@pytest.mark.parametrize(
    ("version", "kind", "rest"),
    [
        ("example.com/v1", "Machine", "spec: {image: ubuntu}"),
        ("example.com/v1", "Machine", "spec: {image: {repository: r.io/x}}"),
        ("v1", "ConfigMap", "data: {image: 'r.io/x:1'}"),
        ("example.com/v1", "Thing", "spec: {image: '{{inputs.image}}:1'}"),
        ("example.com/v1", "Thing", "spec: {image: [a, b]}"),
        ("example.com/v1", "Thing", "spec: text"),
    ],
)
def test_what_says_no_image_is_left_alone(version: str, kind: str, rest: str) -> None:
    assert seen(manifest(version, kind, rest)) == []


OWN = {
    "a ConfigMap's value": (
        ImageField.of("ConfigMap", "data.IMAGE", name="runner"),
        manifest("v1", "ConfigMap", 'data:\n  IMAGE: "r.io/x:1" # by hand', "runner"),
        {'"r.io/x:1"': f'"r.io/x:{NEW}"'},
    ),
    "a variable of a container": (
        ImageField.of("Deployment", "spec.template.spec.containers[*].env[?name=SIDECAR].value"),
        manifest("apps/v1", "Deployment",
                 "spec: {template: {spec: {containers: [{name: c, image: 'a:1', env: [{name: SIDECAR, value: r.io/x:1}]}]}}}"),
        {"value: r.io/x:1": f"value: r.io/x:{NEW}"},
    ),
    "a tag alone": (
        ImageField.of("Thing.example.com", "spec.run[*].repo", tag="spec.run[*].version"),
        manifest("example.com/v1", "Thing", "spec:\n  run:\n  - {repo: other, version: 7}\n  - {version: 1.1, repo: r.io/x}"),
        {"version: 1.1": 'version: "2.0"'},
    ),
    "a tag and a digest": (
        ImageField.of("Thing", "spec.repo", tag="spec.v.tag", digest="spec.v.digest"),
        b"\xef\xbb\xbf" + manifest("example.com/v1", "Thing", 'spec: {repo: r.io/x, v: {tag: a, digest: ""}}'),
        {"tag: a": 'tag: "2.0"', 'digest: ""': f'digest: "{D2}"'},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OWN)
def test_what_headway_yaml_names_is_changed_in_place(case: str) -> None:
    """The value changes, and not a byte beside it; without the rule nothing is seen there."""
    field, data, changes = OWN[case]
    sites = [it for it in index_file(data, ImageFields((field,))).images if "r.io/x" in it.image.text]
    assert not [it for it in index_file(data).images if "r.io/x" in it.image.text]
    (site,) = sites
    new = site.spell(ImageRef.parse(f"r.io/x:{NEW}"))
    wanted = data.decode()
    for old, then in changes.items():
        assert wanted.count(old) == 1
        wanted = wanted.replace(old, then)
    edits = list(site.writes(new)) if site.parts else [(site, new.text)]
    assert splice(data, edits).decode() == wanted


def test_an_image_in_a_block_of_text_is_a_mention_and_holds_nothing_up() -> None:
    """It cannot be edited there, and whoever applied it before goes on applying it."""
    index = index_file(manifest("example.com/v1", "Thing", "spec:\n  image: >-\n    r.io/x:1"))
    assert (index.images, index.problems) == ((), ())
    assert [it.image.text for it in index.mentions] == ["r.io/x:1"]


def test_a_rule_is_for_its_kind_group_and_name() -> None:
    data = manifest("v1", "ConfigMap", "data: {IMAGE: 'r.io/x:1'}", "runner")
    for field, found in (
        (ImageField.of("ConfigMap", "data.IMAGE"), 1),
        (ImageField.of("ConfigMap", "data.IMAGE", name="runner"), 1),
        (ImageField.of("ConfigMap", "data.IMAGE", name="other"), 0),
        (ImageField.of("ConfigMap.example.com", "data.IMAGE"), 0),
        (ImageField.of("Other", "data.IMAGE"), 0),
        (ImageField.of("ConfigMap", "data.image"), 0),
    ):
        fields = ImageFields((field,))
        assert len(seen(data, fields)) == found
        assert fields.unused(it.object for it in index_file(data).manifests) == ([] if found else [0])


def test_a_field_that_two_rules_find_is_one_site() -> None:
    """A rule for what is known already, or for a container's image, makes no second place to edit."""
    fields = ImageFields(
        (
            ImageField.of("Prometheus", "spec.image"),
            ImageField.of("Pod", "spec.containers[*].image"),
            ImageField.of("HelmRelease", "spec.values.image"),
        )
    )
    for data in (
        manifest("monitoring.coreos.com/v1", "Prometheus", "spec: {image: 'r.io/x:1'}"),
        manifest("v1", "Pod", "spec: {containers: [{name: c, image: 'r.io/x:1'}]}"),
        manifest("helm.toolkit.fluxcd.io/v2", "HelmRelease", "spec: {values: {image: 'r.io/x:1'}}"),
    ):
        assert len(index_file(data, fields).images) == 1


def test_rules_have_a_key_that_says_what_they_find() -> None:
    """What other rules have read is not what these would find; no rule of one's own is no key."""
    one, two = ImageField.of("A", "spec.x"), ImageField.of("A", "spec.y")
    keys = {ImageFields(it).key for it in ((), (one,), (two,), (one, two))}
    assert len(keys) == 4
    assert ImageFields().key == ""
    assert ImageFields((one, two)).key == ImageFields((two, one)).key


def test_every_row_of_the_table_can_be_read() -> None:
    for group, rows in KINDS.items():
        for kinds in rows:
            for kind in kinds.split():
                assert list(KNOWN.of({"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "a"}}))
