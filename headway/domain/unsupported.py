"""Keys of headway.yaml that are read but not alive yet.

A key that is accepted and does nothing would be a promise broken in silence, so
each is refused by name. The list gets shorter as the features land.
"""

from __future__ import annotations

from headway.domain.config import Config
from headway.errors import Problem


def unsupported(config: Config) -> list[Problem]:
    """Name every key that headway could not keep yet."""
    if config.document.notify is None:
        return []
    return [config.problem(("notify",), "notify is not supported yet")]
