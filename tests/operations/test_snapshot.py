"""One look at the config repo: what it says at a commit, and whose rules an older folder is read by."""

from __future__ import annotations

from pathlib import Path

from headway.operations.connections import Connections
from headway.settings import Settings
from tests.repos import Remote

CONFIG = """version: 1
app: shop
services: {web: {image: localhost:5000/shop/web}}
environments: {staging: {path: staging, cluster: {namespace: then}}}
"""
WEB = """apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {version: "VERSION"}
"""


def test_an_older_folder_is_read_by_the_newer_rules(tmp_path: Path) -> None:
    """What was live is compared by the rules of the commit that is to be applied: what it ignores is no object."""
    remote = Remote(tmp_path / "config.git")
    files = {"staging/web.yaml": WEB.replace("VERSION", "1"), "staging/web.tpl.yaml": "{{ not YAML"}
    remote.push({"headway.yaml": CONFIG, **files})
    ignoring = CONFIG.replace("then", "now") + 'ignore: ["*.tpl.yaml"]\n'
    remote.push({"headway.yaml": ignoring, "staging/web.yaml": WEB.replace("VERSION", "2")})
    with Connections(Settings(repo=remote.url, state=tmp_path / "state")) as connections:
        connections.repo.fetch()
        old, new = remote.commits()[1], remote.head()
        snapshot = connections.at(new)
        past = snapshot.past("staging", old)
        assert (past.commit, past.namespace, past.problems) == (old, "now", ())
        assert [it.object["data"] for it in past.manifests] == [{"version": "1"}]
        # The same holds on the way from an environment, and whoever asks the old commit itself gets its own rules.
        again = snapshot.environment("staging").past(old)
        assert (again.commit, again.namespace, again.tree) == (old, "now", past.tree)
        then = connections.at(old).environment("staging")
        assert then.namespace == "then"
        assert [it.file for it in then.problems] == ["staging/web.tpl.yaml"]


def test_a_snapshot_is_read_once(tmp_path: Path) -> None:
    """Who asks again gets the same environment, also for the snapshot's own commit among the past ones."""
    remote = Remote(tmp_path / "config.git")
    remote.push({"headway.yaml": CONFIG, "staging/web.yaml": WEB})
    with Connections(Settings(repo=remote.url, state=tmp_path / "state")) as connections:
        head = connections.repo.fetch()
        desired = connections.at(head).environment("staging")
        assert connections.at(head).environment("staging") is desired
        assert connections.at(head).past("staging", head) is desired
