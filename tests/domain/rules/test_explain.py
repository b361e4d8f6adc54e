"""What `headway images` says of each tag: why it is picked, eligible, older, vetoed, blocked or refused."""

from __future__ import annotations

from typing import Any

from headway.domain.rules.picks import Nothing, Veto, explain
from tests.domain.rules.test_picks import ask, digest


def test_every_refusal_has_its_reason() -> None:
    """`headway images` says of each tag what became of it."""
    answer, question = ask("1.0.0 1.1.0 917005 1.20 nightly 2.0.0-rc1".split(), "1.0.0", match="semver:*",
                           ignore="exact:nightly")  # fmt: skip
    said = {it.tag: (it.verdict, it.reason) for it in explain(question, answer)}
    assert said["1.1.0"] == ("picked", "newest by semver of 2 tags")
    assert said["1.0.0"][0] == "runs"
    refused = {tag: reason for tag, (verdict, reason) in said.items() if verdict == "refused"}
    assert refused == {
        "917005": "is not a version: three numbers are needed, as in 1.2.3",
        "1.20": "is not a version: three numbers are needed, as in 1.2.3",
        "nightly": "is not a version as semver.org has it",
        "2.0.0-rc1": "is a pre-release; >=0.0.0-0 takes those too",
    }


def verdicts(tags: str, current: str, **more: Any) -> dict[str, tuple[str, str]]:
    """Return what `headway images` says of each tag."""
    answer, question = ask(tags.split(), current, **more)
    return {it.tag: (it.verdict, it.reason) for it in explain(question, answer)}


def test_a_vetoed_tag_is_called_vetoed() -> None:
    """Also where what was rolled back bounds what may come, so that its digest was never looked up."""
    veto = Veto(digest("1.3.0"), "1.3.0", and_older=True, why="CrashLoopBackOff")
    said = verdicts("1.1.0 1.0.0 1.2.0 1.3.0", "1.1.0", vetoes=[veto], match="semver:*")
    assert said == {
        "1.3.0": ("vetoed", "is vetoed: CrashLoopBackOff"),
        "1.2.0": ("blocked", "older than 1.3.0, which was rolled back"),
        "1.1.0": ("runs", "it runs here now"),
        "1.0.0": ("older", "older than what runs"),
    }
    # The tag was pushed again since, with other content: it is no longer what was vetoed.
    moved = verdicts("1.3.0 1.1.0", "1.1.0", match="glob:*", order="alphabetical", mutable=True,
                     vetoes=[Veto("sha256:" + "0" * 64, "1.3.0")])  # fmt: skip
    assert moved["1.3.0"][0] == "picked"


def test_a_newer_tag_is_never_called_older() -> None:
    """What is newer than what runs is eligible, or told what keeps it back."""
    said = verdicts("1.1.0 1.2.0 1.3.0 v1.1.0 1.0.0", "1.1.0", match="semver:*", floor="1.1.0")
    assert {tag: verdict for tag, (verdict, _) in said.items()} == {
        "1.3.0": "picked", "1.2.0": "eligible", "1.1.0": "runs", "v1.1.0": "older", "1.0.0": "older",
    }  # fmt: skip
    assert said["1.2.0"][1] == "older than 1.3.0"
    assert said["v1.1.0"][1] == "by order the same as what runs"
    below = verdicts("1.1.0 1.2.0", "1.1.0", match="semver:*", floor="1.5.0")
    assert below["1.2.0"] == ("refused", "below the floor 1.5.0")


def test_a_number_of_two_parts_is_asked_about() -> None:
    """1.10 after 1.9 or before 1.2: nobody can know, so it is said instead of standing still."""
    answer, question = ask("1.9 1.10".split(), "1.9", match="glob:*", order="number")
    assert isinstance(answer, Nothing)
    assert "has two parts: is it a version?" in answer.why
    said = {it.tag: it for it in explain(question, answer)}
    assert (said["1.10"].verdict, "has two parts" in said["1.10"].reason) == ("refused", True)
