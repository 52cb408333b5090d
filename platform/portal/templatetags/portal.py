"""Tags and filters of the portal's design system. docs/design-system.md shows each in use."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from html import escape as escape_text
from typing import Any, cast
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from django import forms, template
from django.contrib.staticfiles import finders
from django.core.serializers.json import DjangoJSONEncoder
from django.forms import BaseForm, BoundField
from django.http import HttpRequest, QueryDict
from django.template import Context
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

register = template.Library()

# --- icons -----------------------------------------------------------------------------------------------------------

_SVG = "{http://www.w3.org/2000/svg}"


@cache
def _icons() -> dict[str, str]:
    """Our name of each icon with the shapes it is drawn from, out of the sprite."""
    path = finders.find("portal/icons.svg")
    if not path:
        raise LookupError("portal/icons.svg is not among the static files")
    sprite = ET.parse(str(path)).getroot()  # noqa: S314  a file of ours
    icons = {}
    for symbol in sprite.iter(f"{_SVG}symbol"):
        shapes = "".join(ET.tostring(shape, encoding="unicode") for shape in symbol)
        icons[symbol.attrib["id"]] = shapes.replace("ns0:", "").replace(' xmlns:ns0="http://www.w3.org/2000/svg"', "")
    return icons


@register.simple_tag
def icon(name: str, css: str = "", label: str = "") -> SafeString:
    """An icon of the sprite, drawn in place. Decorative unless it has a label."""
    shapes = _icons().get(name)
    if shapes is None:
        raise LookupError(f"no icon is called {name!r}; static/vendor/vendor.mjs lists them")
    return format_html(
        '<svg class="icon{}{}" viewBox="0 0 24 24" {}>{}</svg>',
        " " if css else "",
        css,
        format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"'),
        mark_safe(shapes),  # noqa: S308  a file of ours
    )


# --- states ----------------------------------------------------------------------------------------------------------

TONE_ICONS = {
    "positive": "check",
    "warning": "clock",
    "negative": "close",
    "info": "info",
    "neutral": "minus",
}

TONES = {
    "positive": (
        "ACTIVE",
        "APPROVED",
        "DELIVERED",
        "DONE",
        "ENABLED",
        "FUNDED",
        "LIVE",
        "ONLINE",
        "PAID",
        "SETTLED",
        "SUCCEEDED",
        "VERIFIED",
        "WON",
    ),
    "warning": (
        "AWAITING_REVIEW",
        "CREATED",
        "INQUIRY",
        "IN_REVIEW",
        "MANUAL_REVIEW",
        "PENDING",
        "PENDING_REVIEW",
        "PROVISIONING",
        "RETRYING",
        "STARTED",
        "UNKNOWN",
        "UPDATE_REQUESTED",
    ),
    "negative": (
        "BLOCKED",
        "DECLINED",
        "ERROR",
        "EXPIRED",
        "FAILED",
        "LOST",
        "OFFLINE",
        "REJECTED",
        "RETURNED",
        "REVOKED",
        "SUSPENDED",
    ),
    "info": ("INVITED", "OPEN", "RUNNING", "SANDBOX", "SCHEDULED", "SENT", "SUBMITTED"),
}

_TONE_OF = {state: tone for tone, states in TONES.items() for state in states}


def tone_of(state: str) -> str:
    """The tone of a state; a state nobody has given one is neutral."""
    return _TONE_OF.get(state.upper(), "neutral")


@register.filter
def words(value: object) -> str:
    """A constant as a reader's words: AWAITING_REVIEW becomes Awaiting review."""
    return str(value).replace("_", " ").strip().capitalize()


@register.simple_tag
def badge(state: object, tone: str = "", label: str = "") -> SafeString:
    """A state as sign, word and colour. A boolean reads Enabled or Disabled."""
    if isinstance(state, bool):
        state = "ENABLED" if state else "DISABLED"
    if state in (None, ""):
        return mark_safe('<span class="faint">None</span>')
    tone = tone or tone_of(str(state))
    text = label or words(getattr(state, "label", state))
    return format_html('<span class="badge badge-{}">{}{}</span>', tone, icon(TONE_ICONS[tone]), text)


@register.simple_tag
def tag(text: object) -> SafeString:
    """A label that is no state, as the kind of a resource: without a sign, and always in the same quiet colour."""
    return format_html('<span class="tag">{}</span>', text)


# --- values ----------------------------------------------------------------------------------------------------------

_NO_VALUE = mark_safe(
    '<span class="no-value"><span aria-hidden="true">&ndash;</span><span class="visually-hidden">None</span></span>'
)

# ISO 4217: currencies whose minor unit is not a hundredth.
_EXPONENTS = dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND"), 0) | (
    dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)
)


