import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, identify_hasher
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import override_settings

from config import settings as our_settings
from tenancy.models import Person


@pytest.mark.parametrize(
    "password",
    ["horse battery 1", "a1" * 6, "a1" * 64, "ääääääääääää1", "12345678901a", "Aa1!Aa1!Aa1!", "            a1"],
)
def test_password_with_letters_and_digits_is_taken(password: str) -> None:
    assert validate_password(password) is None


@pytest.mark.parametrize(
    ("password", "codes"),
    [
        ("", ["password_length", "password_letters_and_digits"]),
        ("a1" * 5 + "a", ["password_length"]),
        ("a1" * 64 + "a", ["password_length"]),
        ("correct horse battery", ["password_letters_and_digits"]),
        ("123456789012", ["password_letters_and_digits"]),
        ("!!!!!!!!!!!!", ["password_letters_and_digits"]),
        ("1234567890qwertyuiop"[:10], ["password_length", "password_letters_and_digits", "password_too_common"]),
        ("1q2w3e4r5t6y", ["password_too_common"]),
        ("1Q2W3E4R5T6Y", ["password_too_common"]),
    ],
)
def test_password_is_refused(password: str, codes: list[str]) -> None:
    with pytest.raises(ValidationError) as refusal:
        validate_password(password)

    assert [error.code for error in refusal.value.error_list] == codes


def test_hash_is_argon2_and_dear_enough() -> None:
    person = Person(email="x@example.org")
    with override_settings(PASSWORD_HASHERS=[name for name in our_settings.PASSWORD_HASHERS if "MD5" not in name]):
        person.set_password("correct horse 42")

        assert identify_hasher(person.password).algorithm == "argon2"
    assert Argon2PasswordHasher.memory_cost >= 19 * 1024
    assert Argon2PasswordHasher.time_cost >= 2
    assert "correct horse 42" not in person.password
