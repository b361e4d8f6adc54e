"""What a pipe gets: plain text, byte for byte the same whatever it says, and nothing that draws is even imported."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from headway.cli import output
from headway.cli.region import Region
from headway.cli.telling import Teller
from headway.cli.terminal import Manner, manner
from headway.errors import FailedError


def written(work: Callable[[], object]) -> str:
    """Return what some work prints, where that is a pipe."""
    pipe = io.StringIO()
    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = pipe
    try:
        work()
    finally:
        sys.stdout, sys.stderr = before
    return pipe.getvalue()


def a_table() -> None:
    output.print_table(
        ("a", "long column"),
        [
            ("x", "regex:v[a-z]+"),
            ("日本語", "two\nlines"),
            (output.styled("ok", "green"), "tab\there"),
            ("", ""),
        ],
    )


def an_error() -> None:
    output.print_error(FailedError("it\nfailed: [red]x", hint="do that"))


def a_flow() -> None:
    with Teller() as tell:
        tell("log", "", "shop Deployment/web: 1 of 3 new pods are ready")
        tell("report", "plan", "## x\n\n| a |\n| --- |\n| b |\n")
        tell("log", "", "web | pushed 1.0 of 2.0 MB (50 %)")


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (a_table, "a       long column\nx       regex:v[a-z]+\n日本語  two\n        lines\nok      tab     here\n\n"),
        (lambda: output.print_table(("a",), [], empty="none [red]x :fire:"), "none [red]x :fire:\n"),
        (lambda: output.out().print("a [bold]b[/bold] :fire:\td \x1b[31mred\x1b[2J", style="bold"), "a [bold]b[/bold] :fire: d red\\x1b[2J\n"),
        (lambda: output.out().print("x" * 300), "x" * 300 + "\n"),
        (lambda: output.out().labelled("name:   ", "a\nb"), "name:   a\nb\n"),
        (lambda: output.print_report("## a\n"), "## a\n\n"),
        (an_error, "error: it\nfailed: [red]x\ndo that\n"),
        (a_flow, "   0.00s  shop Deployment/web: 1 of 3 new pods are ready\n## x\n\n| a |\n| --- |\n| b |\n\n   0.00s  web | pushed 1.0 of 2.0 MB (50 %)\n"),
    ],
    ids=["table", "nothing", "text", "long", "label", "report", "error", "flow"],
)  # fmt: skip
def test_a_pipe_gets_text_as_it_is(
    work: Callable[[], object], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No colour, no markup, no width: a row is a line, and what a terminal would obey is shown."""
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr("headway.cli.telling.time.monotonic", lambda: 7.0)
    assert written(work) == said


def test_a_pipe_does_not_load_what_draws() -> None:
    """Neither help, nor a table, nor a flow's story imports rich, which takes as long as everything else."""
    code = (
        "import sys; from headway.cli import main, output; from headway.cli.telling import Teller\n"
        "output.print_table(('a',), [('b',)])\n"
        "with Teller() as tell: tell('report', '', '# x'); tell('log', '', 'x')\n"
        "output.print_error(output.HeadwayError('x'))\n"
        "try: main.run(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted(it for it in sys.modules if it.split('.')[0] in ('rich', 'pygments', 'markdown_it')))"
    )
    environment = {
        name: it for name, it in os.environ.items() if name not in ("FORCE_COLOR", "CLICOLOR_FORCE")
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_lines_in_place_take_their_room_in_any_encoding() -> None:
    """What a terminal cannot show takes one column, as it was counted; otherwise the line would wrap."""
    stream = io.TextIOWrapper(io.BytesIO(), "latin-1", write_through=True)
    shown = Region(stream)
    shown.show(["… 12s  é"])
    shown.write("begun")
    shown.close()
    assert stream.buffer.getvalue().decode("latin-1") == "? 12s  é\n\x1b[1A\r\x1b[Jbegun"  # type: ignore[attr-defined]


TTY, PIPE = True, False
WHOLE, NO_COLOUR, STILL = Manner(True, True, True), Manner(True, False, True), Manner(True, False, False)


@pytest.mark.parametrize(
    ("tty", "environment", "expected"),
    [
        (TTY, {}, WHOLE),
        (TTY, {"TERM": "xterm-256color"}, WHOLE),
        (TTY, {"NO_COLOR": "1"}, NO_COLOUR),
        (TTY, {"NO_COLOR": ""}, WHOLE),
        (TTY, {"NO_COLOR": "1", "CLICOLOR_FORCE": "1", "FORCE_COLOR": "1"}, NO_COLOUR),
        (TTY, {"CLICOLOR": "0"}, NO_COLOUR),
        (TTY, {"TERM": "dumb"}, STILL),
        (TTY, {"TERM": "dumb", "CLICOLOR_FORCE": "1"}, Manner(True, True, False)),
        (PIPE, {}, Manner()),
        (PIPE, {"TERM": "xterm", "COLUMNS": "80"}, Manner()),
        (PIPE, {"CLICOLOR_FORCE": "1"}, Manner(colour=True)),
        (PIPE, {"CLICOLOR_FORCE": "0"}, Manner()),
        (PIPE, {"FORCE_COLOR": "1"}, Manner(colour=True)),
        (PIPE, {"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, Manner()),
    ],
)  # fmt: skip
def test_what_a_stream_is_taken_for(tty: bool, environment: dict[str, str], expected: Manner) -> None:
    """NO_COLOR comes before what forces colours; a pipe never gets lines in place, or a width."""
    assert manner(environment, tty=tty) == expected


def test_forced_colours_change_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CI's log that understands colours gets the lines of a pipe, in colour."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("CLICOLOR_FORCE", "1")
    rows = [(output.styled("live", "green"), "x" * 300)]
    assert "\x1b[32mlive" in written(lambda: output.print_table(("a", "b"), rows))
    assert len(written(lambda: output.print_table(("a", "b"), rows)).splitlines()) == 2
    assert written(lambda: output.print_report("## a\n")) == "## a\n\n"
