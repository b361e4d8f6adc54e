"""A node that tells nothing any more says nothing about a release."""

from __future__ import annotations

from lab.place import Place
from lab.processes import Server
from tests.lab.app import App


def test_a_silent_node_leaves_a_release_unfinished(app: App) -> None:
    """Not failed, not rolled back and not vetoed; once the kubelet tells again, reconcile finishes it."""
    app.pull()
    app.write("headway.yaml", app.headway_yaml(timeout="20s"))
    app.push("A short time")
    live = app.live("staging")
    with Server(Place.default(), "kubelet").paused():
        done = app.release("staging", "web=v2")
        commit = app.log("-1", "--format=%H")
        assert done.code == 1, done.said
        assert "how it goes is not known: node" in done.err
        assert "`headway reconcile staging` finishes it" in done.err
        assert app.commits()[0].startswith("Release web to staging")
        assert commit not in app.noted()
        assert app.live("staging") == live
    app.pull()
    assert not (app.work / "holds.yaml").exists()
    finished = app.run("reconcile", "staging", "--local")
    assert finished.code == 0, finished.said
    assert app.states(commit) == ["live"]
    assert app.live("staging") == commit
    assert app.running("staging", "web") == app.image("web", "v2")
