"""Picks: which tag wins, why the others do not, and that nothing ever flaps or goes backwards."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.domain.config.model import Tags
from headway.domain.images.reference import ImageRef
from headway.domain.rules.picks import Known, Need, Nothing, Picked, Question, Ranking, Veto, choose, explain
from headway.domain.rules.tags import Refused, compile_rule
from headway.errors import UsageError

COMMITS = {sha: place for place, sha in enumerate(("1111111", "9170050", "abcdef0", "20260102aa", "fedcba9"))}
DAY = datetime(2026, 11, 1, tzinfo=UTC)


def digest(tag: str) -> str:
    """Return the digest that a tag means here: one for each name."""
    return "sha256:" + hashlib.sha256(tag.encode()).hexdigest()


def place(sha: str) -> Any:
    """Return where a commit stands."""
    return COMMITS.get(sha, Refused(f"{sha} is no commit of the branch"))


def ask(
    tags: Iterable[str],
    current: str | None = None,
    *,
    vetoes: Iterable[Veto] = (),
    digests: dict[str, str] | None = None,
    platforms: tuple[str, ...] = (),
    position: Any = place,
    **rule: Any,
) -> tuple[Picked | Nothing, Question]:
    """Put a question and answer what it needs until it is answered."""
    compiled = compile_rule(Tags(**rule), has_source=True)
    means = digests or {}
    runs = []
    for each in current.split() if current is not None else ():
        tag, _, pinned = each.partition("@")
        runs.append(ImageRef("r.example", "shop/web", tag or None, pinned or means.get(tag, digest(tag))))
    question = Question(Ranking(compiled, tags, position), tuple(runs), tuple(vetoes), position)
    for _ in range(100):
        answer = choose(question)
        if not isinstance(answer, Need):
            return answer, question
        question.facts = {
            **question.facts,
            **{tag: Known(means.get(tag, digest(tag)), platforms) for tag in answer.tags},
        }
    raise AssertionError("it never stops asking")


def picked(tags: str, current: str | None = None, **more: Any) -> str:
    """Return the tag that is picked; empty for none."""
    answer, _ = ask(tags.split(), current, **more)
    return answer.tag if isinstance(answer, Picked) else ""


CASES: list[tuple[str, dict[str, Any], str, str | None, str]] = [
    # what, rule, tags, what runs, picked
    ("semver takes numbers as numbers", {"match": "semver:*"}, "1.9.0 1.10.0 1.2.0", None, "1.10.0"),
    ("semver keeps to its range", {"match": "semver:>=1.2 <2"}, "1.9.0 2.0.0", "1.2.0", "1.9.0"),
    ("a SHA-1 of digits is no version", {"match": "semver:*"}, "1.0.0 917005 9170050", None, "1.0.0"),
    ("1.20 beside 1.20.0", {"match": "semver:*"}, "1.20 1.20.0", "1.19.0", "1.20.0"),
    ("1.20.0 runs, v1.20.0 is the same", {"match": "semver:*"}, "v1.20.0 1.20.0", "1.20.0", ""),
    ("v1.20.0 runs, 1.20.0 is the same", {"match": "semver:*"}, "v1.20.0 1.20.0", "v1.20.0", ""),
    ("no pre-release unless asked for", {"match": "semver:>=1"}, "1.0.0 1.1.0-rc1", "1.0.0", ""),
    ("a pre-release when asked for", {"match": "semver:>=1.0.0-0"}, "1.0.0 1.1.0-rc1", "1.0.0", "1.1.0-rc1"),
    ("leading zeros are no version", {"match": "semver:*"}, "1.02.0 1.1.0", None, "1.1.0"),
    ("a date with dots is no version", {"match": "semver:*"}, "2024.01.02 1.1.0", None, "1.1.0"),
    ("glob takes what it says", {"match": "glob:main-*", "order": "alphabetical"}, "main-a dev-z", None, "main-a"),
    ("glob and its case", {"match": "glob:Main-*", "order": "alphabetical"}, "main-a", None, ""),
    ("ignored tags", {"match": "glob:*", "ignore": ["glob:*-rc*"], "order": "alphabetical"}, "b-rc1 a", None, "a"),
    ("several rules", {"match": ["glob:a*", "exact:z"], "order": "alphabetical"}, "a b z", None, "z"),
    ("regex is the whole tag", {"match": "regex:v\\d", "order": "alphabetical"}, "v1 v2x xv3", None, "v1"),
    ("number by its group", {"match": "regex:b(?P<number>\\d+)-.*", "order": "number"}, "b9-z b10-a", None, "b10-a"),
    ("number, leading zeros", {"match": "glob:*", "order": "number"}, "007 8 9x", None, "8"),
    ("number, two parts are never guessed", {"match": "glob:*", "order": "number"}, "1.9 1.10 1.25", None, ""),
    ("number, nothing but digits", {"match": "glob:*", "order": "number"}, "1_000 1e9 0x99 -7 5", None, "5"),
    ("number desc", {"match": "glob:*", "order": "number desc"}, "7 3 10", "7", "3"),
    ("number desc never goes up", {"match": "glob:*", "order": "number desc"}, "7 8 10", "7", ""),
    ("number desc and a floor", {"match": "glob:*", "order": "number desc", "floor": "2"}, "7 3 2", "7", "2"),
    ("alphabetical desc", {"match": "glob:*", "order": "alphabetical desc"}, "b c a", None, "a"),
    ("alphabetical", {"match": "glob:*", "order": "alphabetical"}, "2026-01-02 2026-01-10", None, "2026-01-10"),
    (
        "timestamp", {"match": "regex:.*-(?P<timestamp>\\d{8})", "order": "timestamp", "format": "%d%m%Y"},
        "x-31122025 x-01012026", None, "x-01012026",
    ),
    (
        "timestamp, a day that is none", {"match": "regex:.*-(?P<timestamp>\\d{8})", "order": "timestamp", "format": "%Y%m%d"},
        "x-20260229 x-20251231 x-99999999", None, "x-20251231",
    ),
    (
        "timestamp with words", {"match": "glob:*", "order": "timestamp", "format": "%d.%b.%Y-%H%M"},
        "31.Dec.2025-2359 01.Jan.2026-0000 1", None, "01.Jan.2026-0000",
    ),
    ("timestamp, rfc3339", {"match": "glob:*", "order": "timestamp", "format": "rfc3339"}, "2026-01-01 2026-01-02 x", None, "2026-01-02"),
    (
        "timestamp, a day of one digit could be another", {"match": "glob:*", "order": "timestamp", "format": "%Y%m%d"},
        "2026112 20251231", None, "20251231",
    ),
    (
        "timestamp, words and a day of one digit", {"match": "glob:*", "order": "timestamp", "format": "%b%Y%m%d"},
        "Jan2026112 Jan20250131", None, "Jan20250131",
    ),
    ("timestamp, parts set apart", {"match": "glob:*", "order": "timestamp", "format": "%d.%m.%Y"}, "1.2.2026 31.01.2026", None, "1.2.2026"),
    ("unix time, nothing but digits", {"match": "glob:*", "order": "timestamp", "format": "unix"}, "18_00000000 1700000000", None, "1700000000"),
    ("a prefix and a range", {"match": "regex:web-(?P<semver>.*)", "range": ">=1.2 <2"}, "web-1.3.0 web-2.0.0 web-2.1.0-rc.1 docs-1.9.0 1.8.0", "web-1.2.0", "web-1.3.0"),
    ("a suffix and a range", {"match": "regex:(.*)-alpine".replace("(", "(?P<v>"), "range": "^1"}, "1.3.0-alpine 1.4.0 2.0.0-alpine", None, "1.3.0-alpine"),
    ("a range of what a glob takes", {"match": "glob:1.*", "range": "<1.3"}, "1.2.0 1.3.0 0.1.0", None, "1.2.0"),
    ("a range, by another order", {"match": "regex:(?P<number>\\d+)_(?P<semver>.*)", "range": "<2", "order": "number"}, "7_1.0.0 9_1.1.0 10_2.0.0", None, "9_1.1.0"),
    ("what runs is outside the range", {"match": "regex:web-(?P<semver>.*)", "range": ">=1.2 <2"}, "web-1.3.0", "web-1.0.0", "web-1.3.0"),
    ("what runs is past the range", {"match": "regex:web-(?P<semver>.*)", "range": ">=1.2 <2"}, "web-1.3.0", "web-2.0.0", ""),
    ("two ranges, any of them", {"match": ["semver:1.x", "semver:3.x"]}, "1.0.0 2.0.0 3.0.0 4.0.0", None, "3.0.0"),
    (
        "names of signatures", {"match": "glob:*", "order": "alphabetical"},
        f"main-2 sha256-{'a' * 64}.sig sha256-{'a' * 64}.att sha256-{'a' * 64}", None, "main-2",
    ),
    ("unix time", {"match": "glob:*", "order": "timestamp", "format": "unix"}, "1700000000 1800000000 x", None, "1800000000"),
    ("commit, whole tag", {"order": "commit"}, "1111111 abcdef0", None, "abcdef0"),
    ("commit, sha- in front", {"order": "commit"}, "sha-abcdef0 sha-1111111", None, "sha-abcdef0"),
    ("commit of digits only", {"order": "commit"}, "1111111 9170050", "1111111", "9170050"),
    ("commit beside a date", {"order": "commit"}, "20260102-abcdef0 20260103-1111111", None, "20260102-abcdef0"),
    ("a rebuild of an old commit", {"order": "commit"}, "sha-fedcba9 sha-1111111", "sha-fedcba9", ""),
    ("a commit that is not on the branch", {"order": "commit"}, "sha-1111111 sha-0000000", "sha-1111111", ""),
    ("nothing runs yet", {"match": "semver:*"}, "1.0.0", None, "1.0.0"),
    ("never backwards", {"match": "semver:<2"}, "1.0.0 1.9.0", "2.0.0", ""),
    ("not below the floor", {"match": "semver:*", "floor": "2.0.0"}, "1.0.0 1.9.0", "1.0.0", ""),
    ("the floor itself", {"match": "semver:*", "floor": "2.0.0"}, "1.9.0 2.0.0", "1.0.0", "2.0.0"),
    ("the floor runs", {"match": "semver:*", "floor": "2.0.0"}, "1.9.0 2.0.0", "2.0.0", ""),
    ("what runs cannot be ordered", {"match": "semver:*"}, "1.0.0", "hotfix", ""),
    ("what runs is gone from the registry", {"match": "semver:*"}, "1.0.0 1.2.0", "1.1.0", "1.2.0"),
    ("no tags at all", {"match": "semver:*"}, "", "1.0.0", ""),
    ("an exact tag, the same", {"match": "exact:latest"}, "latest", "latest", ""),
    ("an exact tag that has moved", {"match": "exact:latest"}, "latest", "latest@sha256:" + "0" * 64, "latest"),
    ("a fixed tag that has moved", {"match": "semver:*"}, "1.0.0", "1.0.0@sha256:" + "0" * 64, ""),
    ("the newest runs in one of two containers", {"match": "semver:*"}, "1.0.0 1.1.0", "1.0.0 1.1.0", "1.1.0"),
    ("whichever stands first", {"match": "semver:*"}, "1.0.0 1.1.0", "1.1.0 1.0.0", "1.1.0"),
    ("not below the newer of two", {"match": "semver:*"}, "1.0.0 1.2.0", "1.0.0 1.3.0", ""),
    ("newer than both", {"match": "semver:*"}, "1.0.0 1.4.0", "1.3.0 1.0.0", "1.4.0"),
    ("two names of one version run", {"match": "semver:*"}, "1.1.0 v1.1.0", "1.1.0 v1.1.0", ""),
    ("one of two names runs beside an older one", {"match": "semver:*"}, "1.1.0 v1.1.0", "1.0.0 1.1.0", "1.1.0"),
    ("one of two cannot be ordered", {"match": "semver:*"}, "1.0.0 1.2.0", "1.0.0 hotfix", ""),
    ("an exact tag, one of two has moved", {"match": "exact:latest"}, "latest", "latest latest@sha256:" + "0" * 64, "latest"),
    ("an exact tag, one of two", {"match": "exact:latest"}, "latest", "latest 1.0.0", "latest"),
    ("a mutable tag that has moved", {"match": "semver:*", "mutable": True}, "1.0.0", "1.0.0@sha256:" + "0" * 64, "1.0.0"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "tags", "current", "expected"), [it[1:] for it in CASES], ids=[it[0] for it in CASES]
)
def test_picks(rule: dict[str, Any], tags: str, current: str | None, expected: str) -> None:
    """The newest by the declared order, and never a guess."""
    assert picked(tags, current, **rule) == expected


def test_by_creation_time() -> None:
    """The newest build wins, whatever its name; what has no time is refused with that reason."""
    times = {"a": DAY, "b": DAY - timedelta(days=1)}
    answer, question = ask("a b c".split(), "b", position=lambda tag: times.get(tag, Refused("has no creation time")),
                           match="glob:*", order="created")  # fmt: skip
    assert isinstance(answer, Picked)
    assert answer.tag == "a"
    assert [(it.tag, it.verdict) for it in explain(question, answer)] == [
        ("a", "picked"), ("b", "runs"), ("c", "refused"),
    ]  # fmt: skip
    assert explain(question, answer)[-1].reason == "has no creation time"


def test_a_vetoed_digest_is_passed_over() -> None:
    """A person's veto leaves the next best free."""
    veto = Veto(digest("1.3.0"), "1.3.0", why="loses totals")
    answer, _ = ask("1.1.0 1.2.0 1.3.0".split(), "1.1.0", vetoes=[veto], match="semver:*")
    assert isinstance(answer, Picked)
    assert (answer.tag, "loses totals" in answer.why) == ("1.2.0", True)


