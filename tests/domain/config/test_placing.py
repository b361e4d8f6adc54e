"""A headway.yaml below the root: its paths count from its own folder."""

from __future__ import annotations

import pytest

from headway.domain.config.placing import folder_of
from headway.domain.config.reading import load_config
from headway.domain.manifests.ignoring import is_ignored, parse_rules
from headway.errors import ConfigError, UsageError

TEXT = """
version: 1
app: shop
services: {web: {image: r.io/web}}
environments:
  staging: {path: staging, cluster: {namespace: s}, verify: {job: checks/smoke.yaml}}
  production: {path: ./production/, cluster: {namespace: p}}
ignore: [compose.yml, /staging/values.yaml, tools/, "!keep.yml"]
"""


@pytest.mark.parametrize(
    ("path", "folder"),
    [("headway.yaml", ""), ("", ""), ("./headway.yaml", ""), ("apps/shop/headway.yaml", "apps/shop")],
)
def test_the_folder_of_a_file(path: str, folder: str) -> None:
    """Empty at the root."""
    assert folder_of(path) == folder


@pytest.mark.parametrize("path", ["/etc/headway.yaml", "../headway.yaml", "apps/shop", "apps/config.yaml"])
def test_what_is_no_headway_yaml(path: str) -> None:
    """It is refused with the name of the setting."""
    with pytest.raises(UsageError, match="HEADWAY_CONFIG"):
        folder_of(path)


def test_paths_count_from_the_folder() -> None:
    """Of environments and of what verifies them."""
    config = load_config(TEXT.encode(), folder="apps/shop")
    assert [it.path for it in config.environments.values()] == ["apps/shop/staging", "apps/shop/production"]
    verify = config.environments["staging"].verify
    assert verify is not None
    assert verify.job == "apps/shop/checks/smoke.yaml"
    assert config.file == "apps/shop/headway.yaml"


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        ("apps/shop/staging/compose.yml", True),
        ("apps/shop/compose.yml", True),
        ("apps/other/compose.yml", False),
        ("compose.yml", False),
        ("apps/shop/staging/values.yaml", True),
        ("apps/shop/production/values.yaml", False),
        ("apps/shop/keep.yml", False),
    ],
)
def test_ignored_files_count_from_the_folder(path: str, ignored: bool) -> None:
    """A pattern says nothing of other applications."""
    rules = parse_rules(load_config(TEXT.encode(), folder="apps/shop").document.ignore)
    assert is_ignored(rules, path, folder=False) is ignored


def test_an_environment_at_the_folder_itself() -> None:
    """`.` is the folder of headway.yaml."""
    text = TEXT.replace("path: staging", 'path: "."').replace(
        "  production: {path: ./production/, cluster: {namespace: p}}\n", ""
    )
    text = text.replace(", verify: {job: checks/smoke.yaml}", "")
    assert load_config(text.encode(), folder="apps/shop").environments["staging"].path == "apps/shop"


def test_a_mistake_names_the_file() -> None:
    """With its folder."""
    with pytest.raises(ConfigError) as told:
        load_config(b"version: 2\n", folder="apps/shop")
    assert "apps/shop/headway.yaml:1" in str(told.value)
