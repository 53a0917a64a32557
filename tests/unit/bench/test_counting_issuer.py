"""The counting issuer is compiled from the source that stands beside it."""

import pytest

from bench.settling.counting import artifact, compile_source, source_digest


def test_the_artifact_is_of_this_source() -> None:
    assert artifact()["sourceSha256"] == source_digest(), "compile it anew: python -m bench.settling.counting"


@pytest.mark.long
def test_the_artifact_is_what_the_pinned_compiler_makes() -> None:
    assert compile_source() == artifact()
