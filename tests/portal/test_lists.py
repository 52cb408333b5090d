"""What the lists of the portal say: labels, captions, words for what is wrong, and what stands behind each row."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from api.filters import PublicIdFilter
from events.models import Author
from onboarding import services
from onboarding.models import Identity
from onboarding.portal.urls import urlpatterns
from portal.timeline import timeline_of
from portal.views import ListPage
from tenancy.actors import Actor, system
from tenancy.models import Application
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.factories.onboarding import make_merchant_identity
from tests.factories.tenancy import Login, make_application, make_person

pytestmark = pytest.mark.django_db


VIEWS = [getattr(pattern.callback, "view_class", None) for pattern in urlpatterns]
LISTS = [view for view in VIEWS if view is not None and issubclass(view, ListPage)]


def browser(role: Role, application: Application | None = None, identity: Identity | None = None) -> Client:
    person = make_person(
        f"{role.name.lower()}@example.org", role, application=application, identity_id=identity.pk if identity else None
    )
    client = Client()
    client.force_login(person)
    return client


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", unescape(answer.content.decode()))


@pytest.fixture
def own_login() -> tuple[Application, Login]:
    return make_application("Own")


@pytest.fixture
def own(own_login: tuple[Application, Login]) -> Application:
    return own_login[0]


@pytest.mark.parametrize("page", LISTS, ids=lambda page: page.__name__)
def test_every_filter_has_a_label_and_every_id_says_so(page: type[ListPage]) -> None:
    filters = page.filter_class.base_filters

    assert [name for name, found in filters.items() if not found._label] == []
    assert [name for name, found in filters.items() if re.search(r"_|folded|invalid", found._label)] == []
    unsaid = [
        name
        for name, found in filters.items()
        if isinstance(found, PublicIdFilter) and not (found._label.endswith(" id") and found.extra.get("help_text"))
    ]
    assert unsaid == []


@pytest.mark.parametrize(
    ("path", "caption"),
    [
        ("applications", "Applications, newest first"),
        ("identities", "Identities, newest first"),
        ("people", "People, newest first"),
        ("api-keys", "API keys, newest first"),
        ("audit", "Entries of the audit history, newest first"),
    ],
)
def test_table_has_a_caption_of_what_is_in_it(own: Application, path: str, caption: str) -> None:
    client = browser(Role.ADMIN)
    client.get("/dashboard/applications/new")  # somebody has to have done something

    assert f">{caption}</caption>" in text_of(client.get(f"/dashboard/{path}/"))


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("identities/?business_type=guild", "business_type"),
        ("people/?role=king", "role"),
        ("audit/?result=x", "result"),
    ],
)
def test_wrong_choice_opens_the_panel_with_words_beside_the_field(path: str, field: str) -> None:
    page = text_of(browser(Role.ADMIN).get(f"/dashboard/{path}"))

    assert re.search(rf'id="id_{field}-error">.*?<span>Choose one of the list\.</span>', page)
    assert '<details class="menu" open>' in page
    assert "is needed" not in page
    assert "A filter cannot be read" in page


def test_wrong_date_opens_the_panel() -> None:
    page = text_of(browser(Role.ADMIN).get("/dashboard/identities/?created_at.gte=yesterday"))

    assert "A date or moment is written 2019-06-15" in page
    assert '<details class="menu" open>' in page


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("applications/?name=x", "Names are compared whole, in any case."),
        ("identities/?q=x", "The search field compares how names and addresses begin"),
        ("people/?email=x", "E-mail addresses are compared whole, in any case."),
        ("api-keys/?id=x", "Ids are compared whole"),
        ("audit/?action=x", "Actions are compared by their beginning"),
    ],
)
def test_nothing_found_says_how_the_list_compares(path: str, sentence: str) -> None:
    assert sentence in text_of(browser(Role.ADMIN).get(f"/dashboard/{path}"))


def test_new_identity_leads_to_the_only_application_or_to_a_choice(own: Application) -> None:
    other = make_application("Other")[0]
    partner, admin = browser(Role.PARTNER, own), browser(Role.ADMIN)

    assert 'href="/dashboard/identities/new/"' in text_of(partner.get("/dashboard/identities/"))
    assert (
        partner.get("/dashboard/identities/new/")["Location"]
        == f"/dashboard/applications/{own.public_id}/identities/new/"
    )
    choice = text_of(admin.get("/dashboard/identities/new/"))
    for application in (own, other):
        assert f'href="/dashboard/applications/{application.public_id}/identities/new/"' in choice


def test_merchant_reads_of_its_own_business_and_makes_nothing(own: Application) -> None:
    client = browser(Role.MERCHANT, own, make_merchant_identity(own))

    page = text_of(client.get("/dashboard/identities/"))

    assert "Your business as the platform knows it." in page
    assert "Create New Identity" not in page
    assert client.get("/dashboard/identities/new/").status_code == 403


def test_audit_lists_looking_only_when_asked(own: Application) -> None:
    client = browser(Role.ADMIN)

    def actions(query: str = "") -> set[str]:
        return {row.action for row in client.get(f"/dashboard/audit/{query}").context["resources"]}

    actions()
    assert "read_audit" not in actions()
    assert actions("?action=Read+audit") == {"read_audit"}
    assert actions("?action=create+person") == {"create_person"}
    assert actions("?action=Create+API+key") == {"create_api_user"}
    assert "read_audit" not in actions("?result=DONE")


def test_audit_shows_a_refusal_as_it_is_recorded(own: Application) -> None:
    browser(Role.PARTNER, own).get("/dashboard/people/")

    page = text_of(browser(Role.ADMIN).get("/dashboard/audit/?result=DENIED"))

    assert "<code>GET onboarding:<wbr>people</code>" in page


def test_refusal_tells_a_page_from_an_act(own: Application) -> None:
    client = browser(Role.PLATFORM)

    looked, acted = (text_of(method("/dashboard/people/new/", follow=True)) for method in (client.get, client.post))

    assert "This page is not for your role" in looked
    assert "You may see this, but not do it" in acted
    for page in (looked, acted):
        assert "people.manage" in page
        assert "can give you another one there" in page
        assert "can grant" not in page


@pytest.mark.parametrize(("kind", "name"), [("key", "enabled"), ("person", "active")])
def test_disabling_is_asked_about_first(own_login: tuple[Application, Login], kind: str, name: str) -> None:
    own, login = own_login
    pat = make_person("pat@example.org", Role.PARTNER, application=own)
    path = f"/dashboard/api-keys/{login.user.public_id}/" if kind == "key" else f"/dashboard/people/{pat.pk}/"
    client = browser(Role.ADMIN)

    page, asked = text_of(client.get(path)), text_of(client.get(f"{path}?confirm=disable"))

    assert 'href="?confirm=disable"' in page
    assert " open data-dialog-shown" not in page
    dialog = asked[asked.index("<dialog") : asked.index("</dialog>")]
    assert " open data-dialog-shown" in dialog
    assert re.search(rf'<form method="post" action="{path}">.*name="{name}" value="false"', dialog)


def test_timeline_speaks_in_words_and_leads_to_the_key(own_login: tuple[Application, Login]) -> None:
    own, login = own_login
    identity = make_merchant_identity(own, has_accepted_credit_cards_previously=False)
    services.update_identity(
        identity=identity,
        changes={"entity": {"has_accepted_credit_cards_previously": True}},
        by=login.actor,
        at=timezone.now(),
    )
    merchant = make_person("june@example.org", Role.MERCHANT, application=own, identity_id=identity.pk)

    newest, seen_by_merchant = (_newest(identity, actor) for actor in (login.actor, _actor_of(merchant, login.actor)))

    assert newest["detail"] == "Has accepted credit cards previously: no → yes"
    assert (newest["by"], newest["is_by_program"]) == (login.user.public_id, True)
    assert newest["by_url"] == f"/dashboard/api-keys/{login.user.public_id}/"
    assert seen_by_merchant["by_url"] == ""


def test_incomplete_merchant_is_edited_piece_by_piece(own: Application) -> None:
    identity = make_merchant_identity(own)
    with transaction(by=system()):
        Identity.objects.filter(pk=identity.pk).update(
            url=None, business_address=None, tax_id_provided=False, ownership_type=None
        )
    client = browser(Role.PARTNER, own)
    path = f"/dashboard/identities/{identity.public_id}/edit/"
    form = client.get(path).context["form"]
    told = {bound.html_name: bound.value() for bound in form if bound.value() not in (None, False)}

    optional = {"url", "business_address__line1", "tax_id", "ownership_type"}
    answers = [
        client.post(path, told | changes | {"version": client.get(path).context["version"]})
        for changes in ({"title": ""}, {"business_address__line1": "1 Main St"}, {"title": "CFO"})
    ]

    assert [name for name in optional if form.fields[name].required] == []
    assert form.fields["title"].required
    assert list(answers[0].context["form"].errors) == ["title"]
    assert "business_address__city" in answers[1].context["form"].errors
    assert answers[2].status_code == 302


def _newest(identity: Identity, actor: Actor) -> dict[str, Any]:
    with transaction(by=actor):
        return timeline_of(identity, by=actor)[0]


def _actor_of(person: Any, like: Actor) -> Actor:
    return Actor(
        kind=Author.PERSON,
        id=person.pk,
        name=person.name,
        role=Role(person.role),
        application_ids=like.application_ids,
        identity_id=person.identity_id,
    )
