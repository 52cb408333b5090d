"""Icons of the sprite."""

from functools import cache
from xml.etree import ElementTree as ET

from django import template
from django.contrib.staticfiles import finders
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

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