def test_a_rollback_holds_until_something_newer_comes() -> None:
    """After 1.3.0 was rolled back to 1.1.0, neither it nor 1.2.0 comes back; 1.4.0 does."""
    veto = Veto(digest("1.3.0"), "1.3.0", and_older=True)
    assert picked("1.1.0 1.2.0 1.3.0", "1.1.0", vetoes=[veto], match="semver:*") == ""
    assert picked("1.1.0 1.2.0 1.3.0 1.4.0", "1.1.0", vetoes=[veto], match="semver:*") == "1.4.0"
    # Also after its tag was deleted, or another tag names the same digest.
    assert picked("1.1.0 1.2.0", "1.1.0", vetoes=[veto], match="semver:*") == ""
    same = {"1.5.0": digest("1.3.0")}
    assert picked("1.1.0 1.5.0", "1.1.0", vetoes=[veto], digests=same, match="semver:*") == ""


def test_what_was_rolled_back_bounds_also_when_its_tag_is_gone() -> None:
    """By creation time, only what was made after the rollback is surely newer than what it rolled back."""
    times = {tag: DAY + timedelta(days=day) for tag, day in {"v1": 1, "v2": 2, "late": 4, "v4": 6}.items()}

    def by_time(tag: str) -> Any:
        return times.get(tag, Refused("has no creation time"))

    def asked(tags: str, **more: Any) -> Picked | Nothing:
        veto = Veto(digest("v3"), "v3", and_older=True, **more)
        return ask(tags.split(), "v1", vetoes=[veto], position=by_time, match="glob:*", order="created")[0]

    at = DAY + timedelta(days=5)
    held = asked("v1 v2 late", at=at)
    assert isinstance(held, Nothing)
    assert "v3, which was rolled back at 2026-11-06 00:00 UTC and has no creation time" in held.why
    found = asked("v1 v2 late v4", at=at)
    assert isinstance(found, Picked)
    assert found.tag == "v4"
    # A veto that a person wrote without its time bounds all of it.
    held = asked("v1 v2 late v4")
    assert isinstance(held, Nothing)
    assert held.waits


