"""Users and roles: the people who sign in, and what each role may do."""

from collections.abc import Mapping
from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from django.urls import reverse

from api.filters import TextFilter
from portal.design.states import badge
from portal.design.values import email_address, moment
from portal.views import ListPage
from tenancy.models import Person
from tenancy.roles import PERMISSIONS, Permission, Role


class PersonFilter(django_filters.FilterSet):
    email = TextFilter(lookup_expr="iexact", label="E-mail")
    role = django_filters.ChoiceFilter(choices=Role.choices, empty_label="All", label="Role")


class People(ListPage):
    """Everybody who signs in to the portal."""

    permission = Permission.VIEW_PEOPLE
    section = "people"
    template_name = "onboarding/people_list.html"
    filter_class = PersonFilter
    search_field = "email"
    noun = ("person", "people")
    columns: ClassVar = [
        {"label": "Name"},
        {"label": "E-mail"},
        {"label": "Role"},
        {"label": "Application"},
        {"label": "State"},
        {"label": "Last signed in", "css": "shrink cell-labelled"},
    ]

    def visible(self) -> QuerySet[Person]:
        found: QuerySet[Person] = Person.objects.visible_to(self.actor).select_related("application")
        return found

    def row(self, resource: Person) -> Mapping[str, Any]:
        may_open = self.actor.may(Permission.MANAGE_PEOPLE)
        return {
            "url": reverse("onboarding:person", args=[resource.pk]) if may_open else "",
            "cells": [
                resource.name,
                email_address(resource.email),
                Role(resource.role).label,
                resource.application.name if resource.application else None,
                badge(resource.is_active),
                moment(resource.last_login),
            ],
        }

    def context(self) -> dict[str, Any]:
        return {
            "may_manage": self.actor.may(Permission.MANAGE_PEOPLE),
            "roles": [role.label for role in Role],
            "matrix": [
                (permission.value, [permission in PERMISSIONS[role] for role in Role]) for permission in Permission
            ],
        }
