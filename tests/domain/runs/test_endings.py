"""How a run's end is told in Prefect, and read back."""

from __future__ import annotations

import pytest

from headway.domain.runs.endings import error_of
from headway.errors import FailedError, HeadwayError, RefusedError, TransientError, UsageError


@pytest.mark.parametrize(
    ("name", "message", "kind", "said", "hint"),
    [
        ("Refused", "staging is locked\n  ask ann", RefusedError, "staging is locked", "ask ann"),
        ("Invalid", "a.yaml:1:2: wrong\nb.yaml:3:4: wrong", UsageError, "a.yaml:1:2: wrong\nb.yaml:3:4: wrong", ""),
        ("Unavailable", "no answer\n  try again", TransientError, "no answer", "try again"),
        ("Failed", "RefusedError: is only a word", FailedError, "RefusedError: is only a word", ""),
        ("Crashed", "", FailedError, "Crashed", ""),
        ("Superseded", "by a newer run", FailedError, "by a newer run", ""),
        ("Failed", "The flow was paused and never resumed.", RefusedError, "nobody approved it in time", "start it again; `approval_timeout` is in headway.yaml"),
    ],
)  # fmt: skip
def test_the_name_of_the_state_says_what_kind_of_error_it_was(
    name: str, message: str, kind: type[HeadwayError], said: str, hint: str
) -> None:
    """The message is never searched for a class; what headway did not name is a failure."""
    error = error_of(name, message)
    assert (type(error), error.message, error.hint) == (kind, said, hint)
