"""Pages of one person: a new one, who it is, what to change."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from onboarding.forms.people import NewPersonForm, PersonForm, ResetFactorForm
from onboarding.models import Identity
from portal import step_up
from portal.accounts import tell_of_reset
from portal.design.states import badge
from portal.design.values import moment
from portal.views import Page
from resources import ids
from resources.errors import ChangedMeanwhile, FieldError, FieldErrors, NotVisible
from resources.lookup import find
from tenancy import services as tenancy
from tenancy.models import Application, Person
from tenancy.roles import PERMISSIONS, Permission, Role
from tenancy.transactions import transaction
from vault.secret import Secret


class PersonFormPage(Page):
    """The base of the two forms about a person. Who may sign in, and as what, is changed by those who prove themselves:
    a session that was left open must not make another admin.
    """

    permission = Permission.MANAGE_PEOPLE
    section = "people"
    template_name = "onboarding/person_form.html"

    def place(self, told: Mapping[str, Any]) -> tenancy.Place:
        """Role and tenant as the form names them. Raises FieldError."""
        with transaction(by=self.actor):
            application = _named(Application.objects.visible_to(self.actor).tenants(), "application", told)
            identity = _named(Identity.objects.visible_to(self.actor), "identity", told)
        if identity is not None and application is not None and identity.application_id != application.pk:
            raise FieldError("identity", "This identity belongs to another application.")
        if identity is not None and not identity.is_merchant:
            raise FieldError("identity", "This identity is a buyer's; nobody signs in for it.")
        return tenancy.Place(
            Role(told["role"]), application, identity.pk if identity else None, may_refund=told["may_refund"]
        )


class CreatePerson(PersonFormPage):
    """Let somebody sign in."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return step_up.ask(request.path) if step_up.is_due(request) else self._show(NewPersonForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        if step_up.is_due(request):
            return step_up.ask(request.path)
        form = NewPersonForm(request.POST)
        if form.is_valid():
            told = form.cleaned_data
            try:
                person = tenancy.create_person(
                    email=told["email"],
                    name=told["name"],
                    place=self.place(told),
                    password=Secret(told["password"]),
                    by=self.actor,
                    at=timezone.now(),
                )
            except (FieldError, FieldErrors) as error:
                form.refuse(error)
            else:
                messages.success(request, f"{person.name} can sign in now.")
                return HttpResponseRedirect(reverse("onboarding:people"))
        return self._show(form)

    def _show(self, form: NewPersonForm) -> HttpResponse:
        breadcrumbs = [("Users and roles", reverse("onboarding:people")), ("New", "")]
        return self.show(
            {
                "form": form,
                "heading": "New person",
                "lead": "Somebody who signs in to the portal with e-mail and password.",
                "submit": "Add person",
                "cancel_url": reverse("onboarding:people"),
                "breadcrumbs": breadcrumbs,
            }
        )


class EditPerson(PersonFormPage):
    """Another name, address, role or tenant."""

    def get(self, request: HttpRequest, pk: Any) -> HttpResponse:
        if step_up.is_due(request):
            return step_up.ask(request.path)
        person = find_person(self, pk)
        return self._show(person, PersonForm(initial=_initial(person)))

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        if step_up.is_due(request):
            return step_up.ask(request.path)
        person = find_person(self, pk)
        form = PersonForm(request.POST, initial=_initial(person))
        if form.is_valid():
            told = form.cleaned_data
            try:
                tenancy.update_person(
                    person=person,
                    email=told["email"],
                    name=told["name"],
                    place=self.place(told),
                    version=request.POST.get("version", ""),
                    by=self.actor,
                    at=timezone.now(),
                )
            except ChangedMeanwhile as error:
                form.add_error(None, str(error))
            except (FieldError, FieldErrors) as error:
                form.refuse(error)
            else:
                messages.success(request, f"{told['name']} was changed.")
                return HttpResponseRedirect(reverse("onboarding:person", args=[person.pk]))
        return self._show(person, form)

    def _show(self, person: Person, form: PersonForm) -> HttpResponse:
        page = reverse("onboarding:person", args=[person.pk])
        return self.show(
            {
                "form": form,
                "heading": f"Edit {person.name}",
                "lead": "Another address, role or application ends the person's open sessions.",
                "submit": "Save",
                "version": self.request.POST.get("version") or person.version,
                "cancel_url": page,
                "breadcrumbs": [
                    ("Users and roles", reverse("onboarding:people")),
                    (person.name, page),
                    ("Edit", ""),
                ],
            }
        )


