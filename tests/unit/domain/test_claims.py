"""Whose a deployment on a Prefect server is, as far as its marks and the settings tell."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.claims import Claim, mismatch, repo_name

SHOP = Claim(("shop",), "git.example.com/shop/config")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://git.example.com/shop/config.git", "git.example.com/shop/config"),
        ("git@git.example.com:shop/config.git", "git.example.com/shop/config"),
        ("ssh://git@git.example.com:2222/shop/config/", "git.example.com/shop/config"),
        ("https://bot:p@ss@git.example.com/shop/config", "git.example.com/shop/config"),
        ("git.example.com:3000/shop/config", "git.example.com/shop/config"),
        ("/srv/git/config.git", "/srv/git/config"),
        ("file:///srv/git/config.git", "/srv/git/config"),
        ("config.git", "/config"),
    ],
)
def test_a_repo_has_one_name_and_no_login(url: str, name: str) -> None:
    """It is written on deployments, where everybody can read it."""
    assert repo_name(url) == name


@pytest.mark.parametrize(
    ("mine", "theirs", "said"),
    [
        (SHOP, SHOP, ""),
        (SHOP, Claim(("store",), "git.example.com/store/config"), "belongs to the application store"),
        (SHOP, Claim(("store",)), "and this config repo is that of shop"),
        (SHOP, Claim(("shop",)), ""),
        (SHOP, Claim(), ""),
        (SHOP, Claim(("shop",), "git.example.com/ann/config"), "belongs to the config repo git.example.com/ann/config"),
        (SHOP, Claim(("shop",), "gitea/shop/config"), ""),
        (SHOP, Claim(("shop",), "/srv/git/shop/config"), ""),
        (SHOP, Claim(("shop",), "git.example.com/shop/config-copy"), "HEADWAY_REPO is git.example.com/shop/config"),
        (Claim((), SHOP.repo), Claim(("store",), "git.example.com/store/config"), "belongs to the config repo"),
        (Claim((), SHOP.repo), Claim(("store",)), ""),
        (Claim(), Claim(("store",), "git.example.com/store/config"), ""),
    ],
)  # fmt: skip
def test_when_a_deployment_is_somebody_elses(mine: Claim, theirs: Claim, said: str) -> None:
    """Another application's, or another repo's; one host has several names, so the path decides."""
    found = mismatch(mine, theirs)
    assert said in found
    assert bool(said) == bool(found)


@pytest.mark.parametrize(
    ("deployment", "claim"),
    [
        ({"tags": ["headway", "app:shop"], "labels": {"headway.repo": "h/shop/config"}}, Claim(("shop",), "h/shop/config")),
        ({"tags": ["headway"], "labels": None}, Claim()),
        ({}, Claim()),
    ],
)  # fmt: skip
def test_the_marks_are_read(deployment: dict[str, Any], claim: Claim) -> None:
    """What an older headway made has no label, and what was made without a config repo has no application."""
    assert Claim.of(deployment) == claim
