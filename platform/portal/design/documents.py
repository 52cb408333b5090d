"""Documents as coloured JSON."""

import json
from html import escape as escape_text

from django import template
from django.core.serializers.json import DjangoJSONEncoder
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

register = template.Library()


@register.simple_tag
def json_block(value: object, title: str = "Raw") -> SafeString:
    """A document as indented, coloured JSON with a copy button. The caller has redacted it."""
    text = json.dumps(value, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)
    context = {
        "title": title,
        "text": text,
        "lines": mark_safe(_coloured(json.loads(text))),  # noqa: S308  every value is escaped below
        "name": slugify(title) or "raw",
    }
    return SafeString(render_to_string("portal/components/_raw.html", context))


def _coloured(value: object, indent: str = "") -> str:
    """JSON with a span around each word; the text without the spans is what json.dumps writes."""
    inner = f"{indent}  "
    if isinstance(value, dict) and value:
        rows = [f"{inner}{_span('key', key)}: {_coloured(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(inner + _coloured(item, inner) for item in value) + f"\n{indent}]"
    if isinstance(value, str):
        return _span("string", value)
    if value is None or isinstance(value, bool):
        return _span("literal", value)
    return _span("number", value) if isinstance(value, int | float) else json.dumps(value)


def _span(kind: str, value: object) -> str:
    return f'<span class="json-{kind}">{escape_text(json.dumps(value, ensure_ascii=False))}</span>'
