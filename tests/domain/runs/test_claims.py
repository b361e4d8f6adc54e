"""Whose a deployment on a Prefect server is, as far as its marks and the settings tell."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.runs.claims import Claim, mismatch

SHOP = Claim(("shop",), "git.example.com/shop/config")


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
        (Claim(("shop",), "config"), Claim(("shop",), "/config"), ""),
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
