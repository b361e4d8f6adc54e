"""Why a kind is unknown: each cause has its own remedy, and no other is named."""

from __future__ import annotations

import pytest

from headway.domain.objects.kinds import why_unknown

SERVED = [
    ("v1", "Service"),
    ("apps/v1", "Deployment"),
    ("batch/v1", "CronJob"),
    ("networking.k8s.io/v1", "Ingress"),
    ("serving.knative.dev/v1", "Service"),
    ("argoproj.io/v1alpha1", "Rollout"),
]


@pytest.mark.parametrize(
    ("api_version", "kind", "says"),
    [
        ("batch/v1beta1", "CronJob", "it has CronJob in batch/v1; change apiVersion"),
        ("extensions/v1beta1", "Ingress", "it has Ingress in networking.k8s.io/v1; change apiVersion"),
        ("policy/v1beta1", "PodSecurityPolicy", "this version of Kubernetes has not got it"),
        ("apps/v1", "Deploymnet", "did you mean Deployment?"),
        ("argoproj.io/v1alpha1", "AnalysisRun", "is its CRD installed?"),
        ("argoproj.io/v1", "Rollout", "it has Rollout in argoproj.io/v1alpha1; change apiVersion"),
        ("example.com/v1", "Service", "is its CRD installed? There is a Service in v1 and serving.knative"),
        ("example.com/v1", "Gadget", "is its CRD installed?"),
    ],
)
def test_the_remedy_fits_the_cause(api_version: str, kind: str, says: str) -> None:
    """Removed, moved, misspelled and custom kinds are told apart."""
    said = why_unknown(api_version, kind, SERVED)
    assert said.startswith(f"the cluster has no kind {kind} in {api_version}")
    assert says in said
    if "change apiVersion" in says or "has not got" in says:
        assert "CRD" not in said
