"""Small images for pods of tests: busybox from scratch, one digest per version."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

REPOSITORY = "cluster-tests/box"
BUSYBOX = "/bin/busybox"
_DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
COPY busybox /bin/sh
COPY version /version
ENV PATH=/bin
CMD ["/bin/sh", "-c", "read v < /version; case $v in crash*) exit 3;; esac; exec /bin/busybox sleep 100000"]
"""


_ONE_AT_A_TIME = threading.RLock()


def box(registry: str, version: str, repository: str = REPOSITORY) -> str:
    """Build and push a busybox that carries a version, once; return it as `repository:tag@digest`.

    A version that begins with `crash` ends with 3 at its start.
    """
    with _ONE_AT_A_TIME:
        return _box(registry, version, repository)


@functools.cache
def _box(registry: str, version: str, repository: str) -> str:
    name = f"{registry}/{repository}:{version}"
    if repository != REPOSITORY:
        # The same content under another name: nothing is built twice.
        _docker("tag", box(registry, version).partition("@")[0], name)
        return _pushed(name)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(BUSYBOX, Path(folder, "busybox"))
        Path(folder, "version").write_text(version + "\n")
        Path(folder, "Dockerfile").write_text(_DOCKERFILE)
        _docker("build", "--quiet", "--tag", name, folder)
    return _pushed(name)


def _pushed(name: str) -> str:
    _docker("push", "--quiet", name)
    pushed = _docker("image", "inspect", "--format", '{{join .RepoDigests "\\n"}}', name)
    digest = next(
        line.partition("@")[2] for line in pushed.splitlines() if line.startswith(name.rpartition(":")[0])
    )
    return f"{name}@{digest}"


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {arguments[0]}: {done.stderr}"
    return done.stdout.strip()
