"""Users and roles: the people who sign in, and what each role may do."""

from collections.abc import Mapping
from typing import Any, ClassVar

import django_filters
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from api.filters import TextFilter, ValueFilter
from onboarding.forms.applications import PersonForm
from onboarding.models import Identity
from portal.templatetags.portal import badge, moment
from portal.views import ListPage, Page
from resources.errors import FieldError, NotVisible
from resources.lookup import find
from tenancy import services as tenancy
from tenancy.models import Application, Person
from tenancy.roles import PERMISSIONS, Permission, Role
from tenancy.transactions import transaction
from vault.secret import Secret


class PersonFilter(django_filters.FilterSet):
    email = TextFilter(lookup_expr="iexact", label="E-mail")
    role = ValueFilter(values=Role.values, label="Role")


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
        {"label": "Last signed in", "css": "shrink"},
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
                resource.email,
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


class CreatePerson(Page):
    """Let somebody sign in."""

    permission = Permission.MANAGE_PEOPLE
    section = "people"
    template_name = "onboarding/person_form.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        del request
        return self._show(PersonForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = PersonForm(request.POST)
        if form.is_valid():
            try:
                person = self._create(form.cleaned_data)
            except FieldError as error:
                form.add_error(error.field if error.field in form.fields else None, str(error))
            else:
                messages.success(request, f"{person.name} can sign in now.")
                return HttpResponseRedirect(reverse("onboarding:people"))
        return self._show(form)

    def _create(self, told: Mapping[str, Any]) -> Person:
        with transaction(by=self.actor):
            application = self._named(Application.objects.visible_to(self.actor).tenants(), "application", told)
            identity = self._named(Identity.objects.visible_to(self.actor), "identity", told)
        if identity is not None and application is not None and identity.application_id != application.pk:
            raise FieldError("identity", "This identity belongs to another application.")
        return tenancy.create_person(
            email=told["email"],
            name=told["name"],
            role=Role(told["role"]),
            password=Secret(told["password"]),
            application=application,
            identity_id=identity.pk if identity else None,
            by=self.actor,
            at=timezone.now(),
        )

    @staticmethod
    def _named(visible: QuerySet[Any], field: str, told: Mapping[str, Any]) -> Any:
        if not told[field]:
            return None
        try:
            return find(visible, told[field].strip())
        except NotVisible as error:
            raise FieldError(field, "There is nothing with this id.") from error

    def _show(self, form: PersonForm) -> HttpResponse:
        breadcrumbs = [("Users and roles", reverse("onboarding:people")), ("New", "")]
        return self.show({"form": form, "breadcrumbs": breadcrumbs})


class PersonPage(Page):
    """One person: role, tenant, and the switch."""

    permission = Permission.MANAGE_PEOPLE
    section = "people"
    template_name = "onboarding/person_detail.html"

    def get(self, request: HttpRequest, pk: Any) -> HttpResponse:
        del request
        person = self._find(pk)
        return self.show(
            {
                "person": person,
                "facts": [
                    ("E-mail", person.email),
                    ("Role", Role(person.role).label),
                    ("Application", person.application.name if person.application else None),
                    ("State", badge(person.is_active)),
                    ("Last signed in", moment(person.last_login)),
                    ("Added", moment(person.created_at)),
                ],
                "permissions": sorted(PERMISSIONS[Role(person.role)]),
                "is_self": person.pk == self.actor.id,
                "breadcrumbs": [("Users and roles", reverse("onboarding:people")), (person.name, "")],
            }
        )

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Let the person in, or keep it out."""
        person = self._find(pk)
        is_active = request.POST.get("active") == "true"
        try:
            tenancy.set_person_active(person=person, is_active=is_active, by=self.actor, at=timezone.now())
        except FieldError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"{person.name} can {'sign in again' if is_active else 'no longer sign in'}.")
        return HttpResponseRedirect(request.path)

    def _find(self, pk: Any) -> Person:
        with transaction(by=self.actor):
            visible = Person.objects.visible_to(self.actor).select_related("application")
            found: Person | None = visible.filter(pk=pk).first()
        if found is None:
            raise NotVisible(str(pk))
        return found
