"""Charts as they are packed, and a chart repository of this machine that has some."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping

from headway.domain.rendering.archive import CHART_CONFIG, CHART_LAYER
from tests.servers.http import HttpServer, Sent
from tests.servers.registry import MANIFEST, FakeRegistry


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def packed(files: Mapping[str, bytes | str], top: str = "shop") -> bytes:
    """Pack files as `helm package` does: in one folder, with a gzip around it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, data in files.items():
            content = data.encode() if isinstance(data, str) else data
            member = tarfile.TarInfo(f"{top}/{path}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=0)


def members(*made: tarfile.TarInfo) -> bytes:
    """Pack members that somebody made up, each with no content, after a chart's own file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        first = tarfile.TarInfo("shop/Chart.yaml")
        tar.addfile(first)
        for each in made:
            tar.addfile(each, io.BytesIO(b"\0" * each.size))
    return gzip.compress(out.getvalue(), mtime=0)


def pushed(registry: FakeRegistry, repository: str, tag: str, archive: bytes) -> str:
    """Push a packed chart as `helm push` does; return the digest of its manifest."""
    config = registry.put(b'{"name": "shop"}', CHART_CONFIG)
    layer = {"mediaType": CHART_LAYER, "digest": registry.put(archive, CHART_LAYER), "size": len(archive)}
    digest = registry.manifest(
        {"mediaType": MANIFEST, "config": {"mediaType": CHART_CONFIG, "digest": config}, "layers": [layer]}
    )
    return registry.tag(repository, tag, digest)


class ChartRepository:
    """A chart repository: an index.yaml, and archives beside it."""

    def __init__(self) -> None:
        self.server = HttpServer()
        self.url = f"{self.server.url}/charts"
        self.host = self.server.url.removeprefix("http://")
        self._rows: list[str] = []
        self.server.standing["/charts/index.yaml"] = self._index

    def close(self) -> None:
        self.server.close()

    def put(self, version: str, archive: bytes, *, url: str = "", digest: str | None = None) -> str:
        """Add a version of the chart shop; return the digest of its archive."""
        path = f"/charts/shop-{version}.tgz"
        self.server.standing[path] = lambda sent: archive
        said = sha256(archive).removeprefix("sha256:") if digest is None else digest
        row = f"  - {{name: shop, version: {version}, urls: [{url or f'shop-{version}.tgz'}]"
        self._rows.append(row + (f", digest: {said}}}" if said else "}"))
        return sha256(archive)

    def asked(self) -> list[str]:
        return [it.path for it in self.server.sent]

    def _index(self, sent: Sent) -> bytes:
        rows = "\n".join(self._rows)
        return f"apiVersion: v1\nentries:\n  other: []\n  shop:\n{rows}\n".encode()
