"""Keel: annotations or labels of workloads that say which versions are released, and who approves them.

Its policies are relative to the tag that runs: `minor` means the same major version. A pre-release is taken
only where it is called as the running one is, unless `keel.sh/matchPreRelease` is false.
"""

from __future__ import annotations

import re
from typing import Any

from headway.domain.moving.documents import Document, Repo, at
from headway.domain.moving.found import Approvals, Found, Rule, repository_name, split_image
from headway.domain.moving.patterns import EVERY_VERSION, Untranslatable, simple_glob, whole_tag
from headway.domain.moving.workloads import containers
from headway.domain.rules.semver import version_key, why_not

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.\d+(?:-([^+]*))?.*")
_OLD = "keel.observer/"


def read_keel(repo: Repo, found: Found) -> None:
    """Add what Keel's annotations and labels say."""
    for document in repo.objects(b"keel.sh/", b"keel.observer/"):
        said: dict[str, tuple[str, str]] = {}
        for holder in ("labels", "annotations"):
            values = at(document.value, "metadata", holder)
            for key, value in values.items() if isinstance(values, dict) else ():
                if str(key).startswith(("keel.sh/", _OLD)):
                    said[str(key).partition("/")[2]] = (
                        str(value).lower() if value in (True, False) else str(value),
                        holder,
                    )
        if said:
            _workload(document, said, found)


def _workload(document: Document, said: dict[str, tuple[str, str]], found: Found) -> None:
    policy = said.get("policy", ("", ""))[0]
    by = f"keel.sh/policy of {document.title}"

    def place(key: str) -> Any:
        holder = said[key][1]
        values = at(document.value, "metadata", holder) or {}
        whole = next((it for it in values if str(it).partition("/")[2] == key), key)
        return document.place("metadata", holder, whole)

    if "approvals" in said and said["approvals"][0].isdigit():
        hours = said.get("approvalDeadline", ("", ""))[0]
        found.approvals.append(
            Approvals(
                int(said["approvals"][0]),
                place("approvals"),
                f"keel.sh/approvals of {document.title}",
                document.file,
                int(hours) if hours.isdigit() else 24,
            )
        )
    for key, hint in _LEFT.items():
        if key in said:
            found.leave(place(key), f"keel.sh/{key} of {document.title}: {hint}")
    if not policy or policy == "never":
        return
    wanted = said.get("monitorContainers", ("", ""))[0]
    # Init containers are followed where an annotation says so.
    inits = said.get("initContainers", ("false", ""))[0] == "true"
    for container in containers(document):
        if (container.init and not inits) or (wanted and not re.search(wanted, container.name)):
            continue
        split = split_image(container.image)
        if split is None:
            continue
        strict = said.get("matchPreRelease", ("true", ""))[0] != "false"
        same = said.get("match-tag", said.get("matchTag", ("false", "")))[0] == "true"
        try:
            tags = policy_tags(policy, split[1] or "latest", pre_releases=strict, same_tag=same)
        except Untranslatable as error:
            found.leave(place("policy"), f"{by}: {error}")
            continue
        found.rule(Rule(repository_name(split[0]), tags, place("policy"), by, (document.file,), True))


_LEFT = {
    "pollSchedule": "headway scans on the schedule of `watch-registry`",
    "notify": "say who is notified with `notify` in headway.yaml",
    "releaseNotes": "has no equal",
}


def policy_tags(
    policy: str, tag: str, *, pre_releases: bool = True, same_tag: bool = False
) -> dict[str, Any]:
    """Return a policy as the keys of a tag rule, for a workload that runs a tag; raise Untranslatable.

    `pre_releases` says that those of other names than the running one's are left out.
    """
    if policy == "force":
        if same_tag:
            return {"match": f"exact:{tag}"}
        raise Untranslatable(
            "force takes whatever tag was pushed last; write a tag rule that says which is newer"
        )
    if policy.startswith(("glob:", "regexp:")):
        kind, _, rest = policy.partition(":")
        word = simple_glob(rest) if kind == "glob" else whole_tag(rest)
        raise Untranslatable(
            f"Keel takes the matching tag that was pushed last; say what makes one newer, for example "
            f"tags: {{match: {word!r}, order: created}}"
        )
    if policy not in ("all", "major", "minor", "patch"):
        raise Untranslatable(f"{policy} is no policy of Keel's")
    if version_key(tag) is None:
        raise Untranslatable(f"the running tag {tag} {why_not(tag)}, and {policy} is relative to it")
    found = _VERSION.fullmatch(tag)
    assert found is not None
    major, minor, pre = int(found[1]), int(found[2]), found[3]
    if policy == "all":
        return {"match": f"semver:{EVERY_VERSION}"}
    if pre_releases and pre:
        said = {"major": "*", "minor": f"{major}.x", "patch": f"{major}.{minor}.x"}[policy]
        return {"match": rf"regex:(?P<semver>[^-]*)-{re.escape(pre)}", "range": said}
    if pre_releases:
        return {
            "match": {
                "major": "semver:*",
                "minor": f"semver:{major}.x",
                "patch": f"semver:{major}.{minor}.x",
            }[policy]
        }
    return {
        "match": {
            "major": f"semver:{EVERY_VERSION}",
            "minor": f"semver:>={major}.0.0-0 <{major + 1}.0.0-0",
            "patch": f"semver:>={major}.{minor}.0-0 <{major}.{minor + 1}.0-0",
        }[policy]
    }
