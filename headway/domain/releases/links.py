"""Pages for people: where a commit of a repo can be read."""

from __future__ import annotations

import re

from headway.domain.text.addresses import host_and_path

_FORMS = (
    (r"(^|\.)gitlab", "/-/commit/"),
    (r"(^|\.)bitbucket", "/commits/"),
    (r"(^|\.)(github|gitea|forgejo|codeberg)", "/commit/"),
)


def commit_page(repo: str, commit: str, pattern: str = "") -> str:
    """Return the address of a commit's page; empty where the host is none that is known.

    `pattern` is an address with {commit} in it and wins. Logins in the repo's URL are left out.
    """
    if pattern:
        return pattern.replace("{commit}", commit)
    host, path = host_and_path(repo)
    for name, form in _FORMS:
        if re.search(name, host):
            return f"https://{host}/{path}{form}{commit}"
    return ""
