"""The command that puts a chart into the config repo, for people to run."""

from __future__ import annotations


def helm_pull(name: str, version: str, repo: str = "", folder: str = "") -> str:
    """Return the `helm pull` of a chart, unpacked into a folder; `repo` may be a registry's too, or be in the name."""
    words = ["helm", "pull"]
    if repo.startswith("oci://"):
        words.append(f"{repo.rstrip('/')}/{name}")
    else:
        words += [name, *(["--repo", repo] if repo else [])]
    words += ["--version", version] if version else []
    return " ".join([*words, "--untar", *(["--untardir", folder] if folder else [])])
