"""The design system in Python: one module for each kind of tag. Templates load all of it with `{% load portal %}`."""