@register.filter
def money(amount: int | None, currency: str) -> SafeString:
    """Minor units as an amount people read, with its currency: 123450 and USD become 1,234.50 USD."""
    if amount is None:
        return _NO_VALUE
    exponent = _EXPONENTS.get(currency.upper(), 2)
    # A real minus sign has the width of a digit, so that columns stay in line.
    figures = f"{abs(Decimal(amount).scaleb(-exponent)):,.{exponent}f}"
    sign = "\N{MINUS SIGN}" if amount < 0 else ""
    return format_html(
        '<span class="money">{}{} <span class="currency">{}</span></span>', sign, figures, currency.upper()
    )


@register.filter
def moment(value: datetime | None) -> SafeString:
    """A moment in the reader's time zone, which is named: 20 Nov 2026, 04:56 UTC."""
    if value is None:
        return _NO_VALUE
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}"><span>{},</span> <span>{} <span class="zone">{}</span></span></time>',
        value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        f"{local:%Y-%m-%d %H:%M:%S %Z}",
        f"{local.day} {local:%b %Y}",
        f"{local:%H:%M}",
        local.tzname(),
    )


@register.filter
def day(value: date | None) -> SafeString:
    """A day without a time: 20 Nov 2026."""
    if value is None:
        return _NO_VALUE
    return format_html('<time datetime="{}">{}</time>', f"{value:%Y-%m-%d}", f"{value.day} {value:%b %Y}")


@register.filter
def or_none(value: object) -> object:
    """The value, or a dash that is read aloud as "None"."""
    return _NO_VALUE if value in (None, "") else value


@register.simple_tag
def copy_button(text: str, label: str = "Copy", css: str = "icon-button") -> SafeString:
    """A button that copies the text. It is hidden where no script runs."""
    return SafeString(render_to_string("portal/components/_copy.html", {"text": text, "label": label, "css": css}))


@register.simple_tag
def id_chip(value: str, label: str = "Copy id") -> SafeString:
    """An id with a button that copies it."""
    return SafeString(render_to_string("portal/components/_id_chip.html", {"value": value, "label": label}))


@register.filter
def initials(value: object) -> str:
    """Up to two letters that stand for a person: of the name, or of an e-mail address."""
    parts = str(value).split("@")[0].replace(".", " ").replace("_", " ").split()
    return "".join(part[0] for part in parts[:2]) or "?"


@register.filter
def pair(left: Iterable[Any] | None, right: Iterable[Any] | None) -> list[tuple[Any, Any]]:
    """Two sequences side by side, for loops over columns and cells."""
    return list(zip(left or (), right or (), strict=False))


@register.filter
def value_of(mapping: object, name: str) -> object:
    """The attribute, or the item, of that name."""
    if isinstance(mapping, Mapping):
        return mapping.get(name, "")
    return getattr(mapping, name, "")


# --- addresses -------------------------------------------------------------------------------------------------------

# Where a list stands; a changed order or filter starts at its beginning.
_FIRST_PAGE = {"before": None, "after": None}
_FILTER_GROUPS = ("what", "tags", "when")


def _parameters(context: Context) -> QueryDict:
    request = cast("HttpRequest | None", context.get("request"))
    return request.GET.copy() if request else QueryDict(mutable=True)


def _encode(parameters: QueryDict) -> str:
    """The query string without what is empty: a form sends all its fields."""
    told = [(name, value) for name, values in parameters.lists() for value in values if value != ""]
    return f"?{urlencode(told)}"


@register.simple_tag(takes_context=True)
def query(context: Context, *pairs: Any, **changes: Any) -> str:
    """The current query string with changes; None takes a parameter out. Names with dots come as pairs of arguments."""
    parameters = _parameters(context)
    named = dict(zip(pairs[::2], pairs[1::2], strict=True)) | changes
    for name, value in named.items():
        if value is None or value == "":
            parameters.pop(name, None)
        else:
            parameters[name] = str(value)
    return _encode(parameters)


@register.inclusion_tag("portal/components/_sort_header.html", takes_context=True)
def sort_header(context: Context, label: str, field: str, css: str = "", parameter: str = "sort") -> dict[str, Any]:
    """The heading of a column that can be sorted by; it keeps the filters and returns to the first page.

    The parameter reads `field,asc` or `field,desc`. A column starts with its largest or newest value.
    """
    chosen, _, direction = (_parameters(context).get(parameter) or "").partition(",")
    is_sorted = chosen == field
    ascends = is_sorted and direction == "asc"
    address = query(context, parameter, f"{field},{'desc' if ascends or not is_sorted else 'asc'}", **_FIRST_PAGE)
    return {
        "label": label,
        "css": css,
        "url": address,
        "sorted": ("ascending" if ascends else "descending") if is_sorted else "none",
        "icon": ("arrow-up" if ascends else "arrow-down") if is_sorted else "sort",
    }


