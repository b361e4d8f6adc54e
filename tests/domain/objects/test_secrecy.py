"""No value of a Secret is in a message, however the API server words it."""

from __future__ import annotations

import base64

import pytest

from headway.domain.objects.secrecy import is_secret, redacted, without_values

LONG = "correct-horse-battery-staple"


def secret(**more: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, **more}


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("sent", "said", "left"),
    [
        # As server-side apply quotes a value of a wrong type.
        (
            secret(stringData={"pin": 80_421_337}),
            "failed to create typed patch object (shop/db; /v1, Kind=Secret): .stringData.pin: expected string, "
            "got &value.valueUnstructured{Value:80421337}",
            "failed to create typed patch object (shop/db; /v1, Kind=Secret): .stringData.pin: expected string, "
            "got &value.valueUnstructured{Value:(hidden)",
        ),
        # As Go's JSON decoder quotes what stands around a mistake.
        (
            secret(data={"a": 5}),
            'ReadString: expects " or n, but found 5, error found in #10 byte of ...|a":5,"b":"aHVudGVyMg=="}...',
            'ReadString: expects " or n, but found (hidden), error found in (hidden)',
        ),
        # As an admission webhook may word it: plain, in base64, escaped, in part.
        (secret(stringData={"p": "hunter2"}), "denied: hunter2 is weak", "denied: (hidden) is weak"),
        (secret(data={"p": b64("hunter2")}), "denied: hunter2 is weak", "denied: (hidden) is weak"),
        (secret(stringData={"p": LONG}), f"denied: {b64(LONG)} is weak", "denied: (hidden) is weak"),
        (secret(stringData={"p": LONG}), "denied: correct-horse-b... is weak", "denied: (hidden)... is weak"),
        (secret(stringData={"p": 'a"b\nc'}), r'denied: "a\"b\nc" is weak', 'denied: "(hidden)" is weak'),
        (secret(stringData={"p": "abc"}), "abc, fabcd", "(hidden), fabcd"),
        # A misspelt key, a wrong shape, and a kind of somebody's own.
        (secret(stringDate={"p": "hunter2"}), "hunter2?", "(hidden)?"),
        (secret(data="hunter2"), "hunter2?", "(hidden)?"),
        (secret(data=[{"p": ["hunter2"]}]), "hunter2?", "(hidden)?"),
        (
            {"kind": "SopsSecret", "spec": {"secretTemplates": [{"stringData": {"p": "hunter2"}}]}},
            "hunter2?",
            "(hidden)?",
        ),
        (
            secret(
                metadata={
                    "annotations": {
                        "kubectl.kubernetes.io/last-applied-configuration": '{"data": {"p": "hunter2hunter2"}}'
                    }
                }
            ),
            "hunter2hunter2?",
            "(hidden)?",
        ),
        ({"kind": "List", "items": [secret(stringData={"p": "hunter2"})]}, "hunter2?", "(hidden)?"),
        # Names stay, and so does what is said of anything else.
        (
            secret(stringData={"password": LONG}),
            'Secret "db" is invalid: data[password]: too long',
            'Secret "db" is invalid: data[password]: too long',
        ),
        ({"kind": "ConfigMap", "data": {"p": "hunter2"}}, "hunter2?", "hunter2?"),
        (None, "hunter2?", "hunter2?"),
        ("odd", "hunter2?", "hunter2?"),
    ],
)
def test_a_message_loses_every_value(sent: object, said: str, left: str) -> None:
    assert redacted(said, sent) == left


def test_what_is_quoted_is_hidden_where_the_body_is_not_known() -> None:
    said = "got &value.valueUnstructured{Value:5}"
    assert redacted(said, None, secret=True) == "got &value.valueUnstructured{Value:(hidden)"
    assert redacted(said, None) == said


@pytest.mark.parametrize(("kind", "yes"), [("Secret", True), ("SealedSecret", True), ("ConfigMap", False)])
def test_kinds_that_hold_secrets(kind: str, yes: bool) -> None:
    assert is_secret({"kind": kind}) is yes


def test_a_log_loses_the_values_of_secrets() -> None:
    """As they stand and in base64; what is too short to be told from other words stays."""
    lines = [f"connect postgres://shop:{LONG}@db", f"header {b64(LONG)}", "exit 1", "nothing"]
    known = secret(data={"password": b64(LONG)}, stringData={"port": "1"})
    assert without_values(lines, [known]) == (
        "connect postgres://shop:(hidden)@db", "header (hidden)", "exit 1", "nothing",
    )  # fmt: skip
