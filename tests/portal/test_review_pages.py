"""Pages of the review queue in process: who may open them, what a preview promises, and what many words at once do."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.models import Audit, Author
from onboarding.models import Merchant, ReviewItem
from onboarding.services import provision_merchant
from providers.models import Attempt
from providers.sandbox import faults
from tenancy.actors import Actor, Origin, system
from tenancy.models import ApiUser, Application, Person
from tenancy.roles import Role
from tenancy.services import create_api_user, person_actor, update_application
from tenancy.transactions import transaction
from tests.factories.onboarding import make_merchant_identity
from tests.factories.payments import make_bank_account, make_merchant
from tests.factories.tenancy import make_application, make_person
from tests.portal.pages import text_of

pytestmark = pytest.mark.django_db

QUEUE = "/dashboard/review/merchants/"
DECIDED = f"{QUEUE}decided/"
DECIDE = f"{QUEUE}decide/"
HELD = "000000002"
WHY = "The address belongs to somebody else."


@pytest.fixture
def items(own: Application) -> list[ReviewItem]:
    """Three that wait, newest first: Cedar, Birch, Alder."""
    return [hold(own, name) for name in ("Alder", "Birch", "Cedar")][::-1]


@pytest.fixture
def person() -> Person:
    return make_person("ada@example.org", Role.ADMIN)


@pytest.fixture
def admin(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def hold(application: Application, name: str, by: Any = None) -> ReviewItem:
    identity = make_merchant_identity(application, business_tax_id=HELD, doing_business_as=name)
    merchant = provision_merchant(identity=identity, by=by or system("test"), at=timezone.now())
    with transaction(by=system()):
        return ReviewItem.objects.select_related("application", "merchant__identity").get(merchant=merchant)


def actor_of(key: ApiUser, application: Application) -> Actor:
    return Actor(
        kind=Author.API_USER, id=key.pk, name=key.public_id, role=Role.PARTNER, application_ids=(application.pk,)
    )


def anew(item: ReviewItem) -> ReviewItem:
    with transaction(by=system()):
        return ReviewItem.objects.select_related("merchant").get(pk=item.pk)


def outcomes(items: list[ReviewItem]) -> list[tuple[str, str]]:
    found = [anew(item) for item in items]
    return [(str(item.outcome), str(item.merchant.onboarding_state)) for item in found]


def preview(client: Client, action: str, items: list[ReviewItem]) -> Any:
    answer = client.get(DECIDE, {"action": action, "selected": [item.public_id for item in items]})
    assert answer.status_code == 200
    return answer


def send(client: Client, action: str, items: list[ReviewItem], key: str = "one", **told: str) -> Any:
    chosen = {"action": action, "selected": [item.public_id for item in items], "key": key}
    return client.post(DECIDE, {**chosen, "reason": "", **told})


def test_queue_is_for_the_platform(own: Application, items: list[ReviewItem], admin: Client) -> None:
    page = f"{QUEUE}{items[0].public_id}/"
    partner = Client()
    partner.force_login(make_person("partner@example.org", Role.PARTNER, application=own))

    for place, permission in ((QUEUE, "review.view"), (DECIDED, "review.view"), (page, "review.view")):
        assert admin.get(place).status_code == 200
        refused = partner.get(place)
        assert (refused.status_code, permission in refused.content.decode()) == (403, True)
    refused = send(partner, "approve", items)
    assert (refused.status_code, "review.decide" in refused.content.decode()) == (403, True)
    assert outcomes(items) == [("PENDING", "PROVISIONING")] * 3
    assert QUEUE not in partner.get("/dashboard/merchants/").content.decode()
    assert admin.get(f"{QUEUE}RKnonsense/").status_code == 404


def test_list_shows_what_waits_and_no_more(own: Application, items: list[ReviewItem], admin: Client) -> None:
    make_merchant(make_merchant_identity(own))
    page = admin.get(QUEUE)

    assert [row["cells"][0] for row in page.context["rows"]] == ["Cedar", "Birch", "Alder"]
    assert page.content.decode().count('class="row-select"') == 3
    assert page.context["tabs"][0]["count"] == 3
    assert [row["label"] for row in admin.get(QUEUE, {"q": "bir"}).context["rows"]] == ["Birch"]
    found = admin.get(QUEUE, {"q": anew(items[0]).merchant.public_id, "application_id": own.public_id})
    assert [row["label"] for row in found.context["rows"]] == ["Cedar"]


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_preview_tells_what_will_happen_and_does_nothing(items: list[ReviewItem], admin: Client, action: str) -> None:
    text = text_of(preview(admin, action, items))

    assert f"{action.capitalize()} 3 merchants" in text
    assert text.count("Becomes approved" if action == "approve" else "Becomes rejected") == 3
    assert outcomes(items) == [("PENDING", "PROVISIONING")] * 3


@pytest.mark.parametrize(
    ("switched_off", "promise"),
    [
        ({}, "Becomes approved: it can take payments and is paid out."),
        ({"settlement_enabled": False}, "can take payments, but is not paid out. Settlements are switched off for all"),
        (
            {"processing_enabled": False},
            "but cannot take payments. Processing is switched off for all merchants of Own.",
        ),
        ({"enabled": False}, "but cannot take payments. Own is disabled, and all of its merchants with it."),
    ],
)
def test_preview_promises_what_the_switches_let_through(
    own: Application, admin: Client, switched_off: dict[str, bool], promise: str
) -> None:
    item = hold(own, "Alder")
    make_bank_account(item.merchant.identity)
    update_application(application=own, values=switched_off, by=system(), at=timezone.now())

    text = text_of(preview(admin, "approve", [item]))

    assert promise in text


def test_preview_promises_no_payout_without_a_bank_account(own: Application, admin: Client) -> None:
    text = text_of(preview(admin, "approve", [hold(own, "Alder")]))

    assert "it can take payments. It has no bank account to be paid out to yet." in text


def test_words_of_a_review_are_the_same_everywhere(own: Application, admin: Client) -> None:
    item = hold(own, "Alder")
    send(admin, "approve", [item])

    page = text_of(admin.get(f"{QUEUE}{item.public_id}/"))

    assert "Outcome: Waiting → Approved" in page
    assert "→ Accepted" not in page


def test_many_are_approved_at_once(items: list[ReviewItem], admin: Client, person: Person) -> None:
    answer = send(admin, "approve", items[:2])

    assert "2 merchants approved" in text_of(answer)
    assert outcomes(items) == [("ACCEPTED", "APPROVED")] * 2 + [("PENDING", "PROVISIONING")]
    assert anew(items[0]).reviewed_by_name == person.name
    decided = admin.get(DECIDED)
    assert [row["cells"][0] for row in decided.context["rows"]] == ["Cedar", "Birch"]
    assert person.name in text_of(decided)


def test_rejection_needs_a_reason_for_each(items: list[ReviewItem], admin: Client) -> None:
    own_reason = f"reason_{items[0].public_id}"
    for told in ({}, {own_reason: "For this one only."}, {"reason": "   "}):
        answer = send(admin, "reject", items, **told)
        assert (answer.status_code, "Say why: the merchants read it." in text_of(answer)) == (200, True)
    assert "Say why: the merchant reads it." in text_of(send(admin, "reject", items[:1]))
    assert outcomes(items) == [("PENDING", "PROVISIONING")] * 3

    answer = send(admin, "reject", items, **{"reason": WHY, own_reason: "For this one only."})

    assert "3 merchants rejected" in text_of(answer)
    assert outcomes(items) == [("REJECTED", "REJECTED")] * 3
    assert [anew(item).reason for item in items] == ["For this one only.", WHY, WHY]
    assert [anew(item).merchant.rejection_reasons for item in items] == [["For this one only."], [WHY], [WHY]]
    with transaction(by=system()):
        reasons = Audit.objects.filter(action="review_merchant").order_by("pk").values_list("reason", flat=True)
        assert sorted(reasons) == sorted(["For this one only.", WHY, WHY])


def test_reasons_that_are_too_long_are_told_all_at_once(items: list[ReviewItem], admin: Client) -> None:
    long = "x" * 301
    answer = send(admin, "reject", items, **{"reason": long, f"reason_{items[0].public_id}": long})

    assert text_of(answer).lower().count("at most 300 characters") >= 2
    assert outcomes(items) == [("PENDING", "PROVISIONING")] * 3


def test_refused_rows_stay_visible_beside_those_that_were_done(
    own: Application, items: list[ReviewItem], admin: Client, person: Person
) -> None:
    """One was decided meanwhile, one was sent in by whoever decides, one provider call fails."""
    update_application(application=own, values={"maker_checker_enabled": True}, by=system(), at=timezone.now())
    mine = hold(own, "Mine", by=person_actor(person, origin=Origin()))
    send(admin, "reject", items[:1], key="before", reason=WHY)
    faults.arrange(application_id=own.pk, kind="UNREACHABLE", operation="decide_merchant", times=2)

    shown = text_of(preview(admin, "approve", [*items, mine]))
    assert "Approve 2 merchants" in shown
    assert "was rejected already" in shown
    assert "somebody else has to decide" in shown
    text = text_of(send(admin, "approve", [*items, mine]))

    assert "1 of 4 merchants approved" in text
    assert "was rejected already" in text
    assert "somebody else has to decide" in text
    assert "The processor could not be reached. Nothing was decided" in text
    assert sorted(outcomes(items)) == [("ACCEPTED", "APPROVED"), ("PENDING", "PROVISIONING"), ("REJECTED", "REJECTED")]
    assert outcomes([mine]) == [("PENDING", "PROVISIONING")]


def test_preview_asks_once_for_all_keys_whose_secret_the_reader_was_shown(
    own: Application, admin: Client, person: Person
) -> None:
    """Ada made a key, which made another one: to both she may say nothing of what they sent in."""
    update_application(application=own, values={"maker_checker_enabled": True}, by=system(), at=timezone.now())
    now, ada = timezone.now(), person_actor(person, origin=Origin())
    by = {"parent": ada, "other": system("test")}
    keys = {
        name: create_api_user(role=Role.PARTNER, application=own, by=maker, at=now)[0] for name, maker in by.items()
    }
    keys["child"] = create_api_user(role=Role.PARTNER, application=own, by=actor_of(keys["parent"], own), at=now)[0]
    waiting = [hold(own, name, by=actor_of(key, own)) for name, key in keys.items()]

    counts = []
    for chosen in (waiting[:1], waiting):
        with CaptureQueriesContext(connection) as queries:
            page = preview(admin, "approve", chosen)
        counts.append(sum('FROM "event"' in query["sql"] for query in queries))

    assert counts == [1, 1]
    why_not = {row["title"]: bool(row["why_not"]) for row in page.context["rows"]}
    assert why_not == {"parent": True, "child": True, "other": False}
    assert outcomes([waiting[0]]) == [("PENDING", "PROVISIONING")]


def test_more_than_a_hundred_at_once_are_refused_with_a_sentence(items: list[ReviewItem], admin: Client) -> None:
    many = [item.public_id for item in items] * 34
    told = {"action": "approve", "selected": many}

    for answer in (admin.get(DECIDE, told, follow=True), admin.post(DECIDE, told | {"key": "one"}, follow=True)):
        assert answer.redirect_chain == [(QUEUE, 302)]
        assert "At most 100 merchants are decided on at once. Nothing was done; tick fewer." in text_of(answer)
    assert outcomes(items) == [("PENDING", "PROVISIONING")] * 3


def test_key_that_sent_somebody_in_is_short_in_the_list_and_whole_on_its_page(own: Application, admin: Client) -> None:
    key = create_api_user(role=Role.PARTNER, application=own, by=system(), at=timezone.now())[0]
    item = hold(own, "Alder", by=actor_of(key, own))

    listed = text_of(admin.get(QUEUE))
    page = text_of(admin.get(f"{QUEUE}{item.public_id}/"))

    assert f"US…{key.public_id[-6:]}" in listed
    assert key.public_id not in listed
    assert key.public_id in page


def test_form_that_is_sent_twice_does_nothing_twice(items: list[ReviewItem], admin: Client) -> None:
    first, again = (send(admin, "approve", items) for _ in range(2))

    assert text_of(first) == text_of(again)
    assert "3 merchants approved" in text_of(again)
    with transaction(by=system()):
        assert Attempt.objects.filter(operation="decision").count() == 3
        assert Audit.objects.filter(action="review_merchant").count() == 3
    other = text_of(send(admin, "reject", items, reason=WHY))
    assert "0 of 3 merchants rejected" in other
    assert outcomes(items) == [("ACCEPTED", "APPROVED")] * 3


def test_outcome_that_is_not_known_is_told_so(own: Application, items: list[ReviewItem], admin: Client) -> None:
    faults.arrange(application_id=own.pk, kind="TIMEOUT_AFTER", operation="decide_merchant", times=1)

    answer = send(admin, "approve", items[:1])
    again = send(admin, "approve", items[:1])

    for shown in (answer, again):
        assert "0 of 1 merchant approved" in text_of(shown)
        assert "has not answered. Nothing is sent twice" in text_of(shown)
    page = admin.get(f"{QUEUE}{items[0].public_id}/")
    assert "Decided, not confirmed" in text_of(page)
    assert "hx-get" in page.content.decode()
    assert "selected=" not in page.content.decode()


def test_nothing_chosen_and_nonsense_chosen(items: list[ReviewItem], admin: Client) -> None:
    for told in ([], ["nonsense", "MUbW447N4itVizGmsMCKyTb"]):
        page = admin.get(DECIDE, {"action": "approve", "selected": told})
        assert (page.status_code, "Nothing is ticked" in text_of(page)) == (200, True)
        assert "Nothing is ticked" in text_of(admin.post(DECIDE, {"action": "approve", "selected": told, "key": "k"}))
    for action in ("", "delete"):
        assert admin.get(DECIDE, {"action": action}).status_code == 302
        assert admin.post(DECIDE, {"action": action}).status_code == 302
    assert outcomes(items) == [("PENDING", "PROVISIONING")] * 3


def test_item_is_taken_into_review_and_put_back(items: list[ReviewItem], admin: Client, person: Person) -> None:
    page = f"{QUEUE}{items[0].public_id}/"

    taken = admin.post(page, {"take": "yes"}, follow=True)
    assert "Cedar is in review, by you." in text_of(taken)
    assert (anew(items[0]).outcome, anew(items[0]).reviewed_by_name) == ("MANUAL_REVIEW", person.name)
    back = admin.post(page, {"take": "no"}, follow=True)
    assert "Cedar waits for anybody again." in text_of(back)
    send(admin, "approve", items[:1])
    assert "already, by" in text_of(admin.post(page, {"take": "yes"}, follow=True))


def test_merchant_page_leads_to_the_review(own: Application, items: list[ReviewItem], admin: Client) -> None:
    merchant = anew(items[0]).merchant
    place = f"/dashboard/merchants/{merchant.public_id}/"
    partner = Client()
    partner.force_login(make_person("partner@example.org", Role.PARTNER, application=own))

    assert f"{QUEUE}?q={merchant.public_id}" in admin.get(place).content.decode()
    seen = partner.get(place)
    assert ("holds the business for review" in text_of(seen), QUEUE in seen.content.decode()) == (True, False)
    send(admin, "reject", items[:1], reason=WHY)
    assert text_of(partner.get(place)).count(WHY) >= 2  # beside its standing, and with its verification


def test_setting_of_the_application(own: Application, admin: Client) -> None:
    page = admin.get(f"/dashboard/applications/{own.public_id}/edit/")
    form = page.context["form"]
    told = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}

    answer = admin.post(
        f"/dashboard/applications/{own.public_id}/edit/",
        {**told, "maker_checker_enabled": "on", "version": page.context["version"]},
    )

    assert answer.status_code == 302
    with transaction(by=system()):
        assert Application.objects.get(pk=own.pk).maker_checker_enabled is True
    assert "Reviews need two people Yes" in text_of(admin.get(f"/dashboard/applications/{own.public_id}/"))


def test_merchants_of_others_are_not_decided_on(items: list[ReviewItem]) -> None:
    """Ids are no permission: a partner of another application is refused before any of them is looked up."""
    stranger = Client()
    stranger.force_login(make_person("other@example.org", Role.PARTNER, application=make_application("Other")[0]))

    assert send(stranger, "approve", items).status_code == 403
    with transaction(by=system()):
        assert set(Merchant.objects.values_list("onboarding_state", flat=True)) == {"PROVISIONING"}
