import base64
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

import vault.services as vault
from onboarding.services import update_identity
from tenancy.actors import system
from tenancy.models import Application
from tenancy.transactions import transaction
from tests.factories.onboarding import MERCHANT, make_identity, make_merchant_identity
from tests.factories.tenancy import make_application
from vault.keys import KeyRing, UnusableKey
from vault.models import KeyCheck, SealedValue
from vault.secret import Secret

OTHER = base64.b64encode(b"o" * 32).decode()


@pytest.fixture
def application(db: None) -> Application:
    return make_application()[0]


def rotated(settings: Settings) -> KeyRing:
    return KeyRing((("k2", b"n" * 32), *settings.VAULT_KEYS.keys))


def test_values_of_many_rows_open_at_once(
    application: Application, django_assert_num_queries: Callable[[int], Any]
) -> None:
    people = [make_identity(application, {"tax_id": f"{number}" * 9}) for number in range(3)]
    without = make_identity(application, {"first_name": "Ann"})

    with transaction(by=system()), django_assert_num_queries(1):
        opened = vault.open_all([*people, without], "tax_id")

    assert opened == {person.pk: Secret(f"{number}" * 9) for number, person in enumerate(people)}


def test_opening_nothing_asks_nothing(django_assert_num_queries: Callable[[int], Any], db: None) -> None:
    with django_assert_num_queries(0):
        assert vault.open_all([], "tax_id") == {}


def test_value_is_replaced_and_erased(application: Application) -> None:
    identity = make_identity(application, {"tax_id": "111111111"})

    with transaction(by=system()):
        vault.seal(identity, "tax_id", Secret("222222222"), application_id=application.pk)
        assert vault.open_all([identity], "tax_id") == {identity.pk: Secret("222222222")}
        assert SealedValue.objects.filter(owner_id=identity.pk).count() == 1
        vault.erase(identity, "tax_id")
        assert vault.open_all([identity], "tax_id") == {}


@pytest.mark.parametrize("place", ["row", "column", "table"])
def test_blob_moved_in_the_table_does_not_open(application: Application, place: str) -> None:
    one, other = (make_identity(application, {"tax_id": number * 9, "dob": MERCHANT["dob"]}) for number in "12")
    with transaction(by=system()):
        blob = SealedValue.objects.get(owner_id=one.pk, name="tax_id").sealed
        target = {"row": (other, "tax_id"), "column": (one, "dob"), "table": (application, "tax_id")}[place]
        owner, name = target
        vault.seal(owner, name, Secret("x"), application_id=application.pk)
        SealedValue.objects.filter(owner_id=owner.pk, name=name).update(sealed=blob)

        with pytest.raises(UnusableKey):
            vault.open_all([owner], name)


def test_rotation_opens_old_values_and_seals_new_ones(application: Application, settings: Settings) -> None:
    before = make_identity(application, {"tax_id": "111111111"})
    settings.VAULT_KEYS = rotated(settings)
    after = make_identity(application, {"tax_id": "222222222"})

    with transaction(by=system()):
        opened = vault.open_all([before, after], "tax_id")
        keys = dict(SealedValue.objects.values_list("owner_id", "sealed"))

    assert opened == {before.pk: Secret("111111111"), after.pk: Secret("222222222")}
    assert [bytes(keys[row.pk]).partition(b":")[0] for row in (before, after)] == [b"k1", b"k2"]


@pytest.mark.django_db
def test_keys_that_were_used_here_are_noted_once(settings: Settings) -> None:
    for _ in range(2):
        vault.check_keys()
    settings.VAULT_KEYS = rotated(settings)
    vault.check_keys()

    assert list(KeyCheck.objects.order_by("key_id").values_list("key_id", flat=True)) == ["k1", "k2"]


@pytest.mark.django_db
@pytest.mark.parametrize("ring", [f"k1:{OTHER}", f"k2:{OTHER}", f"k2:{OTHER},k1:{OTHER}"])
def test_wrong_or_missing_key_is_refused_by_its_id(settings: Settings, ring: str) -> None:
    vault.check_keys()
    settings.VAULT_KEYS = KeyRing.parse(ring)

    with pytest.raises(UnusableKey, match="VAULT_KEYS: key k1 is missing or not the one that was used here"):
        vault.check_keys()

    assert list(KeyCheck.objects.values_list("key_id", flat=True)) == ["k1"]


NEEDLES = {"tax_id": "078051120", "business_tax_id": "219099999", "dob": {"day": 3, "month": 11, "year": 1947}}


def test_no_sensitive_value_is_in_any_table(application: Application) -> None:
    """Plain and as people write it, base64, hex and reversed; a value that may be there shows that the search finds."""
    identity = make_merchant_identity(application, **NEEDLES, first_name="Findable")
    entity = {"tax_id": Secret("078051120"), "last_name": "Changed"}
    update_identity(identity=identity, changes={"entity": entity}, by=system(), at=timezone.now())
    needles = [
        "078051120",
        "078-05-1120",
        "07-8051120",
        "219099999",
        "21-9099999",
        "1947-11-03",
        "19471103",
        "11/03/1947",
    ]

    text = dump()

    assert all(form in text for form in ("findable", str(identity.pk)))
    found = [form for needle in needles for form in forms_of(needle) if form.lower() in text]
    assert found == []


def forms_of(needle: str) -> set[str]:
    raw = needle.encode()
    shifted = (base64.b64encode(b"x" * shift + raw)[4 if shift else 0 :].decode().rstrip("=") for shift in range(3))
    return {needle, needle[::-1], raw.hex(), *(text[: len(text) - 2] for text in shifted if len(text) > 8)}


def dump() -> str:
    """Every column of every table as text, as pg_dump would write it, in lower case; of all tenants."""
    with transaction(by=system()), connections["default"].cursor() as cursor:
        tables = connections["default"].introspection.table_names(cursor)
        parts = []
        for table in tables:
            with cursor.copy(f'COPY (SELECT * FROM "{table}") TO STDOUT') as rows:
                parts += [bytes(part).decode() for part in rows]
    return "".join(parts).lower()


def test_search_would_find_each_form() -> None:
    for shift in range(3):
        text = base64.b64encode(b"x" * shift + b"078051120" + b"yz").decode()
        assert any(form in text for form in forms_of("078051120"))
    assert {"021150870", "303738303531313230"} < forms_of("078051120")
