"""What refuses an answer, as a page says it."""

import pytest
from allauth.account.adapter import DefaultAccountAdapter
from django import forms
from rest_framework import serializers

from portal.design.sentences import sentence


class _Form(forms.Form):
    share = forms.IntegerField(min_value=0, max_value=100)
    sales = forms.DecimalField(max_digits=5, decimal_places=2)
    name = forms.CharField(max_length=3)
    day = forms.DateField()
    email = forms.EmailField()
    kind = forms.ChoiceField(choices=[("A", "A")])


class _Body(serializers.Serializer):  # type: ignore[type-arg]
    share = serializers.IntegerField(min_value=0, max_value=100)
    name = serializers.CharField(max_length=3)


@pytest.mark.parametrize(
    ("field", "told", "said"),
    [
        ("share", "101", "Must be at most 100."),
        ("share", "-1", "Must be at least 0."),
        ("share", "x", "Must be a whole number."),
        ("sales", "x", "Must be a number."),
        ("sales", "123456", "At most 5 digits."),
        ("sales", "1.234", "At most 2 decimal places."),
        ("name", "abcd", "At most 3 characters; these are 4."),
        ("name", "", "This field is required."),
        ("day", "2026-02-30", "There is no such day."),
        ("email", "x", "Must be an e-mail address."),
        ("kind", "B", "Choose one of the list."),
    ],
)
def test_what_a_form_refuses_is_said_in_our_words(field: str, told: str, said: str) -> None:
    assert sentence(_Form({field: told}).errors[field][0]) == said


@pytest.mark.parametrize(
    ("field", "told", "said"),
    [
        ("share", 101, "Must be at most 100."),
        ("share", -1, "Must be at least 0."),
        ("share", "x", "Must be a whole number."),
        ("name", "abcd", "At most 3 characters."),
        ("name", "", "This field is required."),
    ],
)
def test_what_the_api_refuses_is_said_in_our_words(field: str, told: object, said: str) -> None:
    body = _Body(data={field: told})
    body.is_valid()

    assert sentence(body.errors[field][0]) == said


def test_wrong_password_is_told_in_our_words() -> None:
    text = DefaultAccountAdapter.error_messages["email_password_mismatch"]

    assert sentence(text) == "The e-mail address or the password is wrong."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Must be nine digits", "Must be nine digits."),
        ("There is no such country.", "There is no such country."),
        ("One of CHECKING, SAVINGS is needed", "Choose one of the list."),
        ("", ""),
    ],
)
def test_rule_of_the_api_is_a_sentence(text: str, said: str) -> None:
    assert sentence(text) == said
