"""Lines in place on a real terminal: what a person sees while something rolls out, and what is left behind."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable

import pytest

from headway.cli.telling import AWAY
from tests.screen import Screen
from tests.servers.http import HttpServer, Sent
from tests.terminal import Terminal

pytestmark = pytest.mark.slow
STORY = """
import sys, threading, time
from headway.cli.main import lasting_streams, watched_signals
from headway.cli.output import print_error
from headway.cli.telling import Teller
from headway.runtime.interruption import note_unfinished
from headway.errors import FailedError
def wait(): sys.stdin.readline()
from headway.cli.signals import Stopped
def story(tell):
    log = lambda line: tell("log", "", line)
STORY
code = 1
with lasting_streams(), watched_signals():
    try:
        with Teller(wide=WIDE) as tell:
            story(tell)
        code = 0
    except FailedError as error:
        print_error(error)
    except Stopped as stopped:
        code = stopped.code
sys.exit(code)
"""
"""A command that tells a story; `wait()` waits until Enter is pressed, without an echo."""


def terminal(story: str, width: int = 80, wide: bool = False, **more: str) -> Terminal:
    """Start a command that tells a story at a terminal."""
    told = "".join(f"    {it}\n" for it in story.strip().splitlines())
    code = STORY.replace("WIDE", str(wide)).replace("STORY\n", told)
    environment = {
        name: it for name, it in os.environ.items() if name not in ("FORCE_COLOR", "CLICOLOR_FORCE")
    }
    made = Terminal([sys.executable, "-c", code], width, {**environment, **more})
    made.silent()
    return made


def last(count: int, width: int = 80) -> Callable[[str], bool]:
    """Say whether so many lines are shown."""
    return lambda written: len(Screen(width, written).shown) >= count


def lines(width: int, written: str) -> list[str]:
    """Return what is shown, with each time as T."""
    found = Screen(width, written)
    assert found.odd == []
    return [re.sub(r" +\d+\.\d\ds(?=  )", "T", re.sub(r" +\d+s\b", " Ns", it)) for it in found.shown]


def test_a_rollout_at_a_terminal() -> None:
    """One line for each workload, replaced in place; what is done stays in the log; reports come in between."""
    story = """
log("applied 2 objects: Deployment")
log("shop Deployment/web: 1 of 3 pods are of the new version")
log("shop Deployment/api: its controller has not seen the change yet")
log("shop Deployment/web: 2 of 3 new pods are ready")
wait()
log("shop Deployment/web: live")
print("a library's own word", file=sys.stderr)
tell("report", "outcome", "## staging: live\\n\\n| step | took |\\n| --- | --- |\\n| apply | 0.4s |\\n")
log("shop Deployment/api: live")
"""
    with terminal(story) as it:
        it.until(lambda written: "2/3 ready" in written)
        assert lines(80, it.written) == [
            "T  applied 2 objects: Deployment",
            "          web  2/3 ready Ns",
            "          api Ns  its controller has not seen the change yet",
        ]
        it.type("\n")
        code, written = it.end()
    assert code == 0
    assert Screen(80, written).wrapped == 0
    assert lines(80, written) == [
        "T  applied 2 objects: Deployment",
        "T  web  3/3 ready Ns  live",
        "a library's own word",
        "",
        "staging: live",
        "",
        "step   took",
        "apply  0.4s",
        "",
        "T  api Ns  live",
    ]


def test_the_time_goes_on_by_itself() -> None:
    """A line in place counts its seconds, and so does what was said last where there is none."""
    with terminal('log("rehearsing")\nwait()\nlog("web | Step 1/2 : FROM x")\nwait()') as it:
        it.until(lambda written: re.search(r"… \d+s  rehearsing", written) is not None)
        it.type("\n")
        it.until(lambda written: re.search(r"step 1/2.* [1-9]\d*s", written) is not None)
        assert lines(80, it.written) == ["T  rehearsing", "          web  step 1/2 Ns  FROM x"]


def test_many_threads_tear_no_line() -> None:
    """Workloads of several environments and a chatty library write at the same time."""
    story = """
def chat(name):
    for n in range(60):
        log(f"shop Deployment/{name}: {n} of 60 pods are of the new version")
        log(f"{name} says {n}")
        print(f"{name} prints {n}", file=sys.stderr)
    log(f"shop Deployment/{name}: live")
