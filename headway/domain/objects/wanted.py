"""What is sent to the cluster for a manifest: the manifest, without what the server alone writes.

Manifests are often copied out of a cluster; their status, uid, resourceVersion and
the like are dropped. Nothing else is changed but for headway's labels, and a
Secret's `stringData`, which becomes `data`: the server never gives stringData back,
so it could be neither compared nor taken away. What is no text there was refused
when the file was read (`shape`).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from headway.domain.objects.identity import split_api_version
from headway.domain.objects.ordering import built_in

REPLACE_ANNOTATION = "headway.dev/replace"
PRUNE_ANNOTATION = "headway.dev/prune"
_ESCAPE = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\.")
_SERVERS_OWN = frozenset(
    {
        "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation",
        "managedFields", "resourceVersion", "selfLink", "uid", "generateName", "namespace",
    }
)  # fmt: skip


def prepare(item: Mapping[str, Any], labels: Mapping[str, str], namespace: str) -> dict[str, Any]:
    """Make the object to apply; `namespace` is empty for what lives in none, and the manifest stays as it is."""
    group, _ = split_api_version(str(item["apiVersion"]))
    body = {name: value for name, value in item.items() if name != "status"}
    if built_in(group):
        body = _without_nulls(body)
    meta = {name: value for name, value in body["metadata"].items() if name not in _SERVERS_OWN}
    meta["labels"] = {**(meta.get("labels") or {}), **labels}
    if namespace:
        meta["namespace"] = namespace
    body["metadata"] = meta
    if body.get("kind") == "Secret" and not group and "stringData" in body:
        said = body.pop("stringData") or {}
        body["data"] = {
            **(body.get("data") or {}),
            **{name: base64.b64encode(text.encode()).decode() for name, text in said.items()},
        }
    return body


def apply_body(item: Mapping[str, Any]) -> bytes:
    """Return an object as the body of a server-side apply.

    The API server reads it as YAML, which knows no escapes in surrogate pairs and no bare control
    characters: so characters beyond U+FFFF stand as they are, and all others beyond ASCII as escapes.
    """
    return _ESCAPE.sub(_astral, json.dumps(item)).encode()


def _astral(escape: re.Match[str]) -> str:
    return str(json.loads(f'"{escape[0]}"')) if len(escape[0]) == 12 else escape[0]


def to_be_replaced(item: Mapping[str, Any]) -> bool:
    """Return whether the manifest allows its object to be deleted and recreated."""
    annotations = (item.get("metadata") or {}).get("annotations") or {}
    return annotations.get(REPLACE_ANNOTATION) == "true"


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value
