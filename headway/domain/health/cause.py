"""Why something is not live: one value from the pod to the note, Slack and CI."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Cause:
    """What keeps a workload or a release from being live; falsy where nothing is known.

    `code` is Kubernetes' reason or a word like it, empty where a sentence is all there is. `pod` and `container`
    say where it was seen. `blames` says whether it speaks of the image or its configuration. What the cluster lacks
    does not: it is waited for, and never a reason for a veto.
    """

    code: str = ""
    text: str = ""
    pod: str = ""
    container: str = ""
    blames: bool = True

    def __bool__(self) -> bool:
        return bool(self.code or self.text)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.code, self.text) if part)

    def saying(self, text: str) -> Cause:
        """Return the same cause in other words."""
        return replace(self, text=text)


NO_CAUSE = Cause()
"""What there is to say where nothing keeps anything."""
