"""headway.yaml: every mistake at once, each where it stands."""

from __future__ import annotations

import re

import pytest

from headway.cli.schema import schema
from headway.domain.config import model
from headway.domain.config.reading import load_config
from headway.domain.text.described import descriptions
from headway.errors import ConfigError
from tests import REPO

DOCS = REPO / "docs"
SERVICES = "version: 1\napp: shop\nservices:\n  web: {image: r.io/web}\n  api: {image: r.io/api}\n"
PLACE = "cluster: {namespace: a}"
HERE = f"a: {{path: a, {PLACE}, "
EVERYTHING = """version: 1
app: shop
services:
  web:
    image: localhost:5000/shop/web
    source: {repo: ../web.git, branch: main, context: ., dockerfile: Dockerfile}
    tags: {match: ["regex:web-(?P<semver>.*)", "exact:2.0.0"], range: ">=1", ignore: "glob:*-rc*", order: semver, platform: linux/amd64, floor: "1.2.0", mutable: false}
  api: {image: localhost:5000/shop/api}
environments:
  staging:
    path: staging
    cluster: {context: shop, namespace: staging}
    release: automatic
    tags: {match: "glob:*", order: commit}
    soak: 10m
    verify: {http: "http://localhost/healthz", timeout: 1m}
  production:
    path: production
    cluster: {context: shop, namespace: production}
    promote_from: staging
    approvals: 1
    windows: ["mon-thu 09:00-17:00 Europe/London"]
    freezes: ["2026-12-20 - 2027-01-02 Europe/London"]
    approval_timeout: 2h
    on_failure: rollback
    timeout: 1h30m
    services: {api: {tags: {match: "semver:>=1.2 <2"}}}
notify:
  slack: {channel: "#releases"}
"""


