"""Which repo may apply an environment: the one that did, under whatever address, and no copy of it."""

from __future__ import annotations

import pytest

from headway.domain.objects.provenance import Provenance, Source, applied_from

HERE, THERE = "git.example.com/shop/config", "git.example.com/copy/config"
LAST = Provenance(HERE, "a" * 40)


@pytest.mark.parametrize(
    ("last", "source", "same"),
    [
        pytest.param(None, Source(HERE, False, False), True, id="nothing is recorded: the first one"),
        pytest.param(LAST, Source(HERE, True, True), True, id="the same address"),
        pytest.param(LAST, Source(HERE, False, True), True, id="the same address, its history rewritten"),
        pytest.param(LAST, Source(HERE, True, False), True, id="the same address, its live ref lost"),
        pytest.param(
            LAST, Source(THERE, True, True), True, id="moved with all its refs, or spelled otherwise"
        ),
        pytest.param(LAST, Source(THERE, True, False), False, id="a clone pushed elsewhere"),
        pytest.param(LAST, Source(THERE, False, True), False, id="a mirror that did not follow"),
        pytest.param(LAST, Source(THERE, False, False), False, id="another repo with the same names"),
    ],
)
def test_a_copy_is_told_from_the_original(last: Provenance | None, source: Source, same: bool) -> None:
    """A mistake here would prune what another repo applied, or lock a team out of its own environment."""
    assert applied_from(last, source) is same
