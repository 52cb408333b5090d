"""`{% load portal %}`: the tags and filters of the design system. docs/design-system.md shows each in use."""

from django import template

from portal.design import blocks, documents, fields, icons, lists, sentences, states, values

register = template.Library()

for part in (icons, states, values, sentences, lists, fields, documents, blocks):
    register.tags.update(part.register.tags)
    register.filters.update(part.register.filters)
