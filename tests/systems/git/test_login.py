"""A login in a Git URL: it reaches the Git server, and nothing and nobody else."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from headway.domain.config.reading import load_config
from headway.errors import FailedError, UsageError
from headway.settings import Settings
from headway.systems.git.config_repo import ConfigRepo, ProposedCommit
from headway.systems.git.login import Login, split_login
from headway.systems.git.source import SourceRepo
from headway.systems.machine.lock import environment_lock
from headway.systems.registry.client import RegistryClient
from headway.tasks.build_image import build_service
from tests.repos import Remote
from tests.servers.git import GitServer
from tests.servers.registry import FakeRegistry

PASSWORD = "s3cr:t/@ %é"
ENCODED = "s3cr%3At%2F%40%20%25%C3%A9"


@pytest.mark.parametrize(
    ("url", "plain", "login"),
    [
        ("https://h/x.git", "https://h/x.git", None),
        ("https://ann:pw@h/x.git", "https://h/x.git", Login("https://h", "ann", "pw")),
        (f"http://a%40b:{ENCODED}@H:8080/x", "http://H:8080/x", Login("http://h:8080", "a@b", PASSWORD)),
        ("https://token@h/x", "https://h/x", Login("https://h", "token")),
        ("https://:pw@h/x", "https://h/x", Login("https://h", "", "pw")),
        ("https://ann:pw@[::1]:3000/x", "https://[::1]:3000/x", Login("https://[::1]:3000", "ann", "pw")),
        ("https://@h/x", "https://h/x", None),
        ("ssh://git@h/x", "ssh://git@h/x", None),
        ("ssh://git:pw@h:22/x", "ssh://git@h:22/x", None),
        ("git@h:a/x.git", "git@h:a/x.git", None),
        ("/srv/a@b/x", "/srv/a@b/x", None),
        ("file:///srv/a:b@c/x", "file:///srv/a:b@c/x", None),
    ],
)
def test_splitting(url: str, plain: str, login: Login | None) -> None:
    """What goes round has no login; an ssh URL keeps its user, which is no secret."""
    assert split_login(url) == (plain, login)
    assert "pw" not in repr(split_login(url))


@pytest.mark.parametrize("url", ["https://a:p%0Aw@h/x", "https://h:port/x", "https://[::1/x"])
def test_urls_that_cannot_be_used(url: str) -> None:
    """They are refused before Git sees them, and are not repeated."""
    with pytest.raises(UsageError) as told:
        split_login(url)
    assert url not in str(told.value)


@pytest.fixture
def served(seeded: Remote) -> Iterator[GitServer]:
    """The config repo behind a login."""
    seeded.git("config", "http.receivepack", "true")
    made = GitServer(seeded.folder.parent, "ann", PASSWORD)
    yield made
    made.close()


def test_the_login_reaches_the_server_and_no_process_list(
    served: GitServer, seeded: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fetching and pushing work, and no program that Git runs has the password in its arguments."""
    trace = tmp_path / "trace"
    monkeypatch.setenv("GIT_TRACE", str(trace))
    url = f"http://ann:{ENCODED}@{served.host}/{seeded.folder.name}"
    with ConfigRepo.open(url, "main", tmp_path / "state") as repo:
        head = repo.fetch()
        assert head == seeded.head()
        draft = ProposedCommit("a change\n", {"new.txt": b"x"})
        assert repo.publish(lambda _: draft, release_id="20261128T101502Z-7f3a") is not None
        assert repo.url == f"http://{served.host}/{seeded.folder.name}"
    assert seeded.file("new.txt") == b"x"
    ran = trace.read_text()
    assert "git remote-http" in ran
    for spelling in (PASSWORD, ENCODED, base64.b64encode(f"ann:{PASSWORD}".encode()).decode()):
        assert spelling not in ran
        assert all(spelling not in it.read_text() for it in (tmp_path / "state" / "git").rglob("config"))


def test_a_wrong_login_is_reported_without_it(served: GitServer, seeded: Remote, tmp_path: Path) -> None:
    """The error names the repo, and not the password or the token that stands for a user."""
    for login in ("ann:wr0ng", "t0ken"):
        url = f"http://{login}@{served.host}/{seeded.folder.name}"
        with ConfigRepo.open(url, "main", tmp_path / "state") as repo, pytest.raises(FailedError) as told:
            repo.fetch()
        assert served.host in str(told.value)
        assert "wr0ng" not in str(told.value)
        assert "t0ken" not in str(told.value)


