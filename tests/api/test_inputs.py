"""Members of bodies are strict about types, and refused with their path."""

from typing import Any

import pytest
from rest_framework import serializers

from api.inputs import Choice, Flag, FreeObject, PublicId, TagsField, Text, WholeNumber
from onboarding.models import Identity
from resources import ids

KEY = ids.decode("sn3Jx1LbLpuTBQtnGyPvbA"[:21])


@pytest.mark.parametrize(
    ("field", "sent", "value"),
    [
        (Text(max_length=3), "abc", "abc"),
        (Text(max_length=3), " abc ", "abc"),
        (Text(allow_null=True), None, None),
        (Text(allow_blank=True), "", ""),
        (Flag(), True, True),
        (Flag(), False, False),
        (WholeNumber(max_value=10), 10, 10),
        (WholeNumber(max_value=10), "10", 10),
        (WholeNumber(), "-0012", -12),
        (WholeNumber(), 10**29, 10**29),
        (Choice(choices=["A_B", "c"]), "a_b", "A_B"),
        (Choice(choices=["A_B", "c"]), " C ", "c"),
        (FreeObject(), {"a": {"b": [None]}}, {"a": {"b": [None]}}),
        (TagsField(), {"a": "b"}, {"a": "b"}),
        (PublicId(Identity), ids.public_id("ID", KEY), KEY),
    ],
)
def test_member_is_read(field: serializers.Field[Any, Any, Any, Any], sent: Any, value: Any) -> None:
    assert field.run_validation(sent) == value


@pytest.mark.parametrize(
    ("field", "sent", "detail"),
    [
        (Text(), 1, ["Must be text"]),
        (Text(), True, ["Must be text"]),
        (Text(), ["a"], ["Must be text"]),
        (Text(), {"a": 1}, ["Must be text"]),
        (Text(), None, ["This field may not be null."]),
        (Text(), "  ", ["This field may not be blank."]),
        (Text(max_length=3), "abcd", ["Ensure this field has no more than 3 characters."]),
        (Flag(), "true", ["Must be true or false"]),
        (Flag(), 1, ["Must be true or false"]),
        (Flag(), [], ["Must be true or false"]),
        (Flag(), None, ["This field may not be null."]),
        (WholeNumber(), 1.0, ["Must be a whole number"]),
        (WholeNumber(), "1.0", ["Must be a whole number"]),
        (WholeNumber(), "1e3", ["Must be a whole number"]),
        (WholeNumber(), " 1", ["Must be a whole number"]),
        (WholeNumber(), "٣", ["Must be a whole number"]),
        (WholeNumber(), "", ["Must be a whole number"]),
        (WholeNumber(), True, ["Must be a whole number"]),
        (WholeNumber(), "9" * 31, ["Must be a whole number"]),
        (WholeNumber(max_value=10), 11, ["Ensure this value is less than or equal to 10."]),
        (WholeNumber(min_value=0), "-1", ["Ensure this value is greater than or equal to 0."]),
        (Choice(choices=["A", "B"]), "C", ["One of A, B is needed"]),
        (Choice(choices=["A", "B"]), 1, ["One of A, B is needed"]),
        (Choice(choices=["A", "B"]), ["A"], ["One of A, B is needed"]),
        (FreeObject(), [], ["Must be an object"]),
        (TagsField(), {"a": 1}, {"a": ["Must be text"]}),
        (TagsField(), [], ["Must be an object of text values"]),
        (TagsField(), None, ["This field may not be null."]),
        (PublicId(Identity), "APx", ["An id that begins with ID is needed"]),
        (PublicId(Identity), 1, ["Must be text"]),
    ],
)
def test_member_is_refused(field: serializers.Field[Any, Any, Any, Any], sent: Any, detail: Any) -> None:
    with pytest.raises(serializers.ValidationError) as refusal:
        field.run_validation(sent)

    assert refusal.value.detail == detail
