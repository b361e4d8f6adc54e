"""`headway init`: what it writes, shows, and refuses."""

from __future__ import annotations

from pathlib import Path

from headway.domain.config.reading import load_config
from tests.cli.test_cli import headway
from tests.domain.moving.repos import deployment


def fill(folder: Path, files: dict[str, str]) -> None:
    """Write files below a folder."""
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    """The file is printed; `headway lint` accepts what is written afterwards."""
    fill(
        tmp_path,
        {f"deploy/{it}/web.yaml": deployment("ghcr.io/shop/web:1.2.3") for it in ("staging", "production")},
    )
    shown = headway("init", str(tmp_path), "--dry-run")
    assert shown.code == 0, shown.err
    assert not (tmp_path / "headway.yaml").exists()
    assert headway("init", str(tmp_path)).code == 0
    assert (tmp_path / "headway.yaml").read_text() == shown.out
    linted = headway("lint", str(tmp_path))
    assert (linted.code, linted.out) == (0, "no mistakes\n"), linted.out


def test_several_applications_are_written_when_asked_for(tmp_path: Path) -> None:
    """Without --all they are listed, and nothing is written."""
    fill(
        tmp_path,
        {
            f"apps/{app}/{env}/a.yaml": deployment(f"ghcr.io/shop/{app}:1.2.3", app)
            for app in ("web", "api")
            for env in ("staging", "production")
        },
    )
    refused = headway("init", str(tmp_path))
    assert refused.code == 2
    assert "apps/api: api, with staging, production" in refused.err
    assert "--all" in refused.err
    assert list(tmp_path.rglob("headway.yaml")) == []
    one = headway("init", str(tmp_path), "--app", "api", "--dry-run")
    assert (one.code, "path: apps/api/staging" in one.out, "apps/web" in one.out) == (0, True, False)
    done = headway("init", str(tmp_path), "--all")
    assert done.code == 0, done.err
    web = load_config((tmp_path / "apps/web/headway.yaml").read_bytes())
    assert (web.app, [it.path for it in web.environments.values()]) == ("web", ["staging", "production"])


def test_links_are_followed_inside_the_folder(tmp_path: Path) -> None:
    """A link to a file of the repo is that file; one that leads out of it is not read."""
    fill(tmp_path, {"shared/web.yaml": deployment("ghcr.io/shop/web:1.2.3"), "staging/keep.txt": ""})
    (tmp_path / "staging/web.yaml").symlink_to("../shared/web.yaml")
    (tmp_path / "staging/out.yaml").symlink_to("/etc/hostname")
    done = headway("init", str(tmp_path), "--dry-run")
    assert done.code == 0, done.err
    assert "path: staging" in done.out
    assert "warning: staging/out.yaml:1:1: this is a symbolic link to no file of the repo" in done.err


def test_what_headwayignore_names_is_not_read(tmp_path: Path) -> None:
    """An ignored folder is no environment."""
    fill(
        tmp_path,
        {
            ".headwayignore": "/production/\n",
            "staging/web.yaml": deployment("ghcr.io/shop/web:1"),
            "production/web.yaml": deployment("ghcr.io/shop/web:1"),
        },
    )
    done = headway("init", str(tmp_path), "--dry-run")
    assert "production" not in done.out


def test_environments_as_files_are_a_reason(tmp_path: Path) -> None:
    """Nothing is written; what to do is on standard error."""
    fill(tmp_path, {f"deploy/{it}.yml": deployment("ghcr.io/shop/web:1") for it in ("staging", "production")})
    done = headway("init", str(tmp_path))
    assert done.code == 2
    assert "git mv deploy/staging.yml" in done.err