threads = [threading.Thread(target=chat, args=(it,)) for it in "abcd"]
[it.start() for it in threads]
[it.join() for it in threads]
"""
    with terminal(story) as it:
        code, written = it.end()
    assert code == 0
    shown = lines(80, written)
    for name in "abcd":
        said = [it for it in shown if f"{name} says" in it]
        assert [re.sub("^T  ", "", it) for it in said] == [f"{name} says {n}" for n in range(60)]
        assert [it for it in shown if f"{name} prints" in it] == [f"{name} prints {n}" for n in range(60)]
        assert f"T  {name}  60/60 ready Ns  live" in shown
    assert len(shown) == 4 * (60 + 60 + 1)


@pytest.mark.parametrize("width", [80, 40, 30])
def test_narrow_terminals(width: int) -> None:
    """Lines in place are cut where the terminal ends, lines of the log are wrapped, and nothing overflows."""
    story = f"""
log("{"word " * 30}")
log("shop Deployment/{"n" * 50}: waiting for 日本語 {"x" * 200}")
log("shop Deployment/web: \\x1b[2J\\u202e[red]")
wait()
"""
    with terminal(story, width) as it:
        it.until(lambda written: written.count("web") >= 2)
        found = Screen(width, it.written)
        assert (found.wrapped, found.odd) == (0, [])
        assert any(it.strip().startswith("web ") for it in found.shown)
        assert "\u202e" not in it.written
        assert "\x1b[2J" not in it.written
        it.type("\n")
        assert it.end()[0] == 0


def test_a_chatty_build_is_not_drawn_line_by_line() -> None:
    """Thousands of lines in a moment become a few versions of one line; the last of them is shown."""
    story = """
for n in range(5000): log(f"web | compiling {n}")
wait()
"""
    with terminal(story) as it:
        it.until(lambda written: "compiling 4999" in written)
        shown = it.written.count("compiling")
        it.type("\n")
        code, written = it.end()
    assert code == 0
    assert shown < 1000
    assert lines(80, written) == ["T  web Ns  compiling 4999"]


def test_a_resize_tears_nothing() -> None:
    """After it, the lines are drawn for the new width below; what was said before stays."""
    story = """
log("before")
log("shop Deployment/web: waiting for a very long time for something that does not come about")
wait()
log("shop Deployment/web: still waiting for a very long time for something that does not come")
log("after")
wait()
"""
    with terminal(story) as it:
        it.until(lambda written: "waiting" in written)
        wide = len(it.written)
        it.resize(40)
        it.type("\n")
        it.until(lambda written: "after" in written and "still" in written.rpartition("after")[2])
        # What was drawn in between may have been for either width.
        narrow = it.written[it.written.index("still", wide) :]
        assert Screen(40, narrow[narrow.index("\n") + 1 :]).wrapped == 0
        shown = lines(80, it.written)
        assert [it for it in shown if "before" in it] == ["T  before"]
        assert [it for it in shown if "after" in it] == ["T  after"]
        assert shown[-1].lstrip().startswith("web Ns  still waiting")
        it.type("\n")
        assert it.end()[0] == 0


def test_a_command_that_was_suspended_draws_over_nothing() -> None:
    """After Ctrl-Z and `fg`, the shell's own words stand below the lines, which are drawn afresh."""
    with terminal('log("shop Deployment/web: 1 of 3 new pods are ready")\nwait()') as it:
        it.until(lambda written: "1/3 ready" in written)
        it.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, it.process.pid, os.WSTOPPED | os.WNOWAIT)
        time.sleep(AWAY + 0.5)
        it.rest()
        before = len(it.written)
        it.process.send_signal(signal.SIGCONT)
        it.until(lambda written: "1/3 ready" in written[before:])
        assert not it.written[before:].startswith("\x1b[1A")
        it.type("\n")
        assert it.end()[0] == 0


@pytest.mark.parametrize("dumb", [True, False])
def test_where_no_line_can_be_replaced(dumb: bool) -> None:
    """A dumb terminal, and whoever asked for everything, gets each line of the log, one after the other."""
    story = 'log("shop Deployment/web: 1 of 3 new pods are ready")\nlog("web | gcc")'
    with terminal(story, wide=not dumb, **({"TERM": "dumb"} if dumb else {})) as it:
        code, written = it.end()
    assert code == 0
    assert lines(80, written) == ["T  shop Deployment/web: 1 of 3 new pods are ready", "T  web | gcc"]
    assert ("\x1b" in written) is not dumb


