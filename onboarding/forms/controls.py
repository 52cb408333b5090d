"""Controls of forms that more than one form has."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


class LookupInput(forms.TextInput):
    """A code to type, or to look up by a word of its name; the browser offers what fits."""

    def __init__(
        self, choices: Callable[[], Iterable[tuple[str, str]]], attrs: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__({"autocomplete": "off", **(attrs or {})})
        self.choices = choices

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        attrs = dict(attrs or {})
        list_id = f"{attrs.get('id') or name}-choices"
        control = super().render(name, value, attrs | {"list": list_id}, renderer)
        options = format_html_join("", '<option value="{}">{}</option>', self.choices())
        return format_html('{}<datalist id="{}">{}</datalist>', control, list_id, options)
