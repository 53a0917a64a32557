"""A token for the session: the module reads its configuration once in a process."""

from collections.abc import Iterator

import pytest

from tests.support.tokens import SoftToken, soft_token, softhsm_module


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftToken]:
    if softhsm_module() is None:
        pytest.fail("SoftHSM2 is not installed: run `make test`, or install the package softhsm2")
    with soft_token(tmp_path_factory.mktemp("softhsm")) as ready:
        yield ready