@register.inclusion_tag("portal/components/_chips.html", takes_context=True)
def filter_chips(context: Context, form: BaseForm) -> dict[str, Any]:
    """What the list is narrowed by, one chip per value, each with a link that takes it out."""
    parameters = _parameters(context)
    chips = []
    for name, field in form.fields.items():
        key = form.add_prefix(name)
        for value in parameters.getlist(key):
            if value == "":
                continue
            left = parameters.copy()
            left.setlist(key, [other for other in parameters.getlist(key) if other != value])
            for parameter in _FIRST_PAGE:
                left.pop(parameter, None)
            chips.append({"label": field.label or words(name), "value": _shown(field, value), "url": _encode(left)})
    return {"chips": chips, "clear_url": "?"}


def _shown(field: forms.Field, value: str) -> str:
    """What the reader chose, in the words of the choice."""
    words_of = {str(key): str(text) for key, text in getattr(field, "choices", ())}
    if isinstance(field, forms.NullBooleanField):
        words_of |= {"true": "Yes", "True": "Yes", "false": "No", "False": "No"}
    return words_of.get(value, value)


@register.simple_tag
def filter_groups(form: BaseForm, search: str = "") -> list[list[BoundField]]:
    """The fields of a filter panel: what a row is, then when it was made; without the one in the search bar."""
    fields = [bound for bound in form.visible_fields() if bound.name != search]
    groups = [[bound for bound in fields if _filter_group(bound) == group] for group in _FILTER_GROUPS]
    return [group for group in ([*groups[0], *groups[1]], groups[2]) if group]


def _filter_group(bound: BoundField) -> str:
    start = bound.name.partition("__")[0]
    return {"tags": "tags", "created_at": "when", "updated_at": "when"}.get(start, "what")


@register.simple_tag(takes_context=True)
def filter_count(context: Context, form: BaseForm) -> int:
    """How many values narrow the list."""
    parameters = _parameters(context)
    return sum(1 for name in form.fields for value in parameters.getlist(form.add_prefix(name)) if value != "")


# --- forms -----------------------------------------------------------------------------------------------------------

_CONTROLS: tuple[tuple[type[forms.Widget], str], ...] = (
    (forms.CheckboxInput, "check"),
    (forms.CheckboxSelectMultiple, "choices"),
    (forms.RadioSelect, "choices"),
    (forms.SelectDateWidget, "parts"),
    (forms.MultiWidget, "parts"),
    (forms.Select, "select"),
    (forms.Textarea, "textarea"),
    (forms.PasswordInput, "password"),
)


def _kind(widget: forms.Widget) -> str:
    return next((kind for control, kind in _CONTROLS if isinstance(widget, control)), "input")


_CLASSES = {"select": "select", "textarea": "textarea", "check": "", "choices": ""}


@register.simple_tag
def field(bound: BoundField, css: str = "", label: str = "", hint: str | None = "", **attributes: Any) -> SafeString:
    """One field of a form: label, control, error and hint, tied together for those who cannot see them side by side.

    `css` joins the group (`field-wide` for both columns); `hint=None` leaves the field's own help text away; `prefix`,
    `suffix` and `switch` shape the control; `mark_optional=False` leaves the word "optional" away where everything is,
    as in filters. What is left becomes an attribute of the control: `autocomplete="email"`, `inputmode="numeric"`.
    """
    widget = bound.field.widget
    if widget.is_hidden:
        return SafeString(str(bound))
    kind = _kind(widget)
    prefix, suffix, switch = (attributes.pop(name, "") for name in ("prefix", "suffix", "switch"))
    mark_optional = attributes.pop("mark_optional", True)
    hint = str(bound.help_text) if hint == "" else hint or ""
    names = [f"{bound.auto_id}-error"] if bound.errors else []
    names += [f"{bound.auto_id}-hint"] if hint else []
    described = {"aria-describedby": " ".join(names)} if names else {}
    control = {
        **{name.replace("_", "-"): value for name, value in attributes.items()},
        **({"aria-invalid": "true"} if bound.errors else {}),
        **({} if kind == "choices" else described),
    }
    classes = [_CLASSES.get(kind, "select" if isinstance(widget, forms.SelectDateWidget) else "input")]
    classes += [str(widget.attrs["class"])] if "class" in widget.attrs else []
    classes += [str(control.pop("class"))] if "class" in control else []
    classes += ["switch"] if switch else []
    control["class"] = " ".join(filter(None, classes)) or False
    if bound.form.is_bound:
        control.pop("autofocus", None)  # the reader is taken to the summary of errors instead
    context = {
        "field": bound,
        "kind": kind,
        "label": label or str(bound.label).rstrip(" :"),
        "hint": hint,
        "css": css,
        "prefix": prefix,
        "suffix": suffix,
        "is_optional": mark_optional and not bound.field.required and kind != "check",
        "control": _parts(bound, control) if kind == "parts" else bound.as_widget(attrs=control),
        "described_by": " ".join(names),
    }
    return SafeString(render_to_string("portal/components/_field.html", context))


