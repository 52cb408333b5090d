"""The same code from several places at the same moment, over real connections."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from tenancy.roles import Role
from tests.factories.tenancy import make_person
from tests.tenancy.test_factors import KEY, NOW, is_accepted, set_up
from tests.totp import code_of

pytestmark = pytest.mark.usefixtures("own_database")

THREADS = 6


@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_code_that_comes_several_times_at_once_is_accepted_once(kind: str) -> None:
    ada = make_person(f"{kind}@example.org", Role.ADMIN)
    recovery_codes = set_up(ada)
    code = code_of(KEY, NOW) if kind == "app" else recovery_codes[0]
    together = Barrier(THREADS)

    def enter(_: int) -> bool:
        try:
            together.wait(60)
            return is_accepted(ada, code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        verdicts = sorted(pool.map(enter, range(THREADS)))

    assert verdicts == [False] * (THREADS - 1) + [True]
