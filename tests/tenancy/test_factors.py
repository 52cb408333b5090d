"""The second factor by its services: which codes are accepted, how often, and what is kept of them."""

from datetime import UTC, datetime, timedelta

import pytest
from allauth.mfa.models import Authenticator

from events.models import Audit
from resources.errors import FieldError
from tenancy import services
from tenancy.actors import Actor, MissingPermission, Origin, system
from tenancy.models import Person
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.factories.tenancy import make_person
from tests.tenancy.conftest import Tenant
from tests.totp import code_of
from vault.secret import Secret

NOW = datetime(2027, 3, 1, 12, 0, 10, tzinfo=UTC)
KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def actor_of(person: Person) -> Actor:
    return services.person_actor(person, origin=Origin())


def set_up(person: Person, *, at: datetime = NOW - timedelta(days=1)) -> list[str]:
    codes = services.set_up_second_factor(
        person=person, secret=Secret(KEY), code=code_of(KEY, at), by=actor_of(person), at=at
    )
    person.refresh_from_db()
    return [code.reveal() for code in codes]


def is_accepted(person: Person, code: str, at: datetime = NOW) -> bool:
    try:
        services.use_second_factor(person=person, code=code, by=actor_of(person), at=at)
    except FieldError:
        return False
    return True


@pytest.fixture
def ada(db: None) -> Person:
    return make_person("ada@example.org", Role.ADMIN)


def audited() -> list[tuple[str, str]]:
    with transaction(by=system()):
        return list(Audit.objects.order_by("pk").values_list("action", "reason"))


def test_known_codes_of_the_standard() -> None:
    """RFC 6238, appendix B, cut to six digits."""
    key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

    shown = [code_of(key, datetime.fromtimestamp(at, UTC)) for at in (59, 1111111109, 2000000000)]

    assert shown == ["287082", "081804", "279037"]


@pytest.mark.parametrize(("steps", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_clocks_may_differ_by_one_step(ada: Person, *, steps: int, accepted: bool) -> None:
    set_up(ada)

    assert is_accepted(ada, code_of(KEY, NOW, steps=steps)) is accepted


@pytest.mark.parametrize("later", [0, 1, 29, 30, 59])
def test_code_is_accepted_once(ada: Person, later: int) -> None:
    """Within all of the time in which it would be right."""
    set_up(ada)
    code = code_of(KEY, NOW, steps=1)
    assert is_accepted(ada, code)

    assert not is_accepted(ada, code, NOW + timedelta(seconds=later))


def test_code_from_before_the_last_one_is_not_accepted(ada: Person) -> None:
    set_up(ada)
    assert is_accepted(ada, code_of(KEY, NOW, steps=1))

    assert not is_accepted(ada, code_of(KEY, NOW, steps=0))
    assert is_accepted(ada, code_of(KEY, NOW, steps=2), NOW + timedelta(seconds=30))


def test_code_of_the_set_up_signs_nobody_in(ada: Person) -> None:
    set_up(ada, at=NOW)

    assert not is_accepted(ada, code_of(KEY, NOW))


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "\u0661\u0662\u0663\u0664\u0665\u0666", "0" * 400])
def test_what_is_no_code_is_refused(ada: Person, code: str) -> None:
    set_up(ada)

    assert not is_accepted(ada, code)


def test_code_may_be_typed_as_the_app_shows_it(ada: Person) -> None:
    set_up(ada)
    code = code_of(KEY, NOW)

    assert is_accepted(ada, f" {code[:3]} {code[3:]} ")


def test_recovery_codes_work_once_each(ada: Person) -> None:
    codes = set_up(ada)

    assert len(set(codes)) == 10
    assert [is_accepted(ada, code) for code in (codes[3], codes[3], f"{codes[4][:4]} {codes[4][4:]}")] == [
        True,
        False,
        True,
    ]
    assert services.recovery_codes_left(ada) == 8
    assert audited()[-2:] == [("use_recovery_code", "9 are left"), ("use_recovery_code", "8 are left")]


