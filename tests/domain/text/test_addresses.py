"""Which URLs name one repo: a mistake takes a team's own environment for a copy's, or a push for another repo's."""

from __future__ import annotations

import pytest

from headway.domain.text.addresses import host_and_path, repo_address, repo_folder, same_repo

SHOP = "git.example.com/shop/config"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        pytest.param("https://git.example.com/shop/config.git", SHOP, id="https"),
        pytest.param("https://git.example.com/shop/config", SHOP, id="no .git"),
        pytest.param(" http://GIT.example.com/shop/config/ \n", SHOP, id="case of the host, slash, blanks"),
        pytest.param("https://git.example.com/shop/config.git/", SHOP, id="a slash after .git"),
        pytest.param("https://ann:secret@git.example.com:443/shop/config", SHOP, id="login and port"),
        pytest.param("https://bot:p@ss@git.example.com/shop/config", SHOP, id="a login with an @"),
        pytest.param("git@git.example.com:shop/config.git", SHOP, id="scp"),
        pytest.param("git@git.example.com:/shop/config.git", SHOP, id="scp, from the root"),
        pytest.param("git.example.com:shop/config", SHOP, id="scp without a login"),
        pytest.param("ssh://git@Git.Example.com:2222/shop/config/", SHOP, id="ssh"),
        pytest.param("git.example.com:3000/shop/config", SHOP, id="a port without a scheme"),
        pytest.param(SHOP, SHOP, id="an address again"),
        pytest.param("git@github.com:123/config.git", "github.com/123/config", id="scp, an owner of digits"),
        pytest.param("github.com:123/config", "github.com/123/config", id="the same without a login"),
        pytest.param("https://github.com/123/config", "github.com/123/config", id="the same by https"),
        pytest.param("https://git.example.com/@ann/config", "git.example.com/@ann/config", id="an @ in a path"),
        pytest.param("git@git.example.com:@ann/config", "git.example.com/@ann/config", id="an @ in a path, scp"),
        pytest.param("https://git.example.com/Shop/config", "git.example.com/Shop/config", id="case of the path"),
        pytest.param("ssh://git@[2001:db8::1]:22/shop/config", "[2001:db8::1]/shop/config", id="IPv6"),
        pytest.param("git@[2001:db8::1]:shop/config", "[2001:db8::1]/shop/config", id="IPv6, scp"),
        pytest.param("https://git.example.com:bad/x", "git.example.com/x", id="a port that is none"),
        pytest.param("https://[git.example.com/x", "[git.example.com/x", id="a bracket that does not end"),
        pytest.param("file:///srv/git/config.git", "/srv/git/config", id="file"),
        pytest.param("/srv/git/config.git", "/srv/git/config", id="a folder"),
        pytest.param("../config.git", "../config", id="a folder beside"),
        pytest.param("config.git", "config", id="a folder here"),
        pytest.param("./a:b/config", "./a:b/config", id="a folder with a colon"),
        pytest.param("https://git.example.com", "git.example.com/", id="a host alone"),
        pytest.param("", "", id="nothing"),
    ],
)  # fmt: skip
def test_a_repo_has_one_address_and_no_login(url: str, address: str) -> None:
    """It is written on deployments and in clusters, where everybody can read it."""
    assert repo_address(url) == address
    host, path = host_and_path(url)
    assert (f"{host}/{path}" if host else path) == address


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("git@git.example.com:shop/config.git", "https://git.example.com/shop/config", True),
        ("https://git.example.com/shop/config", "https://git.example.com/shop/config-copy", False),
        ("https://git.example.com/shop/config", "https://example.com/shop/config", False),
        ("https://git.example.com/shop/config", "/shop/config", False),
        ("git@github.com:1/config", "git@github.com:2/config", False),
        ("file:///srv/config.git", "/srv/config", True),
        ("https://git.example.com/shop/config", "", False),
    ],
)
def test_one_repo_is_told_from_another(one: str, other: str, same: bool) -> None:
    """Another host or path is another repo."""
    assert same_repo(one, other) is same
    assert same_repo(other, one) is same


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("/srv/config.git", "/srv/config.git"),
        ("../config", "../config"),
        ("config", "config"),
        ("file:///srv/config.git/", "/srv/config.git/"),
        ("file://host/srv/config.git", ""),
        ("git@git.example.com:shop/config", ""),
        ("git.example.com:shop/config", ""),
        ("https://git.example.com/shop/config", ""),
    ],
)
def test_which_urls_are_folders(url: str, folder: str) -> None:
    """Of a folder other paths mean the same, by a link or by `..`; of a repo on a host none do."""
    assert repo_folder(url) == folder
