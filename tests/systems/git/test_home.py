"""Several applications in one repo: files, refs and records of each are its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from headway.domain.releases.ledger import Outcome, ReleaseRecord, format_message
from headway.errors import UsageError
from headway.systems.git.config_repo import ConfigRepo, ProposedCommit
from headway.systems.git.home import Home
from tests.repos import Remote

AT = datetime(2026, 11, 23, 10, tzinfo=UTC)


def test_the_root_has_the_plain_names() -> None:
    """What one application has always had."""
    home = Home()
    assert home.place("holds.yaml") == "holds.yaml"
    assert home.live_ref("staging") == "refs/headway/staging/live"
    assert home.notes == "refs/notes/headway"
    assert home.marked("x\n\nHeadway-Release: 1\n") == "x\n\nHeadway-Release: 1\n"


def test_a_folder_has_names_of_its_own() -> None:
    """None of them is one of the root's, or of another folder with the same words."""
    home = Home("apps/shop")
    assert home.place("holds.yaml") == "apps/shop/holds.yaml"
    assert home.place("staging/web.yaml") == "staging/web.yaml"
    assert home.slug != Home("apps-shop").slug
    assert home.live_ref("staging").startswith("refs/headway/app.apps-shop-")
    marked = home.marked("x\n\nHeadway-Release: 1\n")
    assert marked.endswith("Headway-Release: 1\nHeadway-Application: apps/shop\n")
    assert home.record(marked) is not None
    assert Home().record(marked) is None
    assert Home("apps/other").record(marked) is None


@pytest.mark.parametrize("name", ["../x", "a/b", "x.lock", ""])
def test_what_cannot_be_an_environment(name: str) -> None:
    """It would name another ref."""
    with pytest.raises(UsageError):
        Home("apps/shop").live_ref(name)


def test_two_applications_with_environments_of_one_name(seeded: Remote, tmp_path: Path) -> None:
    """Each has its own live commit, its own outcomes and its own history, in one mirror."""
    seeded.push({"apps/a/staging/x.yaml": "1", "apps/b/staging/x.yaml": "1"})
    repos = {it: ConfigRepo.open(seeded.url, "main", tmp_path / "state", f"apps/{it}") for it in "ab"}
    with repos["a"] as a, repos["b"] as b:
        for name, repo in repos.items():
            repo.fetch()
            record = ReleaseRecord("same-id", "staging", "release", actor="ann", reason=name)
            path = f"apps/{name}/staging/x.yaml"
            draft = ProposedCommit(format_message(record), {path: b"2", "holds.yaml": name.encode()})
            published = repo.publish(lambda head, draft=draft: draft, release_id="same-id")  # type: ignore[misc]
            assert published is not None
            assert not published.already
            repo.record("staging", published.commit, Outcome("live", AT, 1.0, "id"), live=published.commit)
        for repo in repos.values():
            repo.fetch()
        assert len(list((tmp_path / "state" / "git").glob("*/HEAD"))) == 1
        assert a.live("staging") != b.live("staging")
        assert (a.own_file(a.head, "holds.yaml"), b.own_file(b.head, "holds.yaml")) == (b"a", b"b")
        mine = [it for it in a.log("staging", path="apps/a/staging") if it.record]
        assert [(it.reason, it.state) for it in mine] == [("a", "live")]
        other = a.ledger({"staging": "apps/a/staging"})
        assert "b" not in [it.reason for it in other]
