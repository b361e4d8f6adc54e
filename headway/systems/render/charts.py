"""Charts that were fetched, kept on this disk by their digests, so that a state of long ago needs no network.

A file is named by the hash of its content, comes there whole, and is looked at again each time that it is read: one
that is not as its name says is removed, and as good as never fetched.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
import time
from pathlib import Path

from headway.domain.rendering.archive import chart_layer
from headway.domain.rendering.place import RemoteChart
from headway.systems.machine.state_folder import private_folder

KEPT = 2_000
"""Files, of which those that were not used for longest go first."""
_HOUR, _DAY = 3_600, 86_400
_PART = ".part-"
_log = logging.getLogger("headway.charts")


class ChartStore:
    """Contents by their SHA-256, in one folder that several processes may share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def archive(self, chart: RemoteChart) -> bytes | None:
        """Return a pinned chart's archive; None where it is not here, or not whole."""
        found = self.find(chart.digest)
        if found is None or not chart.ref:
            return found
        return self.find(chart_layer(found).digest)

    def find(self, digest: str) -> bytes | None:
        """Return the content of a digest; None where it is not here."""
        file = self._folder / digest.removeprefix("sha256:")
        try:
            data = file.read_bytes()
            if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
                _log.warning("%s is damaged, and is fetched again", file)
                file.unlink(missing_ok=True)
                return None
            if file.stat().st_mtime < time.time() - _DAY:
                os.utime(file)
        except OSError:
            return None
        return data

    def keep(self, *contents: bytes) -> None:
        """Keep contents, each whole or not at all; a disk that takes none costs fetching them again."""
        try:
            private_folder(self._folder.parent)
            private_folder(self._folder)
            # What names another comes after it.
            for data in reversed(contents):
                self._write(data)
            self._make_room()
        except OSError as error:
            _log.warning("charts cannot be kept in %s: %s", self._folder, error.strerror)

    def _write(self, data: bytes) -> None:
        handle, name = tempfile.mkstemp(prefix=_PART, dir=self._folder)
        try:
            with os.fdopen(handle, "wb") as part:
                part.write(data)
                part.flush()
                os.fsync(part.fileno())
            os.replace(name, self._folder / hashlib.sha256(data).hexdigest())
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise

    def _make_room(self) -> None:
        """Remove what was not used for long, and what a process that died has left."""
        used: list[tuple[float, Path]] = []
        for file in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                at = file.stat().st_mtime
                if not file.name.startswith(_PART):
                    used.append((at, file))
                elif at < time.time() - _HOUR:
                    file.unlink()
        for _, file in sorted(used)[:-KEPT]:
            file.unlink(missing_ok=True)
