"""The second factor of people: codes of an authenticator app (TOTP), and recovery codes for when it is not at hand.

The rows are allauth's. What is accepted, and how often, is decided here, in one locked transaction each.
"""

import re
import uuid
from datetime import datetime

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.utils import decrypt

from resources.errors import DomainError, FieldError
from tenancy.actors import Actor
from tenancy.models import Person
from tenancy.roles import Permission
from tenancy.services.platform import platform_id
from tenancy.transactions import Act, act
from vault.secret import Secret

WHY_LOST = "Your second factor cannot be checked: its key is not kept here any more. An admin can reset it for you."

_STEP_SECONDS = 30
_LAST_STEP = "last_step"
_APP_CODE = re.compile(r"[0-9]{6}")


class WrongCode(FieldError):
    def __init__(self) -> None:
        super().__init__("code", "This code is not right, or it was used already. Wait for the next one.")


class WrongRecoveryCode(FieldError):
    def __init__(self) -> None:
        super().__init__("code", "This is neither a code of your app nor a recovery code that is left.")


class FactorLost(FieldError):
    """The person is to prove a second factor, and nothing is kept to check one by."""

    def __init__(self) -> None:
        super().__init__("code", WHY_LOST)


class NoSecondFactor(DomainError):
    code = "CONFLICT"
    status = 409
    message = "No second factor is set up."


def new_totp_secret() -> Secret:
    """For an authenticator app, in base32."""
    return Secret(generate_totp_secret())


def set_up_second_factor(*, person: Person, secret: Secret, code: str, by: Actor, at: datetime) -> list[Secret]:
    """Ask for codes of this app from now on, in place of the one before; gives new recovery codes. Raises WrongCode."""
    step = _step_of(secret, code, at, after=-1)
    if step is None:
        raise WrongCode
    with act("set_up_second_factor", by=by, at=at, application_id=_tenant_of(person)):
        person = _locked(person)
        Authenticator.objects.filter(user_id=person.pk).delete()
        app = TOTP.activate(person, secret.reveal()).instance
        app.data[_LAST_STEP] = step  # the code that was just typed signs nobody in
        app.save(update_fields=["data"])
        codes = _new_recovery_codes(person)
        _note(person, has_second_factor=True, at=at)
    return codes


def use_second_factor(*, person: Person, code: str, by: Actor, at: datetime) -> None:
    """Accept a code of the app, or a recovery code, once. Raises WrongCode, WrongRecoveryCode, FactorLost."""
    plain = re.sub(r"[\s-]", "", code)
    is_of_app = _APP_CODE.fullmatch(plain) is not None
    action = "use_second_factor" if is_of_app else "use_recovery_code"
    with act(action, by=by, at=at, application_id=_tenant_of(person)) as current:
        if has_lost_factor(person):
            raise FactorLost
        if is_of_app:
            _use_code_of_app(person, plain, at)
        else:
            _use_recovery_code(person, plain, at, current)


def renew_recovery_codes(*, person: Person, by: Actor, at: datetime) -> list[Secret]:
    """New recovery codes; the ones before open nothing any more. Raises NoSecondFactor."""
    with act("renew_recovery_codes", by=by, at=at, application_id=_tenant_of(person)):
        person = _locked(person)
        if not person.has_second_factor:
            raise NoSecondFactor
        codes = _new_recovery_codes(person)
        _note(person, has_second_factor=True, at=at)
    return codes


def turn_off_second_factor(*, person: Person, by: Actor, at: datetime) -> None:
    """Ask for no code any more. Raises NoSecondFactor."""
    with act("turn_off_second_factor", by=by, at=at, application_id=_tenant_of(person)):
        _take_away(_locked(person), at)


def reset_second_factor(*, person: Person, reason: str, by: Actor, at: datetime) -> Person:
    """Take away what somebody has lost, who then sets up a new one. Raises FieldError and NoSecondFactor."""
    by.require(Permission.MANAGE_PEOPLE)
    if person.pk == by.id:
        raise FieldError("reason", "Nobody resets their own second factor; another admin does it.")
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= 200:
        raise FieldError("reason", "Say in at most 200 characters why, and how you know who asked.")
    told = f"{person.email}: {reason}"
    with act(
        "reset_second_factor", by=by, at=at, application_id=_tenant_of(person), reason=told, resource=person.handle
    ):
        person = Person.objects.visible_to(by).select_for_update(of=("self",)).get(pk=person.pk)
        _take_away(person, at)
    return person


def recovery_codes_left(person: Person) -> int:
    found = Authenticator.objects.filter(user_id=person.pk, type=Authenticator.Type.RECOVERY_CODES).first()
    return len(RecoveryCodes(found).get_unused_codes()) if found else 0


def has_lost_factor(person: Person) -> bool:
    """Whether the person has a second factor by our word, but neither app nor recovery code to prove it."""
    return person.has_second_factor and not Authenticator.objects.filter(user_id=person.pk).exists()


def _use_code_of_app(person: Person, code: str, at: datetime) -> None:
    app = _authenticator(person, Authenticator.Type.TOTP)
    step = None
    if app is not None:
        secret = Secret(decrypt(app.data["secret"]))
        step = _step_of(secret, code, at, after=app.data.get(_LAST_STEP, -1))
    if app is None or step is None:
        raise WrongCode
    app.data[_LAST_STEP] = step
    app.last_used_at = at
    app.save(update_fields=["data", "last_used_at"])


def _use_recovery_code(person: Person, code: str, at: datetime, current: Act) -> None:
    codes = _authenticator(person, Authenticator.Type.RECOVERY_CODES)
    if codes is None or not RecoveryCodes(codes).validate_code(code):
        raise WrongRecoveryCode
    Authenticator.objects.filter(pk=codes.pk).update(last_used_at=at)
    current.reason = f"{recovery_codes_left(person)} are left"


def _step_of(secret: Secret, code: str, at: datetime, *, after: int) -> int | None:
    """The step of time that a code stands for, within one of now and after the last one that was used."""
    now = int(at.timestamp()) // _STEP_SECONDS
    found = None
    for step in (now - 1, now, now + 1):  # all of them, so that the time taken tells nothing
        is_it = compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret.reveal(), step)))
        if is_it and step > after:
            found = step
    return found


def _new_recovery_codes(person: Person) -> list[Secret]:
    Authenticator.objects.filter(user_id=person.pk, type=Authenticator.Type.RECOVERY_CODES).delete()
    return [Secret(code) for code in RecoveryCodes.activate(person).generate_codes()]


def _take_away(person: Person, at: datetime) -> None:
    if not person.has_second_factor:
        raise NoSecondFactor
    Authenticator.objects.filter(user_id=person.pk).delete()
    _note(person, has_second_factor=False, at=at)


def _note(person: Person, *, has_second_factor: bool, at: datetime) -> None:
    """On the person, where each request sees it; it ends the sessions from before."""
    person.has_second_factor, person.factors_changed_at = has_second_factor, at
    person.save(update_fields=["has_second_factor", "factors_changed_at"])


def _authenticator(person: Person, kind: str) -> Authenticator | None:
    found: Authenticator | None = (
        Authenticator.objects.select_for_update(of=("self",)).filter(user_id=person.pk, type=kind).first()
    )
    return found


def _locked(person: Person) -> Person:
    found: Person = Person.objects.select_for_update(of=("self",)).get(pk=person.pk)
    return found


def _tenant_of(person: Person) -> uuid.UUID:
    return person.application_id or platform_id()
