"""What doctor tries against the remote, and signed commits: against a real bare repo and its hooks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from headway.errors import FailedError
from headway.systems.git.config_repo import ConfigRepo, ProposedCommit
from tests.repos import Remote

ONLY_BRANCHES = 'case "$1" in refs/heads/*) ;; *) echo "only branches may be pushed" >&2; exit 1;; esac'
NO_NOTES = 'case "$1" in refs/notes/*) echo "no notes here" >&2; exit 1;; esac'
SIGNED = (
    'case "$1 $3" in *0000000000000000000000000000000000000000) ;; refs/heads/*) '
    'git cat-file commit $3 | grep -q ^gpgsig || { echo "Commits must have verified signatures." >&2; exit 1; };; esac'
)


def refs(remote: Remote) -> str:
    """List the refs of a remote."""
    return remote.git("for-each-ref", "--format=%(refname) %(objectname)")


def test_what_is_tried_is_taken_away(seeded: Remote, repo: ConfigRepo) -> None:
    """Doctor pushes a branch, notes and a ref, and leaves the remote as it was."""
    before = refs(seeded)
    assert repo.try_push() == "a branch, notes and refs/headway/* can be written"
    assert refs(seeded) == before


@pytest.mark.parametrize(
    ("hook", "ref", "said"),
    [
        (ONLY_BRANCHES, "refs/headway/", "only branches may be pushed"),
        (NO_NOTES, "refs/notes/", "no notes here"),
        (SIGNED, "refs/heads/", "it wants signed commits"),
        ('case "$1" in refs/heads/*) echo "ABC-123 is missing" >&2; exit 1;; esac', "refs/heads/", "ABC-123 is missing"),
    ],
    ids=["branches only", "no notes", "signed commits", "a rule for messages"],
)  # fmt: skip
def test_what_a_release_would_be_refused_for_is_found(
    seeded: Remote, repo: ConfigRepo, hook: str, ref: str, said: str
) -> None:
    """A hook is asked as a release asks it, before anything is applied, and nothing is left behind."""
    before = refs(seeded)
    seeded.hook("update", hook)
    with pytest.raises(FailedError) as told:
        repo.try_push()
    assert f"refused the push to {ref}" in told.value.message
    assert said in told.value.message
    if said == "it wants signed commits":
        assert "commit.gpgsign true" in told.value.hint
    assert refs(seeded) == before


def test_what_a_server_lacks_is_said(seeded: Remote, repo: ConfigRepo) -> None:
    """Without atomic pushes a release goes on; what could not be removed is named."""
    seeded.git("config", "receive.advertiseAtomic", "false")
    assert "no atomic pushes" in repo.try_push()
    seeded.git("config", "receive.denyDeletes", "true")
    assert "could not be removed: remove it by hand" in repo.try_push()


def test_commits_are_signed_where_git_says_so(
    seeded: Remote, repo: ConfigRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A branch that wants signed commits takes releases, by the key and the name in Git's own settings."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    settings = tmp_path / "gitconfig"
    settings.write_text(
        "[user]\n  name = Release Bot\n  email = bot@example.com\n"
        f"  signingkey = {key}\n[gpg]\n  format = ssh\n[commit]\n  gpgsign = true\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    seeded.hook("update", SIGNED)
    assert repo.try_push().startswith("a branch, notes and refs/headway/* can be written, signed")
    draft = ProposedCommit("a change — ünïcode\n\nBody.\n", {"new.txt": b"x"}, author="Ann <ann@example.com>")
    published = repo.publish(lambda _: draft, release_id="20261128T101502Z-7f3a")
    assert published is not None
    raw = seeded.git("cat-file", "commit", published.commit)
    assert "\ngpgsig -----BEGIN SSH SIGNATURE-----" in raw
    assert "\nauthor Ann <ann@example.com> " in raw
    assert "\ncommitter Release Bot <bot@example.com> " in raw
    assert raw.endswith("\n\na change — ünïcode\n\nBody.\n")


def test_a_key_that_cannot_sign_is_reported(
    repo: ConfigRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is pushed, and the error says what to set."""
    settings = tmp_path / "gitconfig"
    settings.write_text(
        f"[gpg]\n  format = ssh\n[user]\n  signingkey = {tmp_path}/none\n[commit]\n  gpgsign = true\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    repo.fetch()
    with pytest.raises(FailedError, match="could not be signed") as told:
        repo.publish(lambda _: ProposedCommit("x\n", {"new.txt": b"x"}), release_id="20261128T101502Z-7f3a")
    assert "user.signingkey" in told.value.hint


RELEASE = "Release web to staging\n\nHeadway-Release: 20261128T101502Z-7f3a\nHeadway-Environment: staging\nHeadway-Kind: {}\n"


@pytest.mark.parametrize("atomic", ["true", "false"])
@pytest.mark.parametrize(
    ("hook", "ref"),
    [(ONLY_BRANCHES, "refs/headway/staging/released"), (NO_NOTES, "refs/notes/headway-released-staging")],
    ids=["branches only", "no notes"],
)
def test_a_release_is_refused_where_its_record_would_be(
    seeded: Remote, repo: ConfigRepo, hook: str, ref: str, atomic: str
) -> None:
    """A server that does not take all of a record refuses the release itself, by its own words; a rollback goes."""
    seeded.git("config", "receive.advertiseAtomic", atomic)
    seeded.hook("update", hook)
    before, files = seeded.head(), {"new.txt": b"x"}
    with pytest.raises(FailedError, match=f"refused the push to {ref}") as told:
        repo.publish(
            lambda _: ProposedCommit(RELEASE.format("release"), files), release_id="20261128T101502Z-7f3a"
        )
    assert ("no notes here" in told.value.message) or ("only branches may be pushed" in told.value.message)
    assert seeded.head() == before
    back = ProposedCommit(RELEASE.format("rollback"), files)
    assert repo.publish(lambda _: back, release_id="20261128T101502Z-7f3a") is not None


def test_a_release_goes_where_pushes_are_not_atomic(seeded: Remote, repo: ConfigRepo) -> None:
    """Without atomic pushes the branch goes alone, and twice in a row."""
    seeded.git("config", "receive.advertiseAtomic", "false")
    for number in (1, 2):
        release_id = f"20261128T10150{number}Z-7f3a"
        text = RELEASE.format("release").replace("20261128T101502Z-7f3a", release_id)
        draft = ProposedCommit(text, {"new.txt": str(number).encode()})
        published = repo.publish(lambda _, draft=draft: draft, release_id=release_id)  # type: ignore[misc]
        assert published is not None
        assert seeded.head() == published.commit
