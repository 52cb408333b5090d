"""Fields of forms, and what was refused."""

from collections import Counter
from typing import Any

from django import forms, template
from django.forms import BaseForm, BoundField
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from portal.design.sentences import sentence

register = template.Library()

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
    lines = [{"text": sentence(text), "target": ""} for text in form.non_field_errors()]
    labels = Counter(_bare_label(bound) for bound in form)
    for bound in form:
        target = "" if bound.field.widget.is_hidden else _first_control(bound)
        label = _bare_label(bound)
        section = form.section_of(bound.name) if labels[label] > 1 and hasattr(form, "section_of") else ""
        title = f"{section}, {label[:1].lower()}{label[1:]}" if section else label
        lines += [{"text": f"{title}: {sentence(text)}", "target": target} for text in bound.errors]
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
