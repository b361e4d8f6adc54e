"""The ledger for people: what was released, one release whole, and how well it goes."""

from __future__ import annotations

import json

from tests.lab.app import App


def test_history_show_and_metrics(app: App) -> None:
    """Filters keep what they say, `show` tells one release whole, and the metrics count what happened."""
    assert app.release("staging", "web=v2").code == 0
    assert app.release("staging", "api=v2", HEADWAY_ACTOR="eve").code == 0
    assert app.run("rollback", "staging", "--service", "api", "--reason", "wrong totals", "--local").code == 0
    assert app.run("lock", "staging", "web", "--reason", "audit").code == 0

    def kinds(*options: str) -> list[str]:
        done = app.run("history", "staging", *options, "--output", "json")
        assert done.code == 0, done.said
        return [it["kind"] for it in json.loads(done.out)]

    assert kinds()[:4] == ["lock", "rollback", "release", "release"]
    # The first push brought both.
    assert kinds("--service", "api") == ["rollback", "release", "push"]
    assert kinds("--service", "web") == ["lock", "release", "push"]
    assert kinds("--actor", "EVE") == ["release"]
    assert kinds("--kind", "rollback") == ["rollback"]
    assert kinds("--until", "1h") == []
    assert len(kinds("--since", "1h", "--limit", "2")) == 2
    assert "no such release" in app.run("history", "staging", "--actor", "nobody").out
    assert app.run("history", "--service", "nosuch").code == 2
    assert app.run("history", "--since", "whenever").code == 2

    releases = json.loads(app.run("history", "staging", "--kind", "release", "--output", "json").out)
    bad = releases[0]
    shown = app.run("show", bad["release"])
    assert shown.code == 0, shown.said
    for said in ("eve", bad["commit"], "rolled back by", "live", '+          image: "'):
        assert said in shown.out
    assert (
        json.loads(app.run("show", bad["commit"][:10], "--output", "json").out)["release"] == bad["release"]
    )
    assert app.run("show", "nosuch").code == 2

    rows = json.loads(app.run("metrics", "staging", "--since", "1d", "--output", "json").out)["rows"]
    whole = next(it for it in rows if it["service"] == "")
    api = next(it for it in rows if it["service"] == "api")
    assert (whole["deployments"], whole["failed"], whole["ended"]) == (3, 1, 3)
    assert (api["deployments"], api["failed"], api["restore_n"]) == (1, 1, 1)
    assert "(all)" in app.run("metrics").out
    assert app.run("metrics", "--since", "1h", "--until", "2h").code == 2