@pytest.mark.parametrize(
    ("tag", "rule", "said"),
    [
        ("hotfix", {"match": "semver:*"}, "hotfix, which was rolled back, is not a version"),
        (
            "sha-0000000",
            {"order": "commit"},
            "sha-0000000, which was rolled back, 0000000 is no commit of the branch",
        ),
        ("", {"match": "semver:*"}, "sha256:bbbbbbbbbbbb, which was rolled back, has no tag"),
    ],
)
def test_what_was_rolled_back_and_has_no_place_makes_automation_wait(
    tag: str, rule: dict[str, Any], said: str
) -> None:
    """Whether anything is newer cannot be known: a person says so, and is told how."""
    tags, runs = ("sha-1111111 sha-fedcba9", "sha-1111111") if "order" in rule else ("1.0.0 1.2.0", "1.0.0")
    veto = Veto("sha256:" + "b" * 64, tag, and_older=True)
    answer, question = ask(tags.split(), runs, vetoes=[veto], **rule)
    assert isinstance(answer, Nothing)
    assert answer.waits
    assert said in answer.why
    assert "`headway unveto` lets automation go on" in answer.why
    assert {it.verdict for it in explain(question, answer)} == {"runs", "waits"}
    assert picked(tags, runs, vetoes=[dataclasses.replace(veto, and_older=False)], **rule) == tags.split()[1]