class PersonPage(Page):
    """One person: role, tenant, the switch, and what helps who has lost their second factor."""

    permission = Permission.MANAGE_PEOPLE
    section = "people"
    template_name = "onboarding/person_detail.html"

    def get(self, request: HttpRequest, pk: Any) -> HttpResponse:
        if request.GET.get("confirm") == "reset" and step_up.is_due(request):
            return step_up.ask(request.get_full_path())
        return self._show(find_person(self, pk), ResetFactorForm())

    def _show(self, person: Person, reset_form: ResetFactorForm) -> HttpResponse:
        confirm = self.request.GET.get("confirm")
        return self.show(
            {
                "person": person,
                "reset_form": reset_form,
                "may_reset": person.has_second_factor and person.pk != self.actor.id,
                "is_proved": not step_up.is_due(self.request),
                "confirms_disable": confirm == "disable",
                "confirms_reset": confirm == "reset" or reset_form.is_bound,
                "facts": [
                    ("E-mail", person.email),
                    ("Role", Role(person.role).label),
                    ("Application", person.application.name if person.application else None),
                    ("State", badge(person.is_active)),
                    ("Second factor", "Set up" if person.has_second_factor else "None"),
                    ("Last signed in", moment(person.last_login)),
                    ("Added", moment(person.created_at)),
                ],
                "permissions": sorted(PERMISSIONS[Role(person.role)] | person.permissions_beyond_role),
                "is_self": person.pk == self.actor.id,
                "edit_url": reverse("onboarding:edit-person", args=[person.pk]),
                "breadcrumbs": [("Users and roles", reverse("onboarding:people")), (person.name, "")],
            }
        )

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Let the person in or keep it out, or reset its second factor."""
        if request.POST.get("act") == "reset" and step_up.is_due(request):
            return step_up.ask(f"{request.path}?confirm=reset")
        person = find_person(self, pk)
        if request.POST.get("act") == "reset":
            return self._reset(request, person)
        is_active = request.POST.get("active") == "true"
        try:
            tenancy.set_person_active(person=person, is_active=is_active, by=self.actor, at=timezone.now())
        except FieldError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"{person.name} can {'sign in again' if is_active else 'no longer sign in'}.")
        return HttpResponseRedirect(request.path)

    def _reset(self, request: HttpRequest, person: Person) -> HttpResponse:
        form = ResetFactorForm(request.POST)
        if form.is_valid():
            try:
                tenancy.reset_second_factor(
                    person=person, reason=form.cleaned_data["reason"], by=self.actor, at=timezone.now()
                )
            except FieldError as error:
                form.add_error("reason", str(error))
            except tenancy.NoSecondFactor as error:
                messages.error(request, str(error))
                return HttpResponseRedirect(request.path)
            else:
                tell_of_reset(request, person)
                messages.success(request, f"{person.name} has no second factor any more, and can set up a new one.")
                return HttpResponseRedirect(request.path)
        return self._show(person, form)


def find_person(page: Page, pk: Any) -> Person:
    with transaction(by=page.actor):
        visible = Person.objects.visible_to(page.actor).select_related("application")
        found: Person | None = visible.filter(pk=pk).first()
    if found is None:
        raise NotVisible(str(pk))
    return found


def _initial(person: Person) -> dict[str, Any]:
    return {
        "name": person.name,
        "email": person.email,
        "role": person.role,
        "application": person.application.public_id if person.application else "",
        "identity": ids.public_id(Identity.PREFIX, person.identity_id) if person.identity_id else "",
        "may_refund": person.may_refund,
    }


def _named(visible: QuerySet[Any], field: str, told: Mapping[str, Any]) -> Any:
    if not told[field]:
        return None
    try:
        return find(visible, told[field].strip())
    except NotVisible as error:
        raise FieldError(field, "There is nothing with this id.") from error
