"""What Git hosts send: pushes, and images where they are registries too. Each function reads one sender's format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headway.domain.events.values import (
    Event,
    Events,
    GitPushed,
    ImagePushed,
    branch_of,
    items,
    mapping,
    only,
    part,
    text,
    words,
)
from headway.errors import UsageError

Headers = Mapping[str, str]


def github(body: Any, headers: Headers) -> Events:
    """Read GitHub's push, and its package events for images."""
    value = mapping(body)
    kind = headers.get("x-github-event", "")
    if kind in ("package", "registry_package"):
        return _github_package(value.get(kind), value.get("action"))
    if kind not in ("push", ""):
        return Events()
    return _push(value, value.get("ref"), value.get("after"), value.get("repository"))


def _github_package(package: Any, action: Any) -> Events:
    version = part(package, "package_version")
    container = text(part(package, "package_type")).upper() == "CONTAINER"
    if action not in ("published", "updated") or not container:
        return Events()
    tag = text(part(version, "container_metadata", "tag", "name"))
    digest = text(part(version, "container_metadata", "tag", "digest"))
    url = text(part(version, "package_url")).removeprefix("https://")
    head, colon, last = url.rpartition(":")
    repository = head if colon and "/" not in last else url
    if not repository:
        owner, name = text(part(package, "namespace")), text(part(package, "name"))
        repository = f"ghcr.io/{owner}/{name}" if owner and name else ""
    return only([ImagePushed(repository.lower(), tag, digest)] if repository else [])


def gitlab(body: Any, headers: Headers) -> Events:
    """Read GitLab's push hook; its registry sends distribution's notifications."""
    value = mapping(body)
    if value.get("object_kind") != "push":
        return Events()
    return _push(
        value, value.get("ref"), value.get("checkout_sha"), value.get("project") or value.get("repository")
    )


def gitea(body: Any, headers: Headers) -> Events:
    """Read Gitea's and Forgejo's push, and their package events for images."""
    value = mapping(body)
    kind = headers.get("x-gitea-event") or headers.get("x-forgejo-event") or ""
    if kind == "package":
        package = value.get("package")
        if value.get("action") != "created" or part(package, "type") != "container":
            return Events()
        owner, name = text(part(package, "owner", "login")), text(part(package, "name"))
        host = text(part(package, "html_url")).partition("://")[2].partition("/")[0]
        if not (owner and name and host):
            return Events()
        version = text(part(package, "version"))
        tag = "" if version.startswith("sha256:") else version
        return only([ImagePushed(f"{host}/{owner}/{name}".lower(), tag)])
    if kind not in ("push", ""):
        return Events()
    return _push(value, value.get("ref"), value.get("after"), value.get("repository"))


def bitbucket(body: Any, headers: Headers) -> Events:
    """Read repo:push of Bitbucket Cloud, and repo:refs_changed of its server."""
    value = mapping(body)
    repository = value.get("repository")
    found: list[Event] = []
    links = items(part(repository, "links", "clone"))
    urls = words(
        *(part(it, "href") for it in links),
        part(repository, "links", "html", "href"),
        part(repository, "links", "self", "href") if not links else None,
    )
    for change in items(part(value, "push", "changes")):
        new = part(change, "new")
        if part(new, "type") == "branch" and urls:
            found.append(GitPushed(urls, text(part(new, "name")), text(part(new, "target", "hash"))))
    for change in items(value.get("changes")):
        branch = branch_of(part(change, "ref", "id"))
        if branch and urls and part(change, "type") != "DELETE":
            found.append(GitPushed(urls, branch, text(part(change, "toHash"))))
    return only(found)


def generic(body: Any, headers: Headers) -> Events:
    """Read headway's own format: {"image": "repo:tag"}, {"images": […]}, {"git": "url", "branch": "main"}."""
    value = mapping(body)
    named = [*items(value.get("images")), *([value["image"]] if "image" in value else [])]
    if not named and "git" not in value:
        raise UsageError(
            "image, images or git is missing", hint='for example {"image": "registry.example.com/web:1.2"}'
        )
    found: list[Event] = []
    for each in named:
        name, _, digest = text(each).partition("@")
        head, colon, last = name.rpartition(":")
        tagged = bool(colon) and "/" not in last
        if not name:
            raise UsageError("an image is text such as registry.example.com/web:1.2")
        found.append(ImagePushed(head if tagged else name, last if tagged else "", digest))
    if "git" in value:
        if not text(value["git"]):
            raise UsageError("git is the URL of a repo, as text")
        found.append(GitPushed((text(value["git"]),), text(value.get("branch")), text(value.get("commit"))))
    return only(found)


def _push(value: Any, ref: Any, commit: Any, repository: Any) -> Events:
    branch = branch_of(ref)
    keys = (
        "clone_url",
        "ssh_url",
        "git_url",
        "html_url",
        "git_http_url",
        "git_ssh_url",
        "http_url",
        "url",
        "web_url",
    )
    urls = words(*(part(repository, key) for key in keys))
    # A branch that was deleted has nothing to look at.
    if not (branch and urls) or (isinstance(commit, str) and set(commit) == {"0"}):
        return Events()
    return only([GitPushed(urls, branch, text(commit))])
