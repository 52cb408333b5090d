"""Blocks around content, and messages."""

from collections.abc import Sequence

from django import template
from django.forms import BaseForm, BoundField
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.text import slugify

from portal.design.icons import icon
from portal.design.states import TONE_ICONS

register = template.Library()


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
