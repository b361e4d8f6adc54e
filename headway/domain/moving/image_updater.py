"""Argo CD Image Updater: annotations of Applications, and ImageUpdater objects, as tag rules.

(Documentation of argocd-image-updater, "Images" and "Update strategies".) A regular expression is searched
for in the tag there; without a constraint `semver` takes pre-releases too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headway.domain.moving.found import Found, Rule, repository_name
from headway.domain.moving.patterns import EVERY_VERSION, Untranslatable, path_glob, versions, whole_tag

if TYPE_CHECKING:
    from headway.domain.moving.argocd import Application

PREFIX = "argocd-image-updater.argoproj.io/"
_ENTRY = re.compile(
    r"(?:(?P<alias>[^=,]+)=)?(?P<image>(?:[^:/,]+(?::\d+)?/)?[^:,@]+)(?::(?P<constraint>.+))?"
)
_STRATEGIES = {"latest": "newest-build", "name": "alphabetical", "": "semver"}
_OF_IMAGES = ("update-strategy", "allow-tags", "ignore-tags", "platforms", "force-update", "pull-secret")


def read_annotations(application: Application, pointer: str, found: Found) -> None:
    """Add what the annotations of an application say about the images of its folder."""
    meta = application.value.get("metadata")
    written = meta.get("annotations") if isinstance(meta, dict) else None
    said = {
        str(key).removeprefix(PREFIX): str(it)
        for key, it in (written.items() if isinstance(written, dict) else ())
        if str(key).startswith(PREFIX)
    }
    if "image-list" not in said:
        return

    def place(key: str) -> Any:
        return application.place("metadata", "annotations", PREFIX + key)

    used = {"image-list"}
    by = f"image-list of {application.title}"
    if not pointer:
        found.leave(place("image-list"), f"{by}: its folder is not in this repo")
        return
    for entry in split_list(said["image-list"]):
        parsed = _ENTRY.fullmatch(entry)
        if parsed is None:
            found.leave(place("image-list"), f"{by}: {entry} is no image")
            continue
        alias = (parsed["alias"] or "").replace("/", "_")
        options = {}
        for name in _OF_IMAGES:
            for key in ([f"{alias}.{name}"] if alias else []) + [name]:
                if key in said and name not in options:
                    options[name] = said[key]
                    used.add(key)
        try:
            tags = image_tags(parsed["constraint"] or "", options)
        except Untranslatable as error:
            found.leave(place("image-list"), f"{by}: {entry}: {error}; write a tag rule by hand")
            continue
        if "pull-secret" in options:
            found.leave(
                place("image-list"), f"{by}: pull-secret: headway takes logins from Docker's config.json"
            )
        found.rule(Rule(repository_name(parsed["image"]), tags, place("image-list"), by, (), True, pointer))
    _write_back(application, said, used, found)


def _write_back(application: Application, said: Mapping[str, str], used: set[str], found: Found) -> None:
    def place(key: str) -> Any:
        return application.place("metadata", "annotations", PREFIX + key)

    method = said.get("write-back-method", "argocd")
    if method.partition(":")[0] != "git":
        found.leave(
            place("write-back-method" if "write-back-method" in said else "image-list"),
            f"{application.title}: the images that run are parameters of the Application in the cluster, not in the "
            "repo: write them into the manifests or values before headway takes over",
        )
    for key in ("git-branch", "git-repository", "write-back-target"):
        if key not in said:
            continue
        hint = {
            "git-branch": "headway commits to the branch in HEADWAY_BRANCH, without pull requests",
            "git-repository": "headway commits to the repo that holds headway.yaml",
            "write-back-target": "headway changes the place that says the image; move what is in "
            ".argocd-source files into it",
        }[key]
        found.leave(place(key), f"{application.title}: {key}: {hint}")
    known = re.compile(r"(?:.*\.)?(?:helm|kustomize)\..*|write-back.*|git-.*")
    for key in said.keys() - used:
        if not known.fullmatch(key):
            found.leave(place(key), f"{application.title}: {key}: no image of image-list has this alias")


def split_list(text: str) -> list[str]:
    """Return the entries of a list with commas; a comma inside of a constraint belongs to it."""
    parts: list[str] = []
    for part in text.split(","):
        part = part.strip()
        if parts and re.match(r"[<>=~^!]|\d+(?:\.|$)", part):
            parts[-1] += f", {part}"
        elif part:
            parts.append(part)
    return parts


def image_tags(constraint: str, options: Mapping[str, str]) -> dict[str, Any]:
    """Return how an image is chosen as the keys of a tag rule; raise Untranslatable."""
    strategy = options.get("update-strategy", "")
    strategy = _STRATEGIES.get(strategy, strategy)
    allowed = _allowed(options.get("allow-tags", "any"))
    tags: dict[str, Any]
    if strategy == "semver":
        within = versions(constraint) if constraint else EVERY_VERSION
        tags = {"match": allowed, "range": within} if allowed else {"match": f"semver:{within}"}
    elif strategy == "newest-build":
        tags = {"match": allowed or "glob:*", "order": "created"}
    elif strategy == "alphabetical":
        tags = {"match": allowed or "glob:*", "order": "alphabetical"}
    elif strategy == "digest":
        if not constraint:
            raise Untranslatable("the strategy digest needs a tag")
        tags = {"match": f"exact:{constraint}"}
    else:
        raise Untranslatable(f"{strategy} is no strategy")
    ignored = [path_glob(it.strip()) for it in options.get("ignore-tags", "").split(",") if it.strip()]
    if ignored:
        tags["ignore"] = ignored
    platforms = [it.strip() for it in options.get("platforms", "").split(",") if it.strip()]
    if len(platforms) > 1:
        raise Untranslatable(f"one of several platforms ({', '.join(platforms)}); a tag rule names one")
    if platforms:
        tags["platform"] = platforms[0]
    return tags


def _allowed(text: str) -> str:
    """Return the word of `allow-tags`; empty where all are allowed."""
    if text in ("", "any"):
        return ""
    kind, _, rest = text.partition(":")
    if kind != "regexp":
        raise Untranslatable(f"allow-tags: {text} is neither any nor regexp:")
    return whole_tag(rest)
