"""The last line of a command is a sentence for people, whatever the flow."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.releases.endline import environment_line, flow_line


@pytest.mark.parametrize(
    ("result", "line"),
    [
        ([], "staging: the cluster equals the repo"),
        ([{}], "staging: 1 object differs from the repo; nothing was done"),
        ([{}, {}], "staging: 2 objects differ from the repo; nothing was done"),
        ({"state": "nothing new"}, "staging: nothing new"),
        ({"state": "held back", "why": "a lock"}, "staging: held back: a lock"),
    ],
)
def test_an_environment_that_was_not_released_to(result: Any, line: str) -> None:
    assert environment_line("staging", result) == line


@pytest.mark.parametrize(
    ("flow", "result", "line"),
    [
        ("rebuild", {"environments": ["a", "b"], "seconds": 1.234, "equal": True}, "a, b: rebuilt in 1.2 s, equal to the repo"),
        ("rebuild", {"environments": ["a"], "seconds": 1, "equal": False}, "a: rebuilt in 1.0 s, equal to the repo but for fields of other tools"),
        ("rebuild", {"environments": ["a"], "missing_images": []}, "a: nothing was done; all images are there"),
        ("rebuild", {"environments": ["a"], "missing_images": ["r/x:1"]}, "a: nothing was done; images are missing: r/x:1"),
        ("set-image", {"namespace": "n", "image": "r/x:1", "changed": ["Deployment/x"]}, "n: Deployment/x to r/x:1"),
        ("set-image", {"namespace": "n", "image": "r/x:1", "would_change": []}, "n: nothing to r/x:1; nothing was done"),
        ("build-images", {"services": ["x"], "ref": "main", "images": ["r/x:1"]}, "to build: r/x:1; nothing was done"),
        ("build-images", {"x": "r/x:1", "y": "r/y:1"}, "x: r/x:1\ny: r/y:1"),
        ("build-images", {}, "build-images: nothing to do"),
    ],
)  # fmt: skip
def test_a_flow(flow: str, result: dict[str, Any], line: str) -> None:
    assert flow_line(flow, result) == line