def test_equal_tags_do_not_take_turns() -> None:
    """Two names of one version are decided by digest once, and then stay."""
    means = {"1.2.0": "sha256:" + "a" * 64, "v1.2.0": "sha256:" + "b" * 64}
    first, _ = ask(["1.2.0", "v1.2.0"], "1.1.0", digests=means, match="semver:*")
    assert isinstance(first, Picked)
    assert first.digest == "sha256:" + "b" * 64
    for tag in means:
        assert picked("1.2.0 v1.2.0", tag, digests=means, match="semver:*") == ""


def test_an_equal_version_is_no_reason_to_move_when_what_runs_is_gone() -> None:
    """Another name of the version that runs is not newer, also where the registry has deleted what runs."""
    assert picked("v1.2.0", "1.2.0", match="semver:*") == ""
    assert picked("v1.2.0 1.2.1", "1.2.0", match="semver:*") == "1.2.1"


def test_containers_that_disagree_get_what_one_of_them_runs() -> None:
    """The digest that runs, whatever its tag means by now; the reason says so, and a veto of it is one."""
    runs = "1.0.0 1.1.0@sha256:" + "f" * 64
    answer, question = ask("1.0.0 1.1.0".split(), runs, match="semver:*")
    assert isinstance(answer, Picked)
    assert (answer.tag, answer.digest) == ("1.1.0", "sha256:" + "f" * 64)
    assert "not all containers of the service run it yet" in answer.why
    assert {it.tag: it.verdict for it in explain(question, answer)} == {"1.1.0": "picked", "1.0.0": "runs"}
    held, _ = ask("1.0.0 1.1.0".split(), "1.0.0 1.1.0", match="semver:*", vetoes=[Veto(digest("1.1.0"), "1.1.0", why="slow")])  # fmt: skip
    assert held == Nothing("1.1.0 is vetoed: slow")
    below, question = ask("1.0.0 1.0.5".split(), "1.0.0 1.1.0", match="semver:*")
    assert below == Nothing("nothing is newer than what runs (of 2 images 1.1.0)")
    assert next(it for it in explain(question, below) if it.tag == "1.0.5").verdict == "older"


