"""Charts that were fetched are kept whole, and looked at again each time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headway.domain.rendering.place import RemoteChart
from headway.systems.render import charts as charts_module
from headway.systems.render.charts import ChartStore
from tests import REPO
from tests.charts import packed, sha256

ARCHIVE = packed({"Chart.yaml": "name: shop\nversion: 1.2.3\n"})


def test_what_is_kept_is_found_by_its_digest(tmp_path: Path) -> None:
    """In a folder that its user alone may look into."""
    store = ChartStore(tmp_path / "state" / "charts")
    assert store.find(sha256(ARCHIVE)) is None
    store.keep(ARCHIVE)
    chart = RemoteChart(
        repo="https://charts.example.com", name="shop", version="1.2.3", digest=sha256(ARCHIVE)
    )
    assert store.archive(chart) == ARCHIVE
    assert (tmp_path / "state" / "charts").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", [b"", ARCHIVE[:-1], ARCHIVE + b"x"])
def test_what_is_damaged_is_as_good_as_never_fetched(tmp_path: Path, damage: bytes) -> None:
    store = ChartStore(tmp_path)
    store.keep(ARCHIVE)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage)
    assert store.find(sha256(ARCHIVE)) is None
    assert list(tmp_path.iterdir()) == []
    store.keep(ARCHIVE)
    assert store.find(sha256(ARCHIVE)) == ARCHIVE


def test_killed_while_writing_it_leaves_nothing_that_counts(tmp_path: Path) -> None:
    """The file has its name only once it is whole; what is left over goes when it is old."""
    code = (
        "import os, sys, signal\n"
        "from pathlib import Path\n"
        "from headway.systems.render.charts import ChartStore\n"
        "os.fsync = lambda it: os.kill(os.getpid(), signal.SIGKILL)\n"
        "ChartStore(Path(sys.argv[1])).keep(b'half of it')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=REPO, check=False)
    assert done.returncode == -signal.SIGKILL
    store = ChartStore(tmp_path)
    (part,) = tmp_path.iterdir()
    assert store.find(sha256(b"half of it")) is None
    store.keep(b"half of it")
    assert store.find(sha256(b"half of it")) == b"half of it"
    assert part.exists(), "another process may be writing it"
    old = time.time() - 2 * 3600
    os.utime(part, (old, old))
    store.keep(ARCHIVE)
    assert not part.exists()


def test_there_is_an_end_to_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not used for longest goes first."""
    monkeypatch.setattr(charts_module, "KEPT", 2)
    store = ChartStore(tmp_path)
    for days, data in ((5, b"a"), (4, b"b")):
        store.keep(data)
        at = time.time() - days * 86_400
        os.utime(tmp_path / sha256(data).removeprefix("sha256:"), (at, at))
    assert store.find(sha256(b"a")) == b"a"
    store.keep(b"c")
    assert [store.find(sha256(it)) for it in (b"a", b"b", b"c")] == [b"a", None, b"c"]


def test_a_disk_that_takes_nothing_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "charts").write_text("a file is here")
    ChartStore(tmp_path / "charts").keep(ARCHIVE)
    assert "cannot be kept" in caplog.text
    assert ChartStore(tmp_path / "charts").find(sha256(ARCHIVE)) is None