def test_renewed_recovery_codes_end_the_ones_before(ada: Person) -> None:
    before = set_up(ada)

    after = [c.reveal() for c in services.renew_recovery_codes(person=ada, by=actor_of(ada), at=NOW)]

    assert not is_accepted(ada, before[0])
    assert is_accepted(ada, after[0])


def test_another_app_takes_the_place_of_the_first(ada: Person) -> None:
    old_codes = set_up(ada)
    other = "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"

    services.set_up_second_factor(person=ada, secret=Secret(other), code=code_of(other, NOW), by=actor_of(ada), at=NOW)

    later = NOW + timedelta(minutes=5)
    assert not is_accepted(ada, code_of(KEY, later), later)
    assert not is_accepted(ada, old_codes[0], later)
    assert is_accepted(ada, code_of(other, later), later)


def test_wrong_code_sets_nothing_up(ada: Person) -> None:
    with pytest.raises(services.WrongCode):
        services.set_up_second_factor(
            person=ada, secret=Secret(KEY), code=code_of(KEY, NOW, steps=9), by=actor_of(ada), at=NOW
        )

    ada.refresh_from_db()
    assert (ada.has_second_factor, Authenticator.objects.count()) == (False, 0)


def test_seeds_are_sealed(ada: Person) -> None:
    codes = set_up(ada)

    kept = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert KEY not in kept
    assert [code for code in codes if code in kept] == []
    assert bytes.fromhex(Authenticator.objects.get(type="totp").data["secret"]).startswith(b"k1:")


@pytest.mark.parametrize("change", ["set_up", "renew", "turn_off", "reset"])
def test_every_change_ends_the_sessions_from_before(ada: Person, change: str) -> None:
    if change != "set_up":
        set_up(ada)
    before = ada.get_session_auth_hash()

    if change == "set_up":
        set_up(ada)
    elif change == "renew":
        services.renew_recovery_codes(person=ada, by=actor_of(ada), at=NOW)
    elif change == "turn_off":
        services.turn_off_second_factor(person=ada, by=actor_of(ada), at=NOW)
    else:
        services.reset_second_factor(person=ada, reason="Lost the phone", by=system(), at=NOW)

    ada.refresh_from_db()
    assert ada.get_session_auth_hash() != before
    assert ada.has_second_factor is (change in {"set_up", "renew"})


def test_lost_factor_is_reset_with_a_reason_by_somebody_else(ada: Person) -> None:
    codes = set_up(ada)
    eve = make_person("eve@example.org", Role.ADMIN)

    with pytest.raises(FieldError, match="Nobody resets their own"):
        services.reset_second_factor(person=ada, reason="Lost", by=actor_of(ada), at=NOW)
    with pytest.raises(FieldError, match="Say in at most 200"):
        services.reset_second_factor(person=ada, reason="  ", by=actor_of(eve), at=NOW)
    services.reset_second_factor(person=ada, reason="Lost the phone;  called back", by=actor_of(eve), at=NOW)

    ada.refresh_from_db()
    assert not ada.has_second_factor
    assert not is_accepted(ada, codes[0])
    assert not is_accepted(ada, code_of(KEY, NOW))
    assert audited()[-1] == ("reset_second_factor", "ada@example.org: Lost the phone; called back")
    with pytest.raises(services.NoSecondFactor):
        services.reset_second_factor(person=ada, reason="Again", by=actor_of(eve), at=NOW)


def test_factors_are_reset_by_admins_alone(own: Tenant) -> None:
    bob = make_person("bob@example.org", Role.PARTNER, application=own.application)
    set_up(bob)
    others = [own.partner.actor, actor_of(make_person("pat@example.org", Role.PLATFORM))]

    for actor in others:
        with pytest.raises(MissingPermission):
            services.reset_second_factor(person=bob, reason="Lost", by=actor, at=NOW)

    bob.refresh_from_db()
    assert bob.has_second_factor