def test_ctrl_c_says_what_is_left_and_leaves_the_terminal_whole() -> None:
    """The first goes on and says so, below the lines; the second ends it. Nothing was hidden that must be shown."""
    story = """
note_unfinished("staging", "staging: commit 9ab2c41f0")
log("shop Deployment/web: 1 of 3 new pods are ready")
while True: time.sleep(0.05)
"""
    with terminal(story) as it:
        before = it.modes()
        it.until(lambda written: "1/3 ready" in written)
        it.type("\x03")
        it.until(
            lambda written: (
                "commit 9ab2c41f0" in written and "1/3 ready" in written.rpartition("9ab2c41f0")[2]
            )
        )
        it.until(lambda written: written.rpartition("9ab2c41f0")[2].count("1/3 ready") >= 3)
        shown = lines(80, it.written)
        at = next(n for n, text in enumerate(shown) if text.startswith("a release is on its way"))
        assert "staging: commit 9ab2c41f0" in shown[at + 2]
        assert shown[at + 3 :] == ["          web  1/3 ready Ns"]
        it.type("\x03")
        code, written = it.end()
        assert code == 128 + signal.SIGINT
        shown = lines(80, written)
        assert "stopped; left as it is:" in shown
        assert shown[-1] == "T  web  1/3 ready Ns"
        assert it.modes() == before
    assert "\x1b[?" not in written, "no mode of the terminal is changed"


def test_a_closed_terminal_ends_no_release(tmp_path: object) -> None:
    """A release that is on its way is finished, though nobody reads any more."""
    done = os.path.join(str(tmp_path), "done")
    story = f"""
note_unfinished("staging", "staging: commit 9ab2c41f0")
log("shop Deployment/web: 1 of 3 new pods are ready")
try: wait()
except OSError: pass
log("shop Deployment/web: live")
tell("report", "x", "## live")
open({done!r}, "w").close()
"""
    with terminal(story) as it:
        it.until(lambda written: "1/3 ready" in written)
        it.close()
        assert it.process.wait(60) == 0
    assert os.path.exists(done)


def test_an_error_comes_after_the_lines() -> None:
    """What a command failed with stands below everything, where a person looks first."""
    story = """
log("shop Deployment/web: 1 of 3 new pods are ready")
raise FailedError("it failed", hint="do that")
"""
    with terminal(story) as it:
        code, written = it.end()
    assert code == 1
    assert lines(80, written) == ["T  web  1/3 ready Ns", "error: it failed", "do that"]


def test_a_run_that_goes_on_elsewhere_has_the_same_lines() -> None:
    """They are read from the run's log, which is all that a server gives; its report is drawn at the end."""
    server, ended = HttpServer(), threading.Event()
    log = ["applied 1 object: Deployment", "shop Deployment/web: 2 of 3 new pods are ready"]

    def run(sent: Sent) -> dict[str, object]:
        after = int(sent.path.partition("after=")[2])
        said = [*log, "shop Deployment/web: live"] if ended.is_set() else log
        state = ("COMPLETED", "Completed") if ended.is_set() else ("RUNNING", "Running")
        found: dict[str, object] = {"state": state[0], "name": state[1], "message": "", "log": said[after:]}
        reports = [{"key": "outcome", "text": "## staging: live\n\nCommit `9ab2c41f0`, 3.0s.\n"}]
        return {**found, "next": len(said), "complete": ended.is_set(), "reports": reports}

    server.standing["/api/deliver"] = lambda sent: {"run": "r", "page": "https://prefect.example/r"}
    server.standing["/api/runs/r"] = run
    command = [sys.executable, "-m", "headway.cli.main", "ci", "staging", "--ref", "9" * 40]
    environment = {**os.environ, "HEADWAY_URL": server.url, "HEADWAY_TOKEN": "t"}
    try:
        with Terminal(command, 80, environment) as it:
            it.until(lambda written: "2/3 ready" in written)
            ended.set()
            code, written = it.end()
    finally:
        server.close()
    assert code == 0
    assert lines(80, written)[1:] == [
        "T  applied 1 object: Deployment",
        "T  web  3/3 ready Ns  live",
        "",
        "staging: live",
        "",
        "Commit 9ab2c41f0, 3.0s.",
        "",
        "deliver: completed",
    ]
