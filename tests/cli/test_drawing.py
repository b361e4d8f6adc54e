"""What a terminal shows: everything fits its width, nothing of others is obeyed, and short versions are short."""

from __future__ import annotations

import io

import pytest

from headway.cli.drawing import Drawing
from headway.cli.output import print_error
from headway.cli.terminal import Manner
from headway.domain.text.document import Span, read
from headway.domain.text.markdown import blocks, code, fence, inline, table
from headway.errors import FailedError
from tests.screen import Screen

SHA, DIGEST = "9ab2c41f0d" * 4, "sha256:" + "ab12" * 16
IMAGE = f"registry.example.com:5000/shop/frontend:sha-{SHA}@{DIGEST}"
HOSTILE = "[red]x[/] \x1b[2J\x1b]0;title\x07 \u202egnp.exe :fire: 日本語"
COMMAND = "kubectl --namespace production get deployment/frontend"
MANNER = Manner(drawn=True, colour=True, live=True)
REPORT = blocks(
    [
        "## Plan for production",
        f"Requested by **{inline('ann')}**: {inline(HOSTILE)}",
        table(
            ("service", "from", "to", "why"), [("frontend", code("1.4.1"), code("1.4.2"), inline(HOSTILE))]
        ),
        table(("object", "state"), [(code(f"production Deployment/{'x' * 50}"), inline("y " * 60))]),
        f"- warning: {inline('fewer pods than before ' * 6)}\n  - {code('spec.replicas')}: {code('3')} → {code('2')}",
        f"Images in full:\n\n{fence([f'frontend  {IMAGE}'], 'images')}",
        fence(["--- a/x.yaml", "+++ b/x.yaml", f"+  image: {IMAGE}", f"-  {HOSTILE}"], "diff"),
        fence([COMMAND], "sh"),
    ]
)


def drawn(width: int, monkeypatch: pytest.MonkeyPatch, manner: Manner = MANNER, *, wide: bool = False) -> str:
    """Return what is written to a terminal for a report, two tables, and an error."""
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    drawing = Drawing(stream, wide=wide, manner=manner)
    drawing.document(read(REPORT))
    drawing.table(
        ("environment", "service", "image in the repo", "pods", "health"),
        [
            (
                (Span("production"),),
                (Span("frontend"),),
                (Span(IMAGE),),
                (Span("3/3"),),
                (Span("live", "green"),),
            )
        ],
    )
    drawing.table(
        ("when", "commit", "environment", "kind", "what", "who", "outcome"),
        [
            [(Span(it),) for it in ("2026-11-23 10:15:02", "9ab2c41f0", "production", "release", f"frontend {IMAGE}", HOSTILE, "live")],
        ],
    )  # fmt: skip
    drawing.labelled("error: ", f"{HOSTILE} {'word ' * 40}", style="bold red")
    return stream.getvalue()


@pytest.mark.parametrize("width", [200, 120, 80, 60, 40, 25])
@pytest.mark.parametrize("wide", [False, True])
def test_nothing_overflows(width: int, wide: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is longer than the terminal is wide, but for those that are there to be copied."""
    written = drawn(width, monkeypatch, wide=wide)
    for copied in (COMMAND, f"frontend  {IMAGE}\n"):
        written = written.replace(copied, "\n", 1)
    found = Screen(width, written)
    assert found.wrapped == 0
    assert found.odd == []


@pytest.mark.parametrize("width", [80, 40])
def test_words_of_others_are_shown_and_not_obeyed(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Markup stays text, a name of an emoji too; escapes and marks of direction are made visible."""
    said = " ".join(Screen(width, drawn(width, monkeypatch)).shown)
    for text in ("[red]x[/]", ":fire:", "日本語", "\\u202egnp.exe"):
        assert text in said
    assert "\u202e" not in said
    assert "title" not in said.replace("\\x1b]0;title", "")


def test_a_status_of_80_columns_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image is its tag there; beyond that, a table is kept as long as no word has to be broken."""
    shown = Screen(80, drawn(80, monkeypatch)).shown
    at = next(n for n, it in enumerate(shown) if it.startswith("environment  service"))
    assert shown[at : at + 2] == [
        "environment  service   image in the repo  pods  health",
        "production   frontend  sha-9ab2c41f0…     3/3   live",
    ]


def test_a_status_of_40_columns_is_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cell has a line with its name, so that nothing is cut off."""
    shown = Screen(40, drawn(40, monkeypatch)).shown
    at = next(n for n, it in enumerate(shown) if it.startswith("  service ")) - 1
    assert shown[at : at + 3] == [
        "production",
        "  service            frontend",
        "  image in the repo  registry.example.co",
    ]
    assert "  health             live" in shown


def test_short_versions_and_full_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short: digests keep their first digits, and images in full are left out. Wide leaves nothing out."""
    short = Screen(200, drawn(200, monkeypatch)).shown
    assert "+  image: registry.example.com:5000/shop/frontend:sha-9ab2c41f0…@sha256:ab12ab12ab12…" in short
    assert not any(DIGEST in it or "Images in full" in it for it in short)
    wide = Screen(300, drawn(300, monkeypatch, wide=True)).shown
    assert {f"+  image: {IMAGE}", "Images in full:", f"frontend  {IMAGE}"} <= set(wide)
    assert sum(DIGEST in it for it in wide) == 4


def test_what_is_to_be_copied_is_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command is one line for whoever copies it, however narrow the terminal is."""
    assert f"\n{COMMAND}\n" in drawn(30, monkeypatch)


def test_no_colour_and_a_dumb_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR leaves bold, which is none; a dumb terminal gets no escape at all; both show the same text."""
    coloured = drawn(80, monkeypatch)
    plain = drawn(80, monkeypatch, Manner(drawn=True, live=True))
    dumb = drawn(80, monkeypatch, Manner(drawn=True))
    assert "\x1b[32m" in coloured
    assert set(plain.split("\x1b[")[1:])
    assert all(it.split("m")[0] in ("0", "1", "2") for it in plain.split("\x1b[")[1:])
    assert "\x1b" not in dumb
    assert Screen(80, coloured).shown == Screen(80, plain).shown == Screen(80, dumb).shown


def test_what_is_indented_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrapped line begins where it began; an error is never shortened, since it may say what to type."""
    monkeypatch.setenv("COLUMNS", "40")
    stream = io.StringIO()
    Drawing(stream, manner=MANNER).print(f"first\n  {'word ' * 10}\n\nlast")
    assert Screen(40, stream.getvalue()).shown == [
        "first", "  word word word word word word word", "  word word word", "", "last",
    ]  # fmt: skip
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("sys.stderr", stream := io.StringIO())
    monkeypatch.setattr("headway.cli.output.manner_of", lambda stream: MANNER)
    print_error(FailedError(f"no such digest: {DIGEST}"))
    assert DIGEST in stream.getvalue()


def test_only_addresses_of_pages_become_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit's page can be clicked; what is no page stays text."""
    stream = io.StringIO()
    monkeypatch.setenv("COLUMNS", "80")
    Drawing(stream, manner=MANNER).document(read("[`a`](https://x.example/a) [`b`](file:///etc/passwd)"))
    said = stream.getvalue()
    assert "https://x.example/a" in said
    assert "passwd" not in said
    assert Screen(80, said).shown == ["", "a b"]
