"""What a run says before it does anything: every file, every image, and nothing that a name could turn into markup."""

from __future__ import annotations

from headway.domain.images.reference import ImageRef
from headway.domain.objects.compare import FieldDiff
from headway.domain.objects.drift import Drift
from headway.domain.objects.identity import ObjectId
from headway.domain.releases.plans import Change, Plan
from headway.operations.builds import Built, ToBuild
from headway.operations.reports.plan import (
    asked_by,
    build_report,
    builds_report,
    drift_report,
    plan_report,
    set_image_plan,
)
from headway.systems.cluster.set_image import ImageSet
from tests.images import moved

A, B = f"r/web:latest@sha256:{'a' * 64}", f"r/web:latest@sha256:{'b' * 64}"


def plan(old: str = "r/web:1.0.0", new: str = "r/web:1.1.0", **files: bytes) -> Plan:
    written = {path.replace("_", "/"): data for path, data in files.items()} or {"staging/web.yaml": b"new\n"}
    return Plan(
        "staging",
        "c" * 40,
        (Change(*moved("web", old, new), "a | b"),),
        written,
        ("left out: x.yaml:1:1: *odd*",),
    )


def nothing(commit: str, path: str) -> bytes | None:
    return None


def test_a_plan_shows_what_its_commit_writes_besides_the_manifests() -> None:
    """A file that is written in the same commit is in the diff, in the order of the paths."""
    said = plan_report(plan(), nothing, asked_by("ann", "why"), {"holds.yaml": b"vetoes:\n"})
    assert [it for it in said.splitlines() if it.startswith("+")] == [
        "+++ b/holds.yaml", "+vetoes:", "+++ b/staging/web.yaml", "+new",
    ]  # fmt: skip
    assert r"| web | `1.0.0` | `1.1.0` | a \| b |" in said
    assert "Requested by **ann**: why." in said
    assert r"- left out: x.yaml:1:1: \*odd\*" in said


def test_a_long_diff_is_cut_and_names_what_is_beyond() -> None:
    """At 200 lines; the files that are not shown whole are named."""
    long = b"".join(b"%d\n" % it for it in range(300))
    said = plan_report(plan(a=long, b=b"x\n"), nothing)
    diff = said[said.index("```diff") :].splitlines()
    assert len(diff) == 1 + 200 + 1 + 1
    assert diff[-2].endswith("more lines, of a, b")


def test_a_fence_in_a_manifest_does_not_end_the_diff() -> None:
    """Documentation in a ConfigMap may have Markdown of its own."""
    said = plan_report(plan(a=b"text: |\n  ```\n  # no heading\n"), nothing)
    assert "````diff\n" in said
    assert said.endswith("````\n")


def test_a_tag_that_means_another_image_now() -> None:
    """Where the tag stays and the digest changes, the table shows the digests."""
    said = plan_report(plan(A, B), nothing)
    assert "| web | `latest@aaaaaaaaaaaa` | `latest@bbbbbbbbbbbb` |" in said


def test_drift_is_reported_safely() -> None:
    """Values come from a cluster: pipes, backticks and long texts stay what they are; what is not there is a dash."""
    web = ObjectId("apps", "Deployment", "shop", "web")
    said = drift_report(
        "staging", [Drift(web, "change", (FieldDiff("spec.x", "a|b`c", None), FieldDiff("y", "z" * 500, 1)))]
    )
    assert "- change `shop Deployment/web`\n  - `spec.x`: ``a|b`c`` → –\n" in said
    assert f"  - `y`: `{'z' * 79}…` → `1`\n" in said
    assert not any(it.startswith("|") for it in said.splitlines()), "a table of values is cut off in a form"


def test_images_with_the_times_of_build_and_push() -> None:
    """What was there already has no times."""
    image = ImageRef.parse("r.example/shop/web:1")
    said = build_report([Built("web", image, False, 31.4, 4.26), Built("api", image, True)])
    assert "| web | `1` | 31s | 4.3s |" in said
    assert "| api | `1` | in the registry already |  |" in said
    assert "\nweb  r.example/shop/web:1\napi  r.example/shop/web:1\n" in said


def test_no_table_is_wider_than_a_form() -> None:
    """Tables have short versions; below them stands each image in full, once, to be copied."""
    old, new = (f"registry.example.com:5000/shop/web:sha-{it * 40}@sha256:{it * 64}" for it in "ab")
    image = ImageRef.parse(new)
    for said, full in [
        (plan_report(plan(old, new), nothing), f"web  {new}"),
        (build_report([Built("web", image, False, 31.4, 4.26)]), f"web  {new}"),
        (builds_report([ToBuild("web", "c" * 40, image, False)], ""), f"web  {new}"),
        (
            set_image_plan(image, "shop", [ImageSet(ObjectId("apps", "Deployment", "shop", "web"), "web", old, new)], "", ""),
            f"shop Deployment/web web, now  {old}",
        ),
    ]:  # fmt: skip
        rows = [it for it in said.splitlines() if it.startswith("|")]
        assert rows
        assert [it for it in rows if len(it) > 100 or "sha256" in it] == []
        assert said.splitlines().count(full) == 1
