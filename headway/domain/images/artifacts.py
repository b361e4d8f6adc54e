"""Tells an image that can be run from what else registries keep under a tag.

Signatures, attestations, charts and build caches are pushed beside images, as manifests of the same
form. Whether one is an image is said by the types of its configuration and layers (OCI image
specification, "Guidelines for Artifact Usage"), never by its tag.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from headway.domain.images.facts import INDEXES, is_index

IMAGE_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_CONFIGS = (
    "",  # Left out by some builders.
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.wasm.config.v0+json",
    "application/octet-stream",  # Docker before 1.11.
)
_LAYERS = (
    "application/vnd.oci.image.layer.",
    "application/vnd.docker.image.rootfs.",
    "application/vnd.wasm.",
    "application/vnd.bytecodealliance.wasm.",
    "application/wasm",
    "application/octet-stream",
)
_WORDS = (
    ("application/vnd.dev.cosign.simplesigning.", "a cosign signature"),
    ("application/vnd.dev.cosign.artifact.sig.", "a cosign signature"),
    ("application/vnd.dev.sigstore.bundle.", "a Sigstore signature or attestation"),
    ("application/vnd.cncf.notary.", "a Notary signature"),
    ("application/vnd.dsse.envelope.", "an attestation"),
    ("application/vnd.in-toto", "an attestation"),
    ("application/vnd.docker.attestation.", "an attestation"),
    ("application/vnd.cncf.helm.", "a Helm chart"),
    ("application/vnd.cncf.flux.", "a Flux artifact"),
    ("application/vnd.buildkit.cacheconfig.", "a build cache"),
    ("application/vnd.docker.plugin.", "a Docker plugin"),
    ("application/spdx", "a list of contents (SBOM)"),
    ("text/spdx", "a list of contents (SBOM)"),
    ("application/vnd.cyclonedx", "a list of contents (SBOM)"),
    ("application/vnd.syft", "a list of contents (SBOM)"),
    ("application/vnd.goharbor.harbor.sbom.", "a list of contents (SBOM)"),
)


def is_manifest(value: Any) -> bool:
    """Return whether a JSON value has the form of an image manifest or of an index."""
    if not isinstance(value, dict) or value.get("schemaVersion") != 2 or value["schemaVersion"] is True:
        return False
    return isinstance(value.get("config"), dict) or isinstance(value.get("manifests"), list)


def what_it_is(manifest: Mapping[str, Any]) -> str:
    """Return what a manifest describes where that is not an image; empty where it is one."""
    return _of_index(manifest) if is_index(manifest) else _of_manifest(manifest)


def _of_manifest(manifest: Mapping[str, Any]) -> str:
    config, own = _type(manifest.get("config")), _text(manifest.get("artifactType"))
    layers = [_type(each) for each in _list(manifest.get("layers"))]
    if config not in _CONFIGS:
        return _named([*layers, own, config], own or config)
    if layers and not any(it.startswith(_LAYERS) or not it for it in layers):
        return _named([*layers, own], own or layers[0])
    return ""


def _of_index(index: Mapping[str, Any]) -> str:
    listed = [it for it in _list(index.get("manifests")) if isinstance(it, dict)]
    others: list[str] = []
    for each in listed:
        kind, artifact = _type(each), _text(each.get("artifactType"))
        annotations = each.get("annotations")
        attached = isinstance(annotations, dict) and "vnd.docker.reference.type" in annotations
        if attached:
            others.append("application/vnd.docker.attestation.")
        elif artifact not in _CONFIGS:
            others.append(artifact)
        elif kind in ("", *IMAGE_MANIFESTS, *INDEXES):
            return ""
        else:
            others.append(kind)
    own = _text(index.get("artifactType"))
    return _named([own, *reversed(others)], own) if own or others else "an index without an image"


def _named(types: Iterable[str], otherwise: str) -> str:
    for kind in types:
        for prefix, words in _WORDS:
            if kind.startswith(prefix):
                return words
    return f"an artifact of the type {otherwise[:100]}" if otherwise else "an index without an image"


def _type(part: Any) -> str:
    return _text(part.get("mediaType")) if isinstance(part, dict) else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