def test_platforms() -> None:
    """An image that has not the platform is refused, with those it has."""
    answer, _ = ask(["1.0.0"], platforms=("linux/amd64",), match="semver:*", platform="linux/arm64")
    assert isinstance(answer, Nothing)
    assert "has no image for linux/arm64, only linux/amd64" in answer.why
    assert picked("1.0.0", platforms=("linux/arm64/v8",), match="semver:*", platform="linux/arm64") == "1.0.0"


def test_what_is_no_image_is_passed_over_in_few_rounds() -> None:
    """1,500 listed tags that are not there cost eleven rounds of questions, not one each."""
    tags = [f"t{number:04}" for number in range(1_500)]
    question = Question(Ranking(compile_rule(Tags(match="glob:*", order="alphabetical"), True), tags, place))
    rounds = 0
    while isinstance(answer := choose(question), Need):
        rounds += 1
        found = {
            tag: Known(digest(tag)) if tag == "t0000" else Refused("is not there") for tag in answer.tags
        }
        question.facts = {**question.facts, **found}
    assert isinstance(answer, Picked)
    assert (answer.tag, rounds) == ("t0000", 11)
    assert answer.why.endswith("t1499 is not there")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"match": "latest"}, "is not a rule"),
        ({"match": "glob:*"}, "order is missing"),
        ({"match": "regex:(", "order": "number"}, "is not a regular expression"),
        ({"match": "semver:one"}, "is not a version"),
        ({"match": "glob:*", "order": "timestamp"}, "needs a format"),
        ({"match": "glob:*", "order": "commit"}, "needs the service's `source`"),
        ({"match": ["exact:a", "exact:b"]}, "order is missing"),
        ({"match": []}, "match is empty"),
        (
            {"match": ["semver:>=1.2 <2", "regex:web-(?P<semver>.*)"], "order": "semver"},
            "look as if both had to hold",
        ),
        ({"match": ["semver:>=1.2 <2", "glob:*-alpine"], "order": "semver"}, "look as if both had to hold"),
        ({"match": ["semver:>=1.2", "semver:<2"]}, "look as if both had to hold"),
        ({"match": "semver:>=1.2", "range": "<2"}, "both range and semver:>=1.2 say which versions"),
        ({"match": "glob:*", "range": "one"}, "is not a version"),
        ({"match": "regex:(?P<a>.)-(?P<b>.)", "order": "number"}, "does not say which one is meant"),
    ],
)
def test_rules_that_cannot_be_used(rule: dict[str, Any], said: str) -> None:
    """A rule that would have to guess is refused when it is read."""
    with pytest.raises(UsageError, match=said.replace("(", "\\(").replace("?", "\\?")):
        compile_rule(Tags(**rule), has_source=False)