def _parts(bound: BoundField, attributes: dict[str, Any]) -> SafeString:
    """A value entered in several controls, each with a name of its own: Month, Day, Year."""
    widget = bound.field.widget
    context = widget.get_context(bound.html_name, bound.value(), {"id": bound.auto_id, **attributes})
    for number, part in enumerate(context["widget"]["subwidgets"], start=1):
        suffix = part["name"].rpartition("_")[2]
        part["attrs"].setdefault("aria-label", suffix.capitalize() if suffix.isalpha() else f"{bound.label} {number}")
    return SafeString(bound.form.renderer.render(widget.template_name, context))


@register.inclusion_tag("portal/components/_form_errors.html")
def form_errors(form: BaseForm) -> dict[str, Any]:
    """What was refused, above the form, each line a link to its field. Nothing while the form is in order.

    Where two fields share a label, as the streets of two addresses do, a line begins with the heading over its field;
    the form tells it by `section_of(name)`.
    """
    lines = [{"text": text, "target": ""} for text in form.non_field_errors()]
    labels = Counter(_bare_label(bound) for bound in form)
    for bound in form:
        target = "" if bound.field.widget.is_hidden else _first_control(bound)
        label = _bare_label(bound)
        section = form.section_of(bound.name) if labels[label] > 1 and hasattr(form, "section_of") else ""
        title = f"{section}, {label[:1].lower()}{label[1:]}" if section else label
        lines += [{"text": f"{title}: {text}", "target": target} for text in bound.errors]
    return {"lines": lines}


def _bare_label(bound: BoundField) -> str:
    return str(bound.label).rstrip(" .:?")


def _first_control(bound: BoundField) -> str:
    """The id of the control that a label of the field would point to, or of the first in a group."""
    widget = bound.field.widget
    if isinstance(widget, forms.CheckboxSelectMultiple | forms.RadioSelect):
        return f"{bound.auto_id}_0"
    return str(widget.id_for_label(str(bound.auto_id)) or bound.auto_id)


@register.inclusion_tag("portal/components/_form.html")
def form_fields(form: BaseForm) -> dict[str, Any]:
    """All visible fields of a small form in two columns, hidden ones as they are."""
    return {"form": form}


# --- JSON ------------------------------------------------------------------------------------------------------------


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


# --- blocks ----------------------------------------------------------------------------------------------------------


@register.simple_block_tag
def dialog(content: str, name: str, title: str, shown: bool = False, css: str = "") -> SafeString:  # noqa: FBT001, FBT002
    """A modal dialog around its content; `shown` opens it at once, for a form that came back with errors."""
    context = {"name": name, "title": title, "shown": shown, "css": css, "content": content}
    return SafeString(render_to_string("portal/components/_dialog.html", context))


@register.simple_block_tag
def card(content: str, title: str = "", css: str = "card-body", name: str = "") -> SafeString:
    """A card with a heading around its content. `css=""` lets a table or a list run to the edges."""
    context = {"title": title, "css": css, "content": content, "name": name or slugify(title)}
    return SafeString(render_to_string("portal/components/_card.html", context))


LEVEL_ICONS = {
    "success": ("check-circle", "Done"),
    "warning": ("alert", "Warning"),
    "error": ("cross-circle", "Error"),
    "info": ("info", "Note"),
}


@register.simple_tag
def level_icon(level: str) -> SafeString:
    """The sign of a message's level, with its name for those who do not see it."""
    name, label = LEVEL_ICONS[level]
    return icon(name, label=label)


@register.filter
def message_level(tags: str) -> str:
    """The level of one of Django's messages, from its tags."""
    known: Sequence[str] = ("success", "warning", "error")
    return next((level for level in known if level in tags.split()), "info")


@register.filter
def tone_icon(tone: str) -> str:
    """The sign of a tone."""
    return TONE_ICONS.get(tone, TONE_ICONS["neutral"])


@register.filter
def bound_field(form: BaseForm, name: str) -> BoundField:
    """The field of that name, for names a template cannot spell with a dot."""
    return form[name]
