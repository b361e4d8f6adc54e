"""`headway images ENV`: every image in an environment's files, whose it is and where; doctor names those of nobody."""

from __future__ import annotations

import json

from tests.flows.conftest import Place

DB = """apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: db/postgres:16}, {name: b, image: backup:2}]}
"""


def test_every_image_is_listed_with_its_place(place: Place) -> None:
    """Of services and of none, with file, line and rule; in a table of 80 columns, and as JSON."""
    place.start("1.0.0", staging="release: automatic", production="")
    place.remote.push({"staging/db.yaml": DB})
    done = place.run("images", "staging")
    assert done.code == 0, done.said
    rows = done.out.splitlines()
    assert rows[0] == "staging"
    assert rows[1].split() == ["service", "image", "where", "rule"]
    assert [it.split()[0] for it in rows[2:]] == ["web", "api", "no", "no"]
    assert "1.0.0@" in rows[2]
    assert "staging/web.yaml:" in rows[2]
    assert rows[2].endswith("semver:*, automatic")
    assert "db/postgres:16" in done.out
    assert max(map(len, rows)) <= 80, max(rows, key=len)
    data = json.loads(place.run("images", "staging", "--output", "json").out)["staging"]
    web, nobody = data[0], data[-1]
    assert (web["service"], web["image"]) == ("web", place.image("web", "1.0.0"))
    assert (web["file"], web["used_by"]) == ("staging/web.yaml", ["CronJob/web (c0)"])
    assert web["line"] == 11
    assert web["rule"] == "semver:*, automatic"
    assert (nobody["service"], nobody["rule"], nobody["file"], nobody["line"]) == (
        None,
        None,
        "staging/db.yaml",
        8,
    )


def test_without_a_name_every_environment_is_listed(place: Place) -> None:
    place.start("1.0.0", staging="release: automatic", production="")
    found = json.loads(place.run("images", "--output", "json").out)
    assert {name: [it["service"] for it in each] for name, each in found.items()} == {
        "staging": ["web", "api"],
        "production": ["web", "api"],
    }
    tags = json.loads(place.run("images", "web", "staging", "--output", "json").out)
    assert [it["tag"] for it in tags["staging"]] == ["1.0.0"]
    refused = place.run("images", "stagin")
    assert (refused.code, "did you mean staging?" in refused.err) == (2, True), refused.said


def test_doctor_names_images_of_nobody(place: Place) -> None:
    """One line, with the count and the first few; none where every image is a service's. A chart is no image."""
    place.start("1.0.0", staging="release: automatic", production="")
    chart = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: web}\nspec:\n"
    chart += "  url: oci://r.io/charts/web\n  ref: {tag: 0.4.0}\n"
    place.remote.push({"staging/db.yaml": DB, "staging/chart.yaml": chart})
    found = {it["what"]: it for it in json.loads(place.run("doctor", "--output", "json").out)}
    assert found["images of staging"]["ok"]
    assert found["images of staging"]["found"] == (
        "2 of no service: db/postgres:16 (staging/db.yaml:8), backup:2 (staging/db.yaml:8)"
    )
    assert "images of production" not in found
