"""Puts the sample application into bare Git repos: three source repos and a config repo.

The first commits have a fixed author and time, so the same files always give the
same hashes, and images that were built once are found again. Running it again changes
nothing, but that headway.yaml follows the one here.

    python -m examples.shop.seed FOLDER
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SERVICES = ("frontend", "users", "orders")
BASE_IMAGE = "localhost:5000/lab/base:1"
BASE_DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
"""
_WHO = {
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@shop.example",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@shop.example",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}
_FIRST = {"GIT_AUTHOR_DATE": "2026-01-05T09:00:00Z", "GIT_COMMITTER_DATE": "2026-01-05T09:00:00Z"}


def seed(folder: Path) -> dict[str, Path]:
    """Make the bare repos in `folder` that are not there yet; give each one's path by its name."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {name: _make(folder / f"{name}.git", HERE / name) for name in (*SERVICES, "config")}
    _refresh(made["config"], "headway.yaml")
    return made


def _refresh(bare: Path, name: str) -> None:
    """Push one file of the example to a config repo that was made from an older one."""
    wanted = (HERE / "config" / name).read_bytes()
    with tempfile.TemporaryDirectory() as work:
        _git("clone", "--quiet", "--branch", "main", str(bare), work)
        if (Path(work) / name).read_bytes() == wanted:
            return
        (Path(work) / name).write_bytes(wanted)
        _git("-C", work, "commit", "--quiet", "-am", f"Update {name}")
        _git("-C", work, "push", "--quiet", "origin", "main")


def commit_version(repo: Path, version: str, broken: str = "") -> str:
    """Push a new version to a source repo, sound or broken ("crash", "never-ready"); give its commit."""
    with tempfile.TemporaryDirectory() as work:
        _git("clone", "--quiet", "--branch", "main", str(repo), work)
        (Path(work) / "VERSION").write_text(f"{version}\n")
        marker = Path(work) / "BREAK"
        marker.unlink(missing_ok=True)
        if broken:
            marker.write_text(f"{broken}\n")
        _git("-C", work, "add", "--all")
        if _git("-C", work, "status", "--porcelain"):
            _git("-C", work, "commit", "--quiet", "-m", f"Version {version}")
            _git("-C", work, "push", "--quiet", "origin", "main")
        return _git("-C", work, "rev-parse", "HEAD")


def ensure_base(image: str = BASE_IMAGE) -> None:
    """Build and push the base image of the services: a static busybox, from Debian's busybox-static."""
    busybox = shutil.which("busybox", path="/bin:/usr/bin")
    if busybox is None:
        raise SystemExit("busybox is missing: apt-get install busybox-static")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(busybox, Path(folder) / "busybox")
        (Path(folder) / "Dockerfile").write_text(BASE_DOCKERFILE)
        subprocess.run(["docker", "build", "--quiet", "-t", image, folder], check=True, capture_output=True)
    subprocess.run(["docker", "push", "--quiet", image], check=True, capture_output=True)


def _make(bare: Path, files: Path) -> Path:
    if bare.exists():
        return bare
    with tempfile.TemporaryDirectory() as work:
        tree = Path(work) / "tree"
        shutil.copytree(files, tree)
        _git("-C", str(tree), "init", "--quiet", "--initial-branch=main")
        _git("-C", str(tree), "add", "--all")
        _git("-C", str(tree), "commit", "--quiet", "-m", f"Start {bare.stem}", env=_FIRST)
        half = bare.with_name(f".{bare.name}.half")
        shutil.rmtree(half, ignore_errors=True)
        _git("clone", "--quiet", "--bare", str(tree), str(half))
        _git("-C", str(half), "remote", "remove", "origin")
        _git("-C", str(half), "config", "http.receivepack", "true")
        _git("-C", str(half), "config", "gc.auto", "0")
        # A repo is there whole or not at all, also when this is killed half-way.
        half.rename(bare)
    return bare


def _git(*arguments: str, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        ["git", "-c", "core.autocrlf=false", *arguments],
        env={**os.environ, **_WHO, **(env or {})},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def main() -> None:
    """Run as a command."""
    parser = argparse.ArgumentParser(prog="python -m examples.shop.seed", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the bare repos go")
    for name, path in seed(parser.parse_args().folder).items():
        print(f"{name}: {path}")


if __name__ == "__main__":
    main()
