"""What events ask for."""

from __future__ import annotations

from headway.domain.config.reading import load_config
from headway.domain.events import GitPushed, ImagePushed
from headway.web.serving import asked_for

CONFIG = load_config(
    b"version: 1\napp: shop\nservices:\n  web: {image: 'localhost:5000/shop/web'}\n  api: {image: 'hub.example.com/shop/api'}\n"
    b"environments:\n  staging: {path: staging, cluster: {namespace: staging}}\n"
)
REPO = "https://git.example.com/shop/config.git"


def test_images_of_services_are_looked_for() -> None:
    """Each service once, and its tag is trusted no longer; other images ask for nothing."""
    events = [
        ImagePushed("localhost:5000/shop/web", "1"),
        ImagePushed("localhost:5000/shop/web", "2"),
        ImagePushed("localhost:5000/shop/other", "1"),
        ImagePushed("NOT AN IMAGE", "1"),
    ]
    asked = asked_for(CONFIG, REPO, events)
    assert asked.services == ["web"]
    assert [it.tag for it in asked.moved] == ["1", "2"]
    assert asked.reconcile is False


def test_a_sender_that_does_not_know_its_own_host() -> None:
    """A repository without a host, or with the one that the registry has inside, is the service's where only one fits."""
    for name in ("shop/api", "registry:5000/shop/api"):
        assert asked_for(CONFIG, REPO, [ImagePushed(name, "1")]).services == ["api"]


def test_a_tag_that_cannot_be_one_costs_nobody_else_their_event() -> None:
    """Whoever may push events may write anything into them; the look comes all the same."""
    events = [ImagePushed("localhost:5000/shop/web", "\ud800"), ImagePushed("hub.example.com/shop/api", "2")]
    asked = asked_for(CONFIG, REPO, events)
    assert asked.services == ["web", "api"]
    assert [it.tag for it in asked.moved] == ["2"]


def test_only_a_push_of_the_config_repo_reconciles() -> None:
    """A source repo's push asks for nothing: its image is yet to be built."""
    assert asked_for(CONFIG, REPO, [GitPushed(("git@git.example.com:shop/config.git",), "main")]).reconcile
    assert not asked_for(
        CONFIG, REPO, [GitPushed(("https://git.example.com/shop/web.git",), "main")]
    ).reconcile
