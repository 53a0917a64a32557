"""Every way of reading evidence has a name and a version."""

import pytest

from community.attestation.codecs import VERSIONS, codec_of
from community.metering.dlms.push_layouts import Layout


@pytest.mark.parametrize("layout", Layout)
def test_every_layout_has_a_codec(layout: Layout) -> None:
    assert codec_of(layout) == f"dlms-{layout.value}/{VERSIONS[f'dlms-{layout.value}']}"


def test_ecw1_has_one() -> None:
    assert codec_of() == "ecw1/1"
