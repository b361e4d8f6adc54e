"""Where GitPython's errors become headway's: nobody above needs to know of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from git.exc import GitCommandNotFound, GitError
from gitdb.exc import ODBError

from headway.errors import FailedError
from headway.systems.git.redaction import redact


@contextlib.contextmanager
def own_errors() -> Iterator[None]:
    """Raise FailedError for whatever GitPython and gitdb raise of their own."""
    try:
        yield
    except GitCommandNotFound:
        raise FailedError(
            "the program git was not found", hint="install Git 2.31 or newer and put it on the PATH"
        ) from None
    except (GitError, ODBError) as error:
        raise FailedError(f"git failed: {redact(str(error))}") from None
