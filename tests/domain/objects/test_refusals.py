"""Which answers of an API server judge an object, in the words that API servers use."""

from __future__ import annotations

import pytest

from headway.domain.objects.refusals import is_verdict, may_be_verdict, next_step

VERDICTS = {
    "schema": (
        500,
        "failed to create typed patch object (/s; /v1, Kind=ConfigMap): .data.a: expected string, got &value",
    ),
    "unknown field": (
        500,
        "failed to create typed patch object (/s; /v1, Kind=ConfigMap): .foo: field not declared in schema",
    ),
    "strict decoding": (
        400,
        'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "x"',
    ),
    "invalid": (422, 'ConfigMap "S_2" is invalid: metadata.name: Invalid value: "S_2"'),
    "immutable": (422, 'Job.batch "j" is invalid: spec.template: Invalid value: field is immutable'),
    "too large": (413, "Request entity too large: limit is 3145728"),
    "webhook 403": (403, 'admission webhook "policy.example.com" denied the request: image is not signed'),
    "webhook 400": (400, 'admission webhook "validate.kyverno.svc-fail" denied the request: no latest'),
    "policy": (
        422,
        "secrets \"s\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
    ),
    "policy with reason Forbidden": (
        403,
        "secrets \"s\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
    ),
    "pod security": (
        403,
        'pods "p" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
    ),
    "limit range": (403, 'pods "p" is forbidden: maximum cpu usage per Container is 1, but limit is 2'),
    "quota wants a request": (
        403,
        'pods "p" is forbidden: failed quota: q: must specify requests.cpu for: a',
    ),
}
NO_VERDICTS = {
    "login expired": (401, "Unauthorized"),
    "right missing": (
        403,
        'deployments.apps "web" is forbidden: User "ci" cannot patch resource "deployments" in API group "apps"',
    ),
    "right to grant": (
        403,
        'roles.rbac.authorization.k8s.io "r" is forbidden: user "ci" (groups=["system:authenticated"]) '
        "is attempting to grant RBAC permissions not currently held",
    ),
    "quota is full": (
        403,
        'configmaps "s" is forbidden: exceeded quota: q, requested: count/configmaps=1, used: 1',
    ),
    "namespace ends": (
        403,
        'configmaps "s" is forbidden: unable to create new content in namespace x because it is being terminated',
    ),
    "service account is not there yet": (
        403,
        'pods "p" is forbidden: error looking up service account x/default',
    ),
    "namespace missing": (404, 'namespaces "x" not found'),
    "busy": (429, "too many requests"),
    "webhook is away": (
        500,
        'Internal error occurred: failed calling webhook "w": failed to call webhook: Post "https://w": '
        "dial tcp 127.0.0.1:9: connect: connection refused",
    ),
    "conversion webhook is away": (500, "conversion webhook for x.dev/v1, Kind=X failed: Post: EOF"),
    "etcd": (500, "etcdserver: request timed out"),
    "gateway": (502, "Bad Gateway"),
    "starting": (503, "apiserver not ready"),
}


@pytest.mark.parametrize(("code", "said"), VERDICTS.values(), ids=VERDICTS)
def test_what_rejects_the_object(code: int, said: str) -> None:
    """The API server or an admission plugin looked at the object and refused it."""
    assert is_verdict(code, said, is_status=True)


@pytest.mark.parametrize(("code", "said"), VERDICTS.values(), ids=VERDICTS)
def test_a_proxys_page_rejects_nothing(code: int, said: str) -> None:
    """Whatever a body says that is no Kubernetes Status, the API server did not say it."""
    assert not is_verdict(code, said, is_status=False)
    assert not may_be_verdict(code, said, is_status=False)


@pytest.mark.parametrize(("code", "said"), NO_VERDICTS.values(), ids=NO_VERDICTS)
def test_what_says_nothing_of_the_object(code: int, said: str) -> None:
    """Rights, logins, quotas, load and connections: not even when they repeat."""
    assert not is_verdict(code, said, is_status=True)
    assert not may_be_verdict(code, said, is_status=True)


def test_bad_base64_is_a_verdict_once_it_repeats() -> None:
    """The API server answers 500 to what it cannot decode, each time in the same words."""
    said = (
        "failed to convert new object (/s; /v1, Kind=Secret) to proper version: unable to convert unstructured "
        "object to /v1, Kind=Secret: error decoding from json: illegal base64 data at input byte 0"
    )
    assert not is_verdict(500, said, is_status=True)
    assert may_be_verdict(500, said, is_status=True)


@pytest.mark.parametrize(
    ("code", "said", "step"),
    [
        (
            500,
            'Internal error occurred: failed calling webhook "pods.example.com": failed to call webhook: Post '
            '"https://hook.example.svc:443/?timeout=10s": context deadline exceeded',
            "the admission webhook pods.example.com does not answer",
        ),
        (
            500,
            "conversion webhook for bugs.example.com/v1, Kind=Gadget failed: connection refused",
            "the conversion webhook of the kind Gadget (bugs.example.com/v1)",
        ),
        (500, "etcdserver: request timed out", "etcd is slow"),
        (503, "the server is currently unable to handle the request", "kubectl get apiservices"),
        (
            403,
            'configmaps "a" is forbidden: unable to create new content in namespace x because it is being terminated',
            "its namespace is being deleted",
        ),
        (409, "the object has been modified", "somebody else changes the object"),
        (429, "too many requests", "the API server is busy"),
        (503, "", "the API server is busy or starting"),
    ],
)
def test_what_to_do_follows_from_the_cause(code: int, said: str, step: str) -> None:
    """A webhook that is slow is not a busy API server."""
    assert step in next_step(code, said)