VERSIONS = st.lists(
    st.builds("{}.{}.{}".format, *[st.integers(0, 3)] * 3), min_size=1, max_size=12, unique=True
)


@given(VERSIONS, st.randoms(use_true_random=False), st.data())
def test_the_order_of_a_list_says_nothing(
    tags: list[str], chance: random.Random, data: st.DataObject
) -> None:
    """Registries list tags in any order, and again and again: the pick is the same, and then stays."""
    current = data.draw(st.sampled_from(tags))
    shuffled = list(tags)
    chance.shuffle(shuffled)
    first, again = (picked(" ".join(it), current, match="semver:*") for it in (tags, shuffled))
    assert first == again
    if first:
        assert picked(" ".join(tags), first, match="semver:*") == ""


@pytest.mark.parametrize("rule", [{"match": "semver:*"}, {"match": "glob:*", "order": "alphabetical"}])
def test_ten_thousand_tags_need_one_digest(rule: dict[str, Any]) -> None:
    """However many tags there are, only the winner's digest is looked up."""
    tags = [f"1.{n // 100}.{n % 100}" for n in range(10_000)]
    question = Question(Ranking(compile_rule(Tags(**rule), True), tags, place))
    answer = choose(question)
    assert isinstance(answer, Need)
    assert answer.tags == ("1.99.99",)
