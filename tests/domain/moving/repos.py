"""Small repos as other tools' users have them, for the tests of moving in."""

from __future__ import annotations

from textwrap import dedent

from headway.domain.config.reading import Config, load_config
from headway.domain.moving.application import Application
from headway.domain.moving.proposal import Proposal, propose
from headway.domain.moving.writing import write


def repo(text: str) -> dict[str, bytes]:
    """Return the files of a text in which `=== PATH` begins each."""
    found: dict[str, bytes] = {}
    for part in dedent(text).split("=== ")[1:]:
        path, _, content = part.partition("\n")
        found[path.strip()] = content.encode()
    return found


def deployment(image: str, name: str = "web", *, more: str = "", container: str = "app") -> str:
    """Return a Deployment with one container; `more` stands in its metadata."""
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n{more}"
        "spec:\n  template:\n    spec:\n      containers:\n"
        f"      - name: {container}\n        image: {image}\n"
    )


def proposed(found: dict[str, bytes], name: str = "shop") -> Proposal:
    """Return what is proposed for files."""
    return propose(found, name)


def only(found: dict[str, bytes]) -> Application:
    """Return the one application that is proposed for files."""
    proposal = propose(found, "shop")
    assert len(proposal.applications) == 1, [it.root for it in proposal.applications]
    application = proposal.applications[0]
    application.root = ""
    return application


def written(found: dict[str, bytes]) -> Config:
    """Return the headway.yaml that is proposed for files, as headway reads it."""
    return load_config(write(only(found)).encode())


def left(found: dict[str, bytes]) -> list[str]:
    """Return what could not be carried over, as it is told."""
    proposal = propose(found, "shop")
    return [str(it) for app in proposal.applications for it in app.left_out] + [
        str(it) for it in proposal.left_out
    ]
