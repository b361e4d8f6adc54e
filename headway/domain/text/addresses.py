"""The address of a Git repo: what the usual spellings of its URL have in common.

A person with SSH, a worker with HTTPS and a host's webhook name one repo in three ways. Its address is its host and
path, or the path of a folder: without scheme, login, port and `.git`. So it may be shown and written down anywhere.
"""

from __future__ import annotations

import re

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:]*)(?::.*)?", re.DOTALL)
_SCP = re.compile(r"(?:[^:/]*@)?(\[[^\]]*\]|[^:/@]*):(.*)", re.DOTALL)
# Git reads `host:22/a` as a path on that host; people write a port like this where two more names follow.
_PORT = re.compile(r"([^:/@]+):\d+/([^/]+/.+)", re.DOTALL)


def host_and_path(url: str) -> tuple[str, str]:
    """Return a repo's host in small letters, and its path without `.git`; of a folder, no host and its path."""
    text = url.strip()
    if scheme := _SCHEME.match(text):
        authority, slash, path = text[scheme.end() :].partition("/")
        found = _AUTHORITY.fullmatch(authority.rpartition("@")[2])
        host, path = found[1] if found else "", slash + path
    elif ":" not in text.partition("/")[0]:
        # Git's own rule: without a colon before the first slash it is a folder.
        host, path = "", text
    elif port := _PORT.fullmatch(text):
        host, path = port[1], port[2]
    else:
        found = _SCP.fullmatch(text)
        host, path = (found[1], found[2]) if found else ("", text)
    path = path.rstrip("/").removesuffix(".git").rstrip("/")
    return host.lower(), path.lstrip("/") if host else path


def repo_address(url: str) -> str:
    """Return what the spellings of a repo's URL have in common: `git.example.com/shop/config`, `/srv/config`."""
    host, path = host_and_path(url)
    return f"{host}/{path}" if host else path


def same_repo(one: str, other: str) -> bool:
    """Return whether two URLs name one repo, whatever the scheme, the login, the port and `.git`."""
    return repo_address(one) == repo_address(other)


def repo_folder(url: str) -> str:
    """Return the folder of this machine that a URL names, as it names it; empty where it names none."""
    text = url.strip()
    if text[:7].lower() == "file://":
        return text[7:] if text[7:8] == "/" else ""
    return text if ":" not in text.partition("/")[0] else ""