def environments(*lines: str) -> str:
    """Write a file whose environments are these lines."""
    return SERVICES + "environments:\n" + "".join(f"  {line}\n" for line in lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: a map with version"),
        ("a: b: c\n", "1:5: not YAML"),
        ("version: 1\nversion: 1\n", "2:1: the key version stands here a second time"),
        ("version: 1\n---\nversion: 1\n", "3:1: one document is expected"),
        ("version: 2\n", "1:10: version: 1 is expected"),
        ("version: 1\napp: Shop\n", "2:6: app: a name of lower-case letters"),
        ("version: 1\nservces: {}\n", "2:1: unknown key servces; did you mean services?"),
        ("version: 1\nservices: {web: {image: 'r.io/web:1'}}\n", "2:25: services.web.image: a repository without tag"),
        ("version: 1\nservices: {web: {image: R.io/WEB}}\n", "2:25: services.web.image:"),
        ("version: 1\nservices: {web: []}\n", "2:17: services.web: a map is expected"),
        ("version: 1\nservices: {web: {image: r.io/web, source: {rpo: x}}}\n", "unknown key rpo; did you mean repo?"),
        (environments("a: {path: /etc, " + PLACE + "}"), "7:13: environments.a.path: a folder inside"),
        (environments("a: {path: a/../../b, " + PLACE + "}"), "7:13: environments.a.path: a folder inside"),
        (SERVICES + "images: [{kind: A, path: spec..x}]\n", "6:26: images.0.path: the path 'spec..x' cannot be read from '.x' on"),
        (SERVICES + "images: [{kind: A, path: x, tag: 'a[b]'}]\n", "6:34: images.0.tag: the path 'a[b]' cannot be read"),
        (SERVICES + "images: [{kind: Secret, path: data.x}]\n", "6:17: images.0.kind: another kind is expected"),
        (SERVICES + "images: [{kind: A}]\n", "6:10: path is missing in images.0"),
        (SERVICES + "images: [{kind: A, path: a, pth: b}]\n", "unknown key pth; did you mean path?"),
        (environments(HERE + "timeout: soon}"), "environments.a.timeout: a duration"),
        (environments(HERE + "approvals: -1}"), "environments.a.approvals"),
        (
            environments(HERE + "verify: {http: shop.example/healthz}}"),
            "7:56: environments.a.verify.http: a URL is expected",
        ),
        (environments(HERE + "on_failure: retry}"), "'rollback' or 'keep' is expected"),
        (environments(HERE + "release: automatic}"), "automatic, but nothing says which tags of web may be released"),
        (environments(HERE + "tags: {match: latest}}"), "'latest' is not a rule; glob:*, semver:"),
        (environments(HERE + "services: {web: {tags: {match: 'glob:*'}}}}"), "order is missing"),
        (environments(HERE + "services: {web: {tags: {match: 'glob:*', order: commit}}}}"), "needs the service's `source`"),
        (environments(HERE + "windows: [always]}"), "'always' is not a window"),
        (environments(HERE + "freezes: ['2026-12-20 - 2026-12-01 UTC']}"), "ends before it begins"),
        (environments(HERE + "windows: ['mon 09:00-10:00 Mars/Base']}"), "'Mars/Base' is not a time zone"),
        (environments(HERE + "verify: {timeout: 1m}}"), "http, job or promql is missing"),
        (environments(HERE + "verify: {job: a/smoke.yaml}}"), "a place outside `path` is expected"),
        (
            environments(HERE + "approvals: 1, release: automatic, tags: {match: 'semver:*'}}"),
            "automatic releases cannot be approved",
        ),
        (environments(HERE + "chart: {path: c, ref: oci://r.io/c, version: 1.0.0}}"), "path is given beside it; one of path, ref and repo"),
        (environments(HERE + "chart: {ref: 'oci://r.io/c:1', version: 1.0.0}}"), "without tag and digest"),
        (environments(HERE + "chart: {ref: r.io/c, version: 1.0.0}}"), "a chart in a registry is expected"),
        (environments(HERE + "chart: {ref: 'oci://ann:x@r.io/c', version: 1.0.0}}"), "a chart in a registry is"),
        (environments(HERE + "chart: {ref: oci://r.io/c}}"), "7:54: version is expected beside it"),
        (environments(HERE + "chart: {repo: 'https://r.io', version: 1.0.0}}"), "name is expected beside it"),
        (environments(HERE + "chart: {repo: 'http://r.io', name: c, version: 1.0.0}}"), "with TLS"),
        (environments(HERE + "chart: {repo: 'http://127.0.0.1.r.io', name: c, version: 1.0.0}}"), "with TLS"),
        (environments(HERE + "chart: {repo: 'https://a:b@r.io', name: c, version: 1.0.0}}"), "without a login"),
        (environments(HERE + "chart: {name: c}}"), "repo is expected beside it"),
        (environments(HERE + "chart: {path: c, version: 1.0.0}}"), "ref or repo is expected beside it"),
        (environments(HERE + "chart: {ref: oci://r.io/c, version: 1.0.0, digest: 'sha256:1'}}"), "64 hexadecimal"),
        (environments(HERE + "chart: {ref: oci://r.io/c, version: ../1}}"), "chart.version: "),
        (environments(HERE + "promote_from: b}"), "no environment 'b'"),
        (environments(HERE + "promote_from: a}"), "goes round in a circle"),
        (environments(HERE + "services: {wbe: {}}}"), "no service 'wbe'; did you mean web?"),
        (environments("a: {path: x, " + PLACE + "}", "b: {path: x/y, " + PLACE + "}"), "8:13: environment a has x"),
        (environments(HERE + "approve_on: [slack]}"), "approvals is expected beside it"),
        (environments(HERE + "approvals: 1, approve_on: [mail]}"), "'board' or 'slack' is expected"),
        (
            environments(HERE[:-2] + "}") + "people: {ann: {slack: U0ANN}, bob: {slack: U0ANN}}\n",
            "ann is U0ANN in Slack already",
        ),
        (environments(HERE[:-2] + "}") + "people: {ann: {slack: '@ann'}}\n", "people.ann.slack"),
        (SERVICES.replace("r.io/api", "r.io/web") + environments(HERE[:-2] + "}")[len(SERVICES):], "5:16: service web"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_its_place(text: str, expected: str) -> None:
    """file:line:column, what is wrong, what was expected."""
    with pytest.raises(ConfigError) as caught:
        load_config(text.encode())
    assert expected in str(caught.value)
    assert all(re.match(r"headway\.yaml:\d+:\d+: ", line) for line in str(caught.value).splitlines())


def test_all_mistakes_at_once_in_the_order_of_the_file() -> None:
    """Nobody has to correct one to see the next."""
    with pytest.raises(ConfigError) as caught:
        load_config(b"version: 3\napp: X\nsrvices: {}\n")
    assert [it.line for it in caught.value.problems] == [1, 1, 1, 2, 3]


BOTH_ROUNDS = """version: 1
app: Shop
services:
  web: {image: 'r.io/web:1', tags: {match: latest}}
  api: {image: r.io/api, port: 80}
environments:
  staging:
    path: /staging
    cluster: {namespace: Staging}
    promote_from: nowhere
    windows: [always]
    services: {wbe: {}}
  production: {path: production, cluster: {namespace: p}, release: sometimes, promote_from: staging, timeout: soon}
  Test: {path: test, cluster: {namespace: t}}
notify: {slack: {chanel: x}, environments: [prod], routes: [{only: failures}]}
"""


def test_all_mistakes_in_one_round() -> None:
    """What the shape says wrong and what only the keys together say wrong are told at once, each once."""
    with pytest.raises(ConfigError) as caught:
        load_config(BOTH_ROUNDS.encode())
    said = [(it.line, it.message) for it in caught.value.problems]
    expected = [
        (2, "app: a name of lower-case"), (4, "services.web.image: a repository without tag"),
        (4, "'latest' is not a rule"), (5, "unknown key port"), (8, "environments.staging.path: a folder inside"),
        (9, "environments.staging.cluster.namespace: a name of lower-case"), (10, "no environment 'nowhere'"),
        (11, "'always' is not a window"), (12, "no service 'wbe'; did you mean web?"),
        (13, "environments.production.release: 'automatic' or 'manual' is expected"),
        (13, "environments.production.timeout: a duration"), (14, "environments.Test: a name of lower-case"),
        (15, "channel is missing in notify.slack"), (15, "unknown key chanel; did you mean channel?"),
        (15, "no environment 'prod'; known: staging, production, Test"), (15, "slack, webhook or apprise is missing"),
    ]  # fmt: skip
    missing = [it for it in expected if not any(line == it[0] and it[1] in text for line, text in said)]
    more = [it for it in said if not any(it[0] == line and text in it[1] for line, text in expected)]
    assert (missing, more) == ([], [])
    assert len(said) == len(expected)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            environments(HERE + "release: automatic, tags: {mach: x}, promote_from: [b]}"),
            ["promote_from: text is expected", "unknown key mach"],
        ),
        (environments(HERE + "release: automatic, tags: 5}"), ["a.tags: a map is expected"]),
        (
            environments(HERE + "only_by_promotion: true, promote_from: 5}"),
            ["promote_from: text is expected"],
        ),
        (environments(HERE + "verify: {http: x}}"), ["verify.http: a URL"]),
        (
            environments(HERE + "verify: 5, windows: [5, 'mon 09:00-10:00 UTC']}"),
            ["verify: a map", "windows.0: text"],
        ),
        (environments("a: []", "b: {path: b, " + PLACE + ", promote_from: a}"), ["environments.a: a map"]),
        (
            SERVICES.replace("r.io/api", "5") + "environments: {}\n",
            ["services.api.image: text", "at least one"],
        ),
        (
            environments("a: {path: [x], " + PLACE + "}", "b: {path: ., " + PLACE + "}"),
            ["a.path: text is expected"],
        ),
        ("version: 1\n", ["app is missing", "services is missing", "environments is missing"]),
        (
            "version: 1\napp: a\nx: &x {image: 5}\nservices: {a: *x, b: *x}\n",
            ["unknown key x", "services.a.image: text", "services.b.image: text", "environments is missing"],
        ),
    ],
)
def test_one_mistake_brings_no_other(text: str, said: list[str]) -> None:
    """What follows from a key that is wrong itself is not told beside it."""
    with pytest.raises(ConfigError) as caught:
        load_config(text.encode())
    found = [it.message for it in caught.value.problems]
    assert len(found) == len(said), found
    assert all(any(it in message for message in found) for it in said), found


def test_every_key_is_read() -> None:
    """A file with every key says what it says."""
    config = load_config(EVERYTHING.encode())
    assert config.environment("production").timeout.total_seconds() == 5400
    assert config.document.notify is not None


def test_the_published_schema_is_current() -> None:
    """docs/headway.schema.json is what the model says; `python -m headway.cli.schema` writes it."""
    assert (DOCS / "headway.schema.json").read_text() == schema()


@pytest.mark.parametrize(
    "part", [it for it in vars(model).values() if isinstance(it, type) and issubclass(it, model.Part)]
)
def test_every_key_is_documented(part: type[model.Part]) -> None:
    """docs/headway-yaml.md names each key of the file, and the schema describes it."""
    text = (DOCS / "headway-yaml.md").read_text()
    for name in part.model_fields:
        assert re.search(rf"`(\w+\.)?{name}\b", text), name
        assert descriptions(part).get(name), name
