"""The diff of a commit shows everything but the values of Secrets."""

from __future__ import annotations

import pytest

from headway.domain.manifests.secret_diff import CHANGED, UNREADABLE, changed_lines, masked, without_secrets

SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
WEB = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\ndata: {a: shown}\n"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (SECRET + "stringData: {a: hunter2}\n" + WEB, SECRET + "stringData: {a: (hidden)}\n" + WEB),
        (SECRET + "data:\n  a: 'aHVudGVyMg=='\n  b: x\n", SECRET + "data:\n  a: (hidden)\n  b: (hidden)\n"),
        (
            SECRET + "stringData:\n  a: |\n    hunter\n    two\ntype: x\n",
            SECRET + "stringData:\n  a: (hidden)\ntype: x\n",
        ),
        (
            '{"kind": "List", "items": [{"kind": "Secret", "data": {"a": "aHVudGVyMg=="}}, {"kind": "Pod"}]}',
            '{"kind": "List", "items": [{"kind": "Secret", "data": {"a": (hidden)}}, {"kind": "Pod"}]}',
        ),
        ("kind: ConfigMap\ndata: {a: shown}\n", "kind: ConfigMap\ndata: {a: shown}\n"),
        ("kind: Secret\nx: {unclosed\n", None),
    ],
)
def test_values_are_hidden(text: str, left: str | None) -> None:
    assert masked(text.encode()) == left


@pytest.mark.parametrize("diff", ["", "a line of no section\n"])
def test_a_diff_without_sections_is_itself(diff: str) -> None:
    """The first commit has none, and one that changes nothing."""
    assert without_secrets(diff, lambda _: b"", lambda _: b"") == diff


def test_that_only_values_changed_is_said() -> None:
    old, new = (SECRET + f"stringData: {{a: {it}}}\n" for it in ("hunter2", "hunter3"))
    assert changed_lines("s.yaml", old.encode(), new.encode())[-1] == CHANGED
    assert changed_lines("s.yaml", b"", b"kind: Secret\nx: {hunter2\n")[-1] == UNREADABLE
    assert not changed_lines("s.yaml", old.encode(), old.encode())


def test_only_the_sections_of_files_with_secrets_are_rewritten() -> None:
    def section(path: str, old: str, new: str) -> str:
        return f"diff --git a/{path} b/{path}\nindex 1..2 100644\n--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-{old}\n+{new}\n"

    web = section("web.yaml", "image: a", "image: b")
    files = {"web.yaml": b"kind: Pod\n", "s.yaml": (SECRET + "stringData: {a: hunter2}\n").encode()}
    shown = without_secrets(web + section("s.yaml", "a: hunter1", "a: hunter2"), lambda path: None, files.get)
    assert shown.startswith(web)
    assert "hunter" not in shown
    assert "+stringData: {a: (hidden)}" in shown
