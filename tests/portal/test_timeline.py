"""A timeline's entries in words."""

from typing import Any

import pytest
from django.utils import timezone

from portal.timeline import timeline_of
from tenancy.actors import system
from tenancy.transactions import Act, transaction
from tests.factories.onboarding import make_identity
from tests.factories.tenancy import make_application


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"title": ["CEO", "CFO"]}, "Title: CEO → CFO"),
        ({"title": [None, "CFO"]}, "Title set to CFO"),
        ({"title": ["CEO", None]}, "Title: CEO → nothing"),
        ({"processing_enabled": [True, False]}, "Processing enabled: on → off"),
        ({"max_transaction_amount": [0, 2500050]}, "Max transaction amount: 0.00 → 25,000.50"),
        ({"annual_card_volume": ["0", "100"]}, "Annual card volume: 0.00 → 1.00"),
        ({"phone": ["1", "2"], "phone_e164": ["+1", "+2"]}, "Phone: 1 → 2"),
        ({"tax_id": ["provided", "provided"], "tax_id_provided": [False, True]}, "Tax id replaced"),
        ({"tags": [{}, {"a": "b"}]}, "Tags changed"),
    ],
)
def test_changes_are_told_in_words(changes: dict[str, Any], words: str) -> None:
    application, _ = make_application()
    identity = make_identity(application)
    by = system("Ann")

    with transaction(by=by):
        Act(by, timezone.now()).record("identity.updated", identity, application_id=application.pk, changes=changes)
        newest, first = timeline_of(identity, by=by)

    assert (newest["title"], newest["by"], newest["detail"]) == ("Identity updated", "Ann", words)
    assert first["title"] == "Identity created"
