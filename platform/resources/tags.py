"""Tags: free text to text, on every resource, replaced as a whole."""

from resources.errors import FieldError

MAX_PAIRS = 50
MAX_KEY_LENGTH = 40
MAX_VALUE_LENGTH = 500

Tags = dict[str, str]


def clean_tags(value: object, *, field: str = "tags") -> Tags:
    """The tags of a request body. Raises FieldError naming `tags` or the refused pair (`tags.<key>`)."""
    if not isinstance(value, dict):
        raise FieldError(field, "Must be an object of text values")
    if len(value) > MAX_PAIRS:
        raise FieldError(field, f"At most {MAX_PAIRS} pairs are kept")
    for key, text in value.items():
        if len(key) > MAX_KEY_LENGTH:
            raise FieldError(f"{field}.{key[:MAX_KEY_LENGTH]}", f"A key has at most {MAX_KEY_LENGTH} characters")
        if not isinstance(text, str):
            raise FieldError(f"{field}.{key}", "Must be text")
        if len(text) > MAX_VALUE_LENGTH:
            raise FieldError(f"{field}.{key}", f"A value has at most {MAX_VALUE_LENGTH} characters")
    return value
