"""Pages of the portal in what states they have; a file of its own, since files are what workers share out."""

import pytest

from tests.browser.conftest import SignIn
from tests.browser.walk import STATES, faults_of_pages

pytestmark = pytest.mark.browser


def test_states_are_in_order(sign_in: SignIn) -> None:
    assert faults_of_pages(sign_in, STATES) == {}
