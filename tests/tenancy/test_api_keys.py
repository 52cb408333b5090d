"""Secrets of API users: rotation with an overlap, and when a key was used."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.models import Audit, Event
from resources.errors import FieldError
from tenancy import services
from tenancy.actors import Actor, MissingPermission, Origin, system
from tenancy.models import ApiUser
from tenancy.roles import Role
from tenancy.services import authenticate_api_user
from tenancy.transactions import transaction
from tests.factories.onboarding import make_merchant_login
from tests.factories.tenancy import Login, make_platform_login
from tests.tenancy.conftest import Tenant
from vault.secret import Secret

DAY = timedelta(days=1)


@pytest.fixture
def clock(db: None) -> Iterator[Any]:
    with time_machine.travel(timezone.now(), tick=False) as coordinates:
        yield coordinates


def opens(user: ApiUser, secret: Secret) -> bool:
    return authenticate_api_user(user_id=user.public_id, secret=secret, origin=Origin()) is not None


def rotate(login: Login, overlap: timedelta = DAY, *, by: Actor | None = None) -> Secret:
    return services.rotate_api_user(user=login.user, overlap=overlap, by=by or system(), at=timezone.now())[1]


def history(user: ApiUser) -> list[tuple[str, list[str]]]:
    with transaction(by=system()):
        rows = Event.objects.filter(resource_id=user.pk).order_by("sequence")
        return [(row.kind, sorted(row.changes)) for row in rows]


def test_both_secrets_open_until_the_overlap_is_over(own: Tenant, clock: Any) -> None:
    new = rotate(own.partner)

    assert [opens(own.partner.user, secret) for secret in (own.partner.secret, new)] == [True, True]
    clock.shift(DAY - timedelta(seconds=1))
    assert [opens(own.partner.user, secret) for secret in (own.partner.secret, new)] == [True, True]
    clock.shift(timedelta(seconds=1))
    assert [opens(own.partner.user, secret) for secret in (own.partner.secret, new)] == [False, True]


def test_without_overlap_the_old_secret_ends_at_once(own: Tenant) -> None:
    new = rotate(own.partner, timedelta())

    assert [opens(own.partner.user, secret) for secret in (own.partner.secret, new)] == [False, True]
    own.partner.user.refresh_from_db()
    assert own.partner.user.previous_secret_hash is None


def test_old_secret_is_ended_before_its_time(own: Tenant) -> None:
    new = rotate(own.partner)

    services.end_previous_secret(user=own.partner.user, by=system(), at=timezone.now())

    assert [opens(own.partner.user, secret) for secret in (own.partner.secret, new)] == [False, True]
    with pytest.raises(services.NoPreviousSecret):
        services.end_previous_secret(user=own.partner.user, by=system(), at=timezone.now())
    assert history(own.partner.user)[-2:] == [
        ("user.rotated", ["previous_secret_until"]),
        ("user.old_secret_ended", ["previous_secret_until"]),
    ]


def test_second_rotation_ends_what_the_first_left_over(own: Tenant) -> None:
    first, second = own.partner.secret, rotate(own.partner)

    third = rotate(own.partner)

    assert [opens(own.partner.user, secret) for secret in (first, second, third)] == [False, True, True]


def test_disabled_user_is_let_in_by_neither_secret(own: Tenant) -> None:
    new = rotate(own.partner)

    services.update_api_user(user=own.partner.user, values={"enabled": False}, by=system(), at=timezone.now())

    assert [opens(own.partner.user, secret) for secret in (own.partner.secret, new)] == [False, False]


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=7, seconds=1)])
def test_overlap_has_bounds(own: Tenant, overlap: timedelta) -> None:
    with pytest.raises(FieldError) as refusal:
        rotate(own.partner, overlap)

    assert (refusal.value.field, str(refusal.value)) == ("overlap_seconds", "0 to 604800 is needed")
    assert opens(own.partner.user, own.partner.secret)


def test_program_that_rotates_its_own_secret_keeps_the_old_one_for_a_while(own: Tenant) -> None:
    with pytest.raises(services.NeedsOverlap):
        rotate(own.partner, timedelta(), by=own.partner.actor)

    new = rotate(own.partner, timedelta(seconds=60), by=own.partner.actor)

    assert [opens(own.partner.user, secret) for secret in (own.partner.secret, new)] == [True, True]


def test_keys_of_the_platform_are_rotated_by_admins_alone(own: Tenant) -> None:
    platform = make_platform_login(Role.PLATFORM)
    refused = [
        (platform, platform.actor),
        (platform, own.partner.actor),
        (own.partner, make_merchant_login(own.identity).actor),
    ]

    for login, actor in refused:
        with pytest.raises(MissingPermission):
            rotate(login, by=actor)

    assert opens(platform.user, platform.secret)


def test_no_secret_is_kept(own: Tenant) -> None:
    new = rotate(own.partner)

    row = str(ApiUser.objects.filter(pk=own.partner.user.pk).values().get())
    with transaction(by=system()):
        kept = row + str(list(Event.objects.values())) + str(list(Audit.objects.values()))
    assert new.reveal() not in kept
    assert own.partner.secret.reveal() not in kept


def last_used(user: ApiUser) -> datetime | None:
    return ApiUser.objects.values_list("last_used_at", flat=True).get(pk=user.pk)


def test_use_is_noted_once_a_minute(own: Tenant, clock: Any) -> None:
    ApiUser.objects.update(last_used_at=None)
    first = timezone.now()
    writes = []

    for _ in range(5):  # at 0, 25, 50, 75 and 100 seconds
        with CaptureQueriesContext(connection) as queries:
            assert opens(own.partner.user, own.partner.secret)
        writes.append(sum(query["sql"].lstrip().startswith("UPDATE") for query in queries))
        clock.shift(timedelta(seconds=25))

    assert writes == [1, 0, 0, 1, 0]
    assert last_used(own.partner.user) == first + timedelta(seconds=75)


def test_wrong_secret_is_no_use(own: Tenant) -> None:
    ApiUser.objects.update(last_used_at=None)

    assert not opens(own.partner.user, Secret("x" * 43))

    assert last_used(own.partner.user) is None


def test_refusals_take_the_same_statements(own: Tenant) -> None:
    """An unknown id, a wrong secret, one that has ended, and a key that is switched off."""
    ended = make_merchant_login(own.identity)
    rotate(ended, timedelta())
    stranger = ApiUser(id=own.application.pk)
    off = make_platform_login()
    services.update_api_user(user=off.user, values={"enabled": False}, by=system(), at=timezone.now())
    tried = [
        (stranger, Secret("x")), (own.partner.user, Secret("x")), (ended.user, ended.secret), (off.user, off.secret),
    ]  # fmt: skip
    statements = []

    for user, secret in tried:
        with CaptureQueriesContext(connection) as queries:
            assert not opens(user, secret)
        statements.append([query["sql"].split()[0] for query in queries])

    assert statements == [["SELECT"]] * 4
