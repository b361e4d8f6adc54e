"""What goes into the config repo and what came of it: the values of one push to its branch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ProposedCommit:
    """What a release would commit: files (None: removed), whole folders set to a tree, and by whom."""

    message: str
    files: Mapping[str, bytes | None] = field(default_factory=dict)
    trees: Mapping[str, str] = field(default_factory=dict)
    author: str = "headway"


@dataclass(frozen=True, slots=True)
class Published:
    """A release's commit; `head` is the branch's newest, `already` says that it was there before."""

    commit: str
    head: str
    already: bool = False
    tries: int = 1
