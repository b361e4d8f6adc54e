"""A tag that is rendered without a digest has the one that its release has recorded."""

from __future__ import annotations

from datetime import UTC, datetime

from headway.domain.config.reading import load_config
from headway.domain.images.reference import Image
from headway.domain.manifests.image_sites import ImageSite
from headway.domain.manifests.index import FileIndex
from headway.domain.releases.ledger import Entry, ReleaseRecord
from headway.domain.releases.recorded import recorded_digests, with_digests, without_digest

CONFIG = load_config(
    b"version: 1\napp: shop\nservices:\n  web: {image: r.io/web}\n"
    b"environments:\n  staging: {path: staging, cluster: {namespace: a}}\n"
)
D1, D2 = ("sha256:" + it * 64 for it in "12")


def release(environment: str, new: str) -> Entry:
    changes = (("web", Image("r.io/web:0"), Image(new)),)
    record = ReleaseRecord(id="r", environment=environment, kind="release", changes=changes, actor="ann")
    return Entry("c" * 40, (), "ann", datetime(2026, 1, 1, tzinfo=UTC), "Release", record)


def index(image: str, obstacle: str = "rendered") -> FileIndex:
    return FileIndex("chart", images=(ImageSite(Image(image), 0, 1, 1, 1, (), (), obstacle),))


def found(image: str, *entries: Entry) -> str:
    asked = without_digest(CONFIG, [index(image)])
    (done,) = with_digests([index(image)], recorded_digests(asked, "staging", entries))
    return done.images[0].image.text


def test_the_newest_release_of_the_tag_to_the_environment_counts() -> None:
    others = (release("production", f"r.io/web:1@{D1}"), release("staging", f"r.io/web:2@{D1}"))
    assert found("r.io/web:1", *others, release("staging", f"r.io/web:1@{D2}")) == f"r.io/web:1@{D2}"


def test_what_nothing_is_recorded_of_stays() -> None:
    for image in ("r.io/web:1", "r.io/web", "r.io/else:1"):
        assert found(image, release("staging", f"r.io/web:2@{D1}")) == image


def test_plain_yaml_says_itself_what_it_pins() -> None:
    for image, obstacle in (("r.io/web:1", ""), (f"r.io/web:1@{D1}", "rendered")):
        assert without_digest(CONFIG, [index(image, obstacle)]) == frozenset()
    known = {Image("r.io/web:1"): Image(f"r.io/web:1@{D1}")}
    assert with_digests([index("r.io/web:1", "")], known)[0].images[0].image.digest == ""
