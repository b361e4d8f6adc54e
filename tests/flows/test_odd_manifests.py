"""What is wrong with one file is said with its place, changes no value, and stops nothing else."""

from __future__ import annotations

import base64

import pytest

from tests.flows.conftest import Place
from tests.servers import kubernetes as kube_server

SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: %s\n"


@pytest.fixture(autouse=True)
def more_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the API server know Secrets and ConfigMaps too."""
    core = [
        *kube_server.KINDS[""],
        ("v1", "secrets", "Secret", "Namespaced"),
        ("v1", "configmaps", "ConfigMap", "Namespaced"),
    ]
    monkeypatch.setitem(kube_server.KINDS, "", core)


def secrets(place: Place) -> dict[str, str]:
    """Return the values of all Secrets in the cluster."""
    return {
        name: base64.b64decode(value).decode()
        for each in place.kube.objects.values()
        if each.get("kind") == "Secret"
        for name, value in each["data"].items()
    }


def test_a_password_without_quotes_is_refused_and_one_with_them_is_kept(place: Place) -> None:
    """0123456 never becomes 42798; the line is named, and the value is not."""
    place.start("1.0.0", staging="release: manual")
    place.remote.push({"staging/db.yaml": SECRET % "0123456"})
    done = place.run("reconcile")
    assert "staging/db.yaml:5:13: stringData.password: text is expected" in done.said
    assert "0123456" not in done.said
    assert secrets(place) == {}
    place.remote.push({"staging/db.yaml": SECRET % "'0123456'"})
    assert place.run("reconcile").code == 0
    assert secrets(place) == {"password": "0123456"}


ODD = {
    "labels": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: [b]}\n",
    "stringData": "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: abc\n",
    "namespace": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: {b: c}}\n",
    "containers": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [1]}\n",
    "digits": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nspec: {b: " + "9" * 5000 + "}\n",
    "circle": "apiVersion: v1\nkind: List\nitems: &a [*a]\n",
    "bomb": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "levels": "a: " + "[" * 496 + "]" * 496,
    "name": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ../../other/secrets/s}\n",
}


def test_odd_files_stop_no_other_service(place: Place) -> None:
    """Plan, release, status, diff and rollback of the other services go on, and each file is named."""
    place.start("1.0.0", staging="release: manual")
    place.remote.push({f"staging/odd-{name}.yaml": text for name, text in ODD.items()})
    place.image("web", "1.1.0")
    for arguments in (
        ("plan", "staging", "web=1.1.0"),
        ("release", "staging", "web=1.1.0"),
        ("status", "staging"),
        ("diff", "staging"),
        ("rollback", "staging", "--dry-run"),
    ):
        done = place.run(*arguments)
        assert done.code in (0, 1), done.said
        if arguments[0] in ("plan", "status"):
            assert all(f"staging/odd-{name}.yaml:" in done.said for name in ODD), done.said
    assert place.tags("staging")["web"] == "1.1.0"
    assert place.run("rollback", "staging", "--reason", "try").code == 0
    assert place.tags("staging")["web"] == "1.0.0"


def test_characters_beyond_the_first_65536_reach_the_cluster(place: Place) -> None:
    """A smiley in a ConfigMap stands in the body as it is: the API server's YAML knows no surrogate pairs."""
    place.start("1.0.0", staging="release: manual")
    place.remote.push(
        {
            "staging/c.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: 😀}\n",
            "staging/d.json": '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d"},"data":{"a":"\\ud83d\\ude00"}}',
        }
    )
    assert place.run("reconcile").code == 0
    found = [it["data"]["a"] for it in place.kube.objects.values() if it.get("kind") == "ConfigMap"]
    assert found == ["😀", "😀"]


def test_escape_characters_of_others_reach_no_terminal(place: Place) -> None:
    """A commit subject, a file name and a value with ESC are shown as text, as a table and as JSON."""
    place.start("1.0.0", staging="release: manual")
    esc, back = "\x1b]0;gone\x07", "\u202e"
    place.remote.push({f"staging/odd{esc}{back}.yaml": "a: [1"}, message=f"subject {esc}{back}")
    for arguments in (
        ("history", "staging"),
        ("history", "staging", "--output", "json"),
        ("status", "staging"),
        ("status", "staging", "--output", "json"),
        ("reconcile",),
        ("show", "HEAD"),
    ):
        done = place.run(*arguments)
        assert not set("\x1b\x07\u202e") & set(done.said), (arguments, done.said)
