"""Whatever comes as an archive, what is taken of it stays in the chart's folder, or it is refused in headway's words."""

from __future__ import annotations

import gzip
import io
import tarfile

from hypothesis import given
from hypothesis import strategies as st

from headway.domain.rendering.archive import unpacked
from headway.domain.rendering.unit import joined, within
from headway.errors import UsageError
from tests.charts import packed

NAMES = st.lists(
    st.sampled_from(["a", "..", ".", "", "b c", "\\", "ü", "x" * 300]), min_size=1, max_size=4
).map("/".join)
KINDS = st.sampled_from(
    [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE]
)


def taken(archive: bytes) -> dict[str, bytes]:
    try:
        return unpacked(archive)
    except UsageError:
        return {}


@given(st.lists(st.tuples(NAMES, KINDS), max_size=6))
def test_what_is_taken_is_in_the_charts_folder(members: list[tuple[str, bytes]]) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind in [("shop/Chart.yaml", tarfile.REGTYPE), *members]:
            made = tarfile.TarInfo(name)
            made.type, made.linkname = kind, "../../../etc/passwd"
            tar.addfile(made)
    for path in taken(gzip.compress(out.getvalue())):
        place = joined("chart", path)
        assert place == f"chart/{path}"
        assert within(place, "chart")


@given(st.integers(0, 400), st.binary(max_size=8))
def test_a_damaged_archive_is_refused_or_read(at: int, other: bytes) -> None:
    """Never another error, wherever it is damaged."""
    whole = packed({"Chart.yaml": "name: shop\nversion: 1.0.0\n", "values.yaml": "a: 1\n"})
    taken(whole[:at] + other + whole[at + len(other) :])
    tar = gzip.decompress(whole)
    taken(gzip.compress(tar[:at] + other + tar[at + len(other) :]))
