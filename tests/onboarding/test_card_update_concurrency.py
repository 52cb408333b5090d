"""Updates of one card asked for at once, over real connections: one of them is asked."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.payments.stack_shop import open_shop
from tests.stack import Stack

pytestmark = pytest.mark.stack


def test_many_at_once_ask_once(stack: Stack) -> None:
    shop = open_shop(stack)
    path, body = f"/payment_instruments/{shop.card}/updates", {"merchant": shop.merchant}

    with ThreadPoolExecutor(5) as pool:
        statuses = sorted(pool.map(lambda _: shop.client().call("POST", path, body).status, range(5)))

    assert statuses == [201, 422, 422, 422, 422]
    assert (shop.rows("instrument_update"), shop.rows("sandbox_card_update")) == (1, 1)
