"""A packed chart: the manifest that a registry has of it, and the files in its archive. Nothing is written anywhere.

An archive comes from elsewhere, so whatever is in it is refused unless it is a plain file at a plain place, and there
is an end to it: what it unpacks to is counted before it is looked into.
"""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from headway.domain.rendering.place import RemoteChart
from headway.domain.rendering.unit import CHART
from headway.domain.text.yaml_nodes import YamlProblem, compose, decode
from headway.domain.text.yaml_values import value_of
from headway.errors import UsageError

CHART_CONFIG = "application/vnd.cncf.helm.config.v1+json"
CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
UNPACKED, FILES = 50 << 20, 5_000
LONGEST_NAME, LONGEST_PATH = 255, 1_000
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Layer:
    """The archive that a manifest names."""

    digest: str
    size: int


def chart_layer(manifest: bytes) -> Layer:
    """Return the archive of a chart's manifest; raise UsageError where it is no chart's, or names more than one."""
    try:
        value = json.loads(manifest)
        layers = [it for it in value["layers"] if it["mediaType"] == CHART_LAYER]
        found = [Layer(str(it["digest"]), int(it["size"])) for it in layers]
        if value["config"]["mediaType"] != CHART_CONFIG:
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError("this is not the manifest of a chart") from None
    if len(found) != 1 or not _DIGEST.fullmatch(found[0].digest):
        raise UsageError("its manifest names no archive, or more than one")
    return found[0]


def unpacked(archive: bytes) -> dict[str, bytes]:
    """Return the files of a packed chart (path in the chart → content); raise UsageError for what no tool should get.

    `.helmignore` is left out: Helm has gone by it when it packed the chart, and would again for a folder.
    """
    import tarfile

    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(_inflated(archive)), mode="r:") as tar:
            for member in tar:
                if member.isdir():
                    continue
                path = _place(member.name)
                if not member.isreg():
                    raise UsageError(
                        f"in its archive {member.name[:100]!r} is a link or a device, not a file"
                    )
                if path in found:
                    raise UsageError(f"in its archive {member.name[:100]!r} is there twice")
                if len(found) >= FILES:
                    raise UsageError(f"its archive has more than {FILES} files")
                content = tar.extractfile(member)
                assert content is not None
                found[path] = content.read()
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise UsageError(f"its archive cannot be read: {error}") from None
    found.pop(".helmignore", None)
    if CHART not in found:
        raise UsageError(f"its archive has no {CHART}")
    return found


def _place(name: str) -> str:
    """Return a member's path in the chart: all are in one folder, whatever its name."""
    parts = name.removeprefix("./").split("/")
    plain = not name.startswith("/") and "\\" not in name and "\0" not in name
    if not plain or len(parts) < 2 or {"", ".", ".."} & {*parts}:
        raise UsageError(f"in its archive {name[:100]!r} leads out of the chart's folder")
    if len(name) > LONGEST_PATH or any(len(it.encode("utf-8", "replace")) > LONGEST_NAME for it in parts):
        raise UsageError(f"in its archive {name[:100]!r}… is too long a name")
    return "/".join(parts[1:])


def _inflated(archive: bytes) -> bytes:
    """Return what is packed, at most so much of it as is taken at all."""
    out = b"".join(_pieces(archive))
    if len(out) > UNPACKED:
        raise UsageError(f"its archive unpacks to more than {UNPACKED >> 20} MB")
    return out


def _pieces(archive: bytes) -> Iterator[bytes]:
    left = UNPACKED + 1
    while archive and left > 0:
        stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            piece = stream.decompress(archive, left)
        except zlib.error as error:
            raise UsageError(f"its archive cannot be read: {error}") from None
        left -= len(piece)
        yield piece
        if not stream.eof and left > 0:
            raise UsageError("its archive ends in the middle")
        archive = stream.unused_data.lstrip(b"\0")


def wrong_chart(files: dict[str, bytes], wanted: RemoteChart) -> str:
    """Return what is wrong with a chart's name and version, if it is not the one that is wanted; else nothing."""
    try:
        said = next((value_of(it) for it in compose(decode(files[CHART]))), None)
    except YamlProblem as problem:
        return f"its {CHART} is not readable: {problem.message}"
    name, version = (str(said.get(key, "")) if isinstance(said, dict) else "" for key in ("name", "version"))
    if (name, version) == (wanted.chart, wanted.version):
        return ""
    return f"this digest is that of {name} {version}, and {wanted.chart} {wanted.version} is wanted"
