"""A packed chart comes from elsewhere: what is no plain file at a plain place never reaches a tool."""

from __future__ import annotations

import gzip
import json
import tarfile

import pytest

from headway.domain.rendering import archive
from headway.domain.rendering.archive import CHART_CONFIG, CHART_LAYER, chart_layer, unpacked, wrong_chart
from headway.domain.rendering.place import RemoteChart
from headway.errors import UsageError
from tests.charts import members, packed

FILES = {"Chart.yaml": "name: shop\nversion: 1.2.3\n", "templates/a.yaml": "a: 1\n", "charts/b-1.tgz": b"\0"}


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, link
    return made


def test_the_files_of_a_chart_are_those_below_its_folder() -> None:
    """Whatever the folder is called; what Helm went by when it packed is not gone by again."""
    found = unpacked(packed({**FILES, ".helmignore": "*.yaml"}, "whatever"))
    assert found == {path: it.encode() if isinstance(it, str) else it for path, it in FILES.items()}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (members(member("../shop/evil.yaml")), "leads out of the chart's folder"),
        (members(member("shop/../../evil.yaml")), "leads out of the chart's folder"),
        (members(member("/etc/evil.yaml")), "leads out of the chart's folder"),
        (members(member("shop/a\\..\\b")), "leads out of the chart's folder"),
        (members(member("evil.yaml")), "leads out of the chart's folder"),
        (members(member("shop//evil.yaml")), "leads out of the chart's folder"),
        (members(member("shop/link", tarfile.SYMTYPE, link="/etc/passwd")), "is a link or a device"),
        (members(member("shop/link", tarfile.LNKTYPE, link="shop/Chart.yaml")), "is a link or a device"),
        (members(member("shop/pipe", tarfile.FIFOTYPE)), "is a link or a device"),
        (members(member("shop/null", tarfile.CHRTYPE)), "is a link or a device"),
        (members(member("shop/Chart.yaml")), "is there twice"),
        (members(member(f"shop/{'x' * 300}")), "is too long a name"),
        (packed({"values.yaml": "a: 1"}), "has no Chart.yaml"),
        (packed(FILES)[:-20], "ends in the middle"),
        (b"<html>", "cannot be read"),
        (b"", "cannot be read"),
        (gzip.compress(b"no tar at all" * 100, mtime=0), "cannot be read"),
    ],
)
def test_what_is_no_plain_file_at_a_plain_place_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        unpacked(data)


def test_there_is_an_end_to_what_it_unpacks_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """In bytes, wherever they are hidden, and in files."""
    bomb = gzip.compress(b"\0" * (archive.UNPACKED + 2))
    with pytest.raises(UsageError, match="unpacks to more than 50 MB"):
        unpacked(bomb)
    halves = gzip.compress(b"\0" * (archive.UNPACKED // 2 + 1))
    with pytest.raises(UsageError, match="unpacks to more than 50 MB"):
        unpacked(halves + halves)
    monkeypatch.setattr(archive, "FILES", 2)
    with pytest.raises(UsageError, match="has more than 2 files"):
        unpacked(packed(FILES))


def manifest(config: str = CHART_CONFIG, *layers: str) -> bytes:
    rows = [{"mediaType": it, "digest": "sha256:" + "a" * 64, "size": 5} for it in layers or (CHART_LAYER,)]
    return json.dumps({"config": {"mediaType": config}, "layers": rows}).encode()


def test_a_manifest_names_one_archive() -> None:
    """Beside it may be what proves where the chart comes from."""
    prov = "application/vnd.cncf.helm.chart.provenance.v1.prov"
    assert chart_layer(manifest(CHART_CONFIG, CHART_LAYER, prov)).digest == "sha256:" + "a" * 64


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        manifest("application/vnd.oci.image.config.v1+json"),
        manifest(CHART_CONFIG, "application/vnd.oci.image.layer.v1.tar+gzip"),
        manifest(CHART_CONFIG, CHART_LAYER, CHART_LAYER),
        manifest().replace(b"a" * 64, b"../../etc"),
        manifest().replace(b'"size": 5', b'"size": null'),
    ],
)
def test_what_is_no_manifest_of_a_chart_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError):
        chart_layer(data)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("name: shop\nversion: 1.2.3\n", ""),
        ("name: shop\nversion: 1.2.4\n", "this digest is that of shop 1.2.4, and shop 1.2.3 is wanted"),
        ("name: other\nversion: 1.2.3\n", "this digest is that of other 1.2.3"),
        ("- a\n", "this digest is that of  , and shop 1.2.3 is wanted"),
        ("a: [", "its Chart.yaml is not readable"),
    ],
)
def test_a_digest_is_that_of_the_version_that_is_written_beside_it(said: str, wrong: str) -> None:
    chart = RemoteChart(ref="oci://r.io/charts/shop", version="1.2.3")
    assert wrong_chart({"Chart.yaml": said.encode()}, chart).startswith(wrong)
    assert bool(wrong_chart({"Chart.yaml": said.encode()}, chart)) == bool(wrong)
