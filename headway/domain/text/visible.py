"""Text from elsewhere, as text: what a terminal, a log or a chat would obey is shown instead.

Commit subjects, names, file names, registries' and clusters' messages are other people's words. Each exit
(terminal, log, page, chat) puts them through here, so that ESC moves no cursor and a right-to-left mark turns
no `refused` into something else. Colours that a container's log was written with are dropped.
"""

from __future__ import annotations

import re

# Controls but for tab and newline, marks that turn the direction of text, and characters that nobody sees.
_OBEYED = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    r"\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")


def visible(text: str) -> str:
    """Return a text in which each character is seen; lines and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return _OBEYED.sub(_shown, _COLOURS.sub("", text.replace("\r\n", "\n")))


def visible_line(text: str) -> str:
    """Return a text as one line in which each character is seen."""
    return " ".join(visible(text).split())


def visible_json(text: str) -> str:
    """Return JSON that says the same, with such characters as escapes."""
    return _OBEYED.sub(_escaped, text)


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\u{0xD7C0 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
