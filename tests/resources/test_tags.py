from typing import Any

import pytest

from resources.errors import FieldError
from resources.tags import clean_tags


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"": ""},
        {"k" * 40: "v" * 500},
        {str(number): "x" for number in range(50)},
        {"smörgås": "🙂" * 500},
    ],
)
def test_tags_within_the_limits_are_kept_as_they_are(tags: dict[str, str]) -> None:
    assert clean_tags(tags) == tags


@pytest.mark.parametrize(
    ("tags", "field", "message"),
    [
        ({str(number): "x" for number in range(51)}, "tags", "At most 50 pairs are kept"),
        ({"k" * 41: "v"}, "tags." + "k" * 40, "A key has at most 40 characters"),
        ({"key": "v" * 501}, "tags.key", "A value has at most 500 characters"),
        ({"key": 1}, "tags.key", "Must be text"),
        ({"key": None}, "tags.key", "Must be text"),
        ({"key": True}, "tags.key", "Must be text"),
        ({"key": {"nested": "x"}}, "tags.key", "Must be text"),
        (["key"], "tags", "Must be an object of text values"),
        ("key", "tags", "Must be an object of text values"),
        (None, "tags", "Must be an object of text values"),
    ],
)
def test_tags_beyond_the_limits_name_the_member(tags: Any, field: str, message: str) -> None:
    with pytest.raises(FieldError) as refusal:
        clean_tags(tags)

    assert (refusal.value.field, str(refusal.value)) == (field, message)
