"""What registries send when an image is pushed. Each function reads one sender's format."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from headway.domain.events.values import Events, ImagePushed, items, mapping, only, part, text, words
from headway.errors import UsageError

Headers = Mapping[str, str]


def distribution(body: Any, headers: Headers) -> Events:
    """Read a notification envelope of distribution, the reference registry (also GitLab's and others')."""
    found = []
    for event in items(mapping(body).get("events")):
        target = part(event, "target")
        tag, repository = text(part(target, "tag")), text(part(target, "repository"))
        if part(event, "action") != "push" or not (tag and repository):
            continue
        host = text(part(event, "request", "host"))
        name = f"{host}/{repository}" if host else repository
        found.append(ImagePushed(name, tag, text(part(target, "digest"))))
    return only(found)


def dockerhub(body: Any, headers: Headers) -> Events:
    """Read Docker Hub's webhook."""
    repository = text(part(mapping(body), "repository", "repo_name"))
    tag = text(part(body, "push_data", "tag"))
    return only([ImagePushed(f"docker.io/{repository}", tag)] if repository else [])


def harbor(body: Any, headers: Headers) -> Events:
    """Read Harbor's PUSH_ARTIFACT, in its own format or as a CloudEvent."""
    value = mapping(body)
    kind = text(value.get("type"))
    if kind not in ("PUSH_ARTIFACT", "pushImage", "harbor.artifact.pushed"):
        return Events()
    data = value.get("event_data") or value.get("data")
    found = []
    for each in items(part(data, "resources")):
        name, _, rest = text(part(each, "resource_url")).partition("@")
        head, colon, last = name.rpartition(":")
        repository = head if colon and "/" not in last else name
        if repository:
            tag = text(part(each, "tag"))
            found.append(
                ImagePushed(
                    repository, "" if tag.startswith("sha256:") else tag, text(part(each, "digest")) or rest
                )
            )
    return only(found)


def quay(body: Any, headers: Headers) -> Events:
    """Read Quay's repository push: one repository, some tags."""
    value = mapping(body)
    repository = text(value.get("docker_url"))
    tags = words(*items(value.get("updated_tags")))
    return only([ImagePushed(repository, tag) for tag in tags or ("",)] if repository else [])


def ecr(body: Any, headers: Headers) -> Events:
    """Read EventBridge's "ECR Image Action", plain or as a CloudEvent's data."""
    value = mapping(body)
    detail = value.get("detail")
    if detail is None and isinstance(value.get("data"), dict):
        inner = value["data"]
        value, detail = (inner, inner.get("detail")) if "detail" in inner else (value, inner)
    if part(detail, "action-type") != "PUSH" or part(detail, "result") not in ("SUCCESS", None):
        return Events()
    account, region = text(value.get("account")), text(value.get("region"))
    repository = text(part(detail, "repository-name"))
    if not repository:
        return Events()
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    host = f"{account}.dkr.ecr.{region}.{suffix}/" if account and region else ""
    tag, digest = text(part(detail, "image-tag")), text(part(detail, "image-digest"))
    return only([ImagePushed(host + repository, tag, digest)])


def gar(body: Any, headers: Headers) -> Events:
    """Read Google Artifact Registry's message, pushed by Pub/Sub with its data in base64."""
    value = mapping(body)
    data = part(value, "message", "data")
    if isinstance(data, str):
        try:
            value = mapping(json.loads(base64.b64decode(data, validate=True)), "message.data")
        except (binascii.Error, ValueError):
            raise UsageError("message.data: base64 of a JSON object is expected") from None
    if value.get("action") != "INSERT":
        return Events()
    digest_name, _, digest = text(value.get("digest")).partition("@")
    tagged = text(value.get("tag"))
    head, colon, last = tagged.rpartition(":")
    if colon and "/" not in last:
        return only([ImagePushed(head, last, digest)])
    return only([ImagePushed(digest_name, "", digest)] if digest_name else [])


def acr(body: Any, headers: Headers) -> Events:
    """Read Azure's own webhook, or Event Grid's events with their handshake."""
    found = []
    for value in body if isinstance(body, list) else [mapping(body)]:
        kind = text(part(value, "eventType")) or text(part(value, "type"))
        data = part(value, "data") if kind else value
        if kind == "Microsoft.EventGrid.SubscriptionValidationEvent":
            return Events(answer={"validationResponse": text(part(data, "validationCode"))})
        if kind and kind != "Microsoft.ContainerRegistry.ImagePushed":
            continue
        if not kind and part(value, "action") != "push":
            continue
        host = text(part(data, "request", "host"))
        repository = text(part(data, "target", "repository"))
        if repository:
            tag, digest = text(part(data, "target", "tag")), text(part(data, "target", "digest"))
            found.append(ImagePushed(f"{host}/{repository}" if host else repository, tag, digest))
    return only(found)
