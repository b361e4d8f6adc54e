"""The list of commands in `headway --help`, in groups by what people want to do."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

GROUPS = {
    "Release": (
        "release",
        "promote",
        "rollback",
        "deliver",
        "build",
        "ci",
        "approve",
        "reject",
        "cancel",
    ),
    "Inspect": (
        "status",
        "where",
        "why",
        "diff",
        "plan",
        "images",
        "history",
        "show",
        "metrics",
        "audit",
    ),
    "Hold back": ("lock", "unlock", "veto", "unveto", "automate", "deautomate"),
    "Cluster": ("reconcile", "rebuild", "set-image"),
    "Run": ("watch", "serve", "worker", "notify"),
    "Set up": ("init", "lint", "adopt", "doctor", "token"),
}


class Grouped(TyperGroup):
    """Commands that are listed in groups."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the groups."""
        return [it for names in GROUPS.values() for it in names]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each group with its commands and the first sentence of each."""
        width = max(map(len, self.commands))
        for title, names in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [
                        (it.ljust(width), self.commands[it].get_short_help_str(formatter.width - 6 - width))
                        for it in names
                    ]
                )