def test_the_login_is_for_its_own_host(tmp_path: Path, seeded: Remote, served: GitServer) -> None:
    """Git's helper answers for one origin: what asks for another one gets nothing."""
    _, login = split_login(f"http://ann:pw@{served.host}/x")
    assert login is not None
    settings = [it for name, value in login.settings() for it in ("-c", f"{name}={value}")]
    for host, expected in ((served.host, "password=pw"), ("127.0.0.1:1", "")):
        asked = subprocess.run(
            ["git", *settings, "credential", "fill"],
            input=f"protocol=http\nhost={host}\n\n".encode(),
            env={"PATH": "/usr/bin:/bin", "GIT_TERMINAL_PROMPT": "0", "HOME": str(tmp_path), **login.environment()},
            capture_output=True,
        )  # fmt: skip
        assert expected in asked.stdout.decode()
        assert bool(asked.stdout) == bool(expected)


class Recording:
    """A Docker engine that keeps what it is asked to build."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}

    def build(self, folder: Path, image: object, *, labels: dict[str, str], **_: Any) -> None:
        self.labels = labels

    def push(self, image: object, on_line: Callable[[str], None]) -> str:
        return "sha256:" + "a" * 64


def test_no_login_is_in_an_image(
    served: GitServer, seeded: Remote, registry: FakeRegistry, client: RegistryClient, tmp_path: Path
) -> None:
    """The label of where an image comes from is the URL without its login, also where it came from HEADWAY_REPO's."""
    seeded.push({"Dockerfile": "FROM scratch\n"})
    text = (
        f"version: 1\napp: shop\nservices: {{web: {{image: '{registry.host}/shop/web', "
        f"source: {{repo: ../{seeded.folder.name}}}}}}}\nenvironments: {{s: {{path: s, cluster: {{namespace: s}}}}}}\n"
    )
    url = f"http://ann:{ENCODED}@{served.host}/{seeded.folder.name}"
    engine = Recording()
    settings = Settings(repo=url, state=tmp_path / "state")
    connections: Any = SimpleNamespace(settings=settings, registry=client, engine=engine)
    built = build_service(connections, load_config(text.encode()), "web", "main")
    assert built.image.digest == "sha256:" + "a" * 64
    assert engine.labels["org.opencontainers.image.source"] == f"http://{served.host}/{seeded.folder.name}"
    assert PASSWORD not in str(engine.labels)
    assert ENCODED not in str(engine.labels)


def test_two_logins_for_one_repo_share_its_mirror_and_its_lock(tmp_path: Path) -> None:
    """A password that changed makes no new mirror, and lets no two deploys run at once."""
    urls = ("https://ann:a@h/x.git", "https://bob:b@h/x.git", "https://h/x.git")
    folders = {SourceRepo(url, tmp_path)._mirror.folder for url in urls}
    assert len(folders) == 1
    with environment_lock(tmp_path, urls[0], "production", wait=0):
        pass
    assert len(list((tmp_path / "locks").iterdir())) == 1
    with environment_lock(tmp_path, urls[1], "production", wait=0):
        pass
    assert len(list((tmp_path / "locks").iterdir())) == 1


def test_a_shallow_repo_is_named(seeded: Remote, tmp_path: Path) -> None:
    """It lacks the history that is read, also where an older mirror of it is here; trying again would not help."""
    seeded.push({"a.txt": "1"})
    seeded.push({"a.txt": "2"})
    shallow = tmp_path / "shallow.git"
    subprocess.run(["git", "clone", "-q", "--bare", "--depth", "1", seeded.url, str(shallow)], check=True)
    with ConfigRepo.open(f"file://{shallow}", "main", tmp_path / "state") as repo:
        with pytest.raises(UsageError, match="is shallow") as told:
            repo.fetch()
        assert "git fetch --unshallow" in told.value.hint
        subprocess.run(["git", f"--git-dir={shallow}", "fetch", "-q", "--unshallow"], check=True)
        assert repo.fetch() == seeded.head()
