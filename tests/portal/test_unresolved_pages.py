"""Pages of the queue of unresolved attempts in process: who sees what, what they say, and what asking now does."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.models import Audit
from jobs.models import Job
from onboarding.models import Identity, Merchant, PaymentInstrument
from onboarding.services import verify_merchant
from payments.models import Transfer
from payments.portal.unresolved import UnresolvedPanel
from providers import attempts
from providers.models import Attempt
from providers.sandbox import faults
from resources import ids
from tenancy.actors import system
from tenancy.models import Application
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import make_card, make_merchant, make_processor, make_sale
from tests.factories.tenancy import make_application
from tests.portal.exports import taken
from tests.portal.pages import anew, browser, rows, text_of

pytestmark = pytest.mark.django_db

LIST = "/dashboard/unresolved/"
ASK = f"{LIST}ask/"
State = Attempt.State


class Shop:
    """An application whose sales lose their answers, or wait for a batch."""

    def __init__(self, name: str = "Own", **config: Any) -> None:
        self.application: Application = make_application(name)[0]
        make_processor(self.application, **config)
        self.identity: Identity = make_merchant_identity(self.application, doing_business_as=f"{name} Bakery")
        self.merchant: Merchant = make_merchant(self.identity)
        self.card: PaymentInstrument = make_card(make_identity(self.application))

    def lost(self, amount: int = 1250, *, kind: str = "TIMEOUT_AFTER", **values: Any) -> Attempt:
        """A sale that was executed and whose answer got lost; `values` are what its attempt is like by now."""
        faults.arrange(application_id=self.application.pk, kind=kind, operation="sell", times=1)
        return changed(self.attempt_of(make_sale(self.merchant, self.card, amount=amount)), **values)

    def attempt_of(self, sale: Transfer) -> Attempt:
        with transaction(by=system()):
            return Attempt.objects.get(resource_id=sale.pk)

    def browser(self, role: Role = Role.PLATFORM) -> Client:
        return browser(role, self.application, self.identity)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def changed(attempt: Attempt, **values: Any) -> Attempt:
    with transaction(by=system()):
        if values:
            Attempt.objects.filter(pk=attempt.pk).update(**values)
        return Attempt.objects.get(pk=attempt.pk)


def aged(attempt: Attempt, by: timedelta) -> Attempt:
    return changed(attempt, **{name: F(name) - by for name in ("created_at", "sent_at", "leased_until")})


def page_of(attempt: Attempt) -> str:
    return f"{LIST}{ids.encode(attempt.pk)}/"


def listed(answer: Any) -> list[int]:
    return [attempt.amount for attempt in answer.context["resources"]]


def open_jobs() -> int:
    return Job.objects.open().filter(kind=attempts.RESOLVE).count()


def asked() -> int:
    with transaction(by=system()):
        return Audit.objects.filter(action="ask_provider").count()


# --- the list


def test_list_tells_what_it_is_and_how_long_nobody_knows(shop: Shop) -> None:
    lost = aged(shop.lost(), timedelta(hours=3))
    answer = shop.browser().get(LIST)

    page = text_of(answer)
    assert "Sale of 12.50 USD Outcome not known The provider has not answered." in page
    with transaction(by=system()):
        transfer = Transfer.objects.get(pk=lost.resource_id)
    assert f'href="/dashboard/transfers/{transfer.public_id}/"' in answer.content.decode()
    assert "1 sent, 1 undecided 3 hours" in page
    assert "Transfer of Own Bakery Own" in page
    assert "1 attempt" in page


def test_oldest_comes_first_and_pages_are_read_from_either_side(shop: Shop) -> None:
    for hours, amount in enumerate(range(1000, 1027)):
        aged(shop.lost(amount), timedelta(hours=30 - hours))
    client = shop.browser()

    first = client.get(LIST)
    second = client.get(LIST + first.context["newer_url"])
    back = client.get(LIST + second.context["older_url"])

    assert listed(first) == list(range(1000, 1025))
    assert (first.context["older_url"], second.context["newer_url"]) == ("", "")
    assert (listed(second), listed(back)) == ([1025, 1026], listed(first))


def test_that_nobody_asks_any_more_or_a_check_is_overdue_stands_out(shop: Shop) -> None:
    now = timezone.now()
    shop.lost(100, next_check_at=None)
    shop.lost(200, next_check_at=now - timedelta(hours=1))
    shop.lost(300, next_check_at=now)
    shop.lost(400, next_check_at=now + timedelta(hours=1))

    checks = [str(row["cells"][2]) for row in shop.browser().get(LIST).context["rows"]]

    assert ["badge-negative" in check for check in checks] == [True, True, False, False]
    assert "Nobody asks any more" in checks[0]
    assert "Overdue" in checks[1]
    assert ">Now<" in checks[2]


@pytest.mark.parametrize(("query", "amounts"), [
    ("", [100, 200]), ("state=", [100, 200]), ("state=WAITING", [400]), ("state=waiting", [400]),
    ("state=ALL", [100, 200, 300, 400, None]), ("operation=sale", [100, 200]), ("operation=verification", []),
    ("state=ALL&operation=verification", [None]), ("processor=DUMMY_V1", [100, 200]), ("processor=VISA_V1", []),
])  # fmt: skip
def test_filters_show_what_nobody_knows_unless_asked(shop: Shop, query: str, amounts: list[int | None]) -> None:
    """Decided, on its way, waiting, or not sent yet: none of these is unknown."""
    shop.lost(100)
    late = timezone.now() - timedelta(seconds=1)
    shop.lost(200)
    with transaction(by=system()):
        Attempt.objects.filter(amount=200).update(state="CLAIMED", code="", leased_until=late)
    shop.lost(300)
    with transaction(by=system()):
        Attempt.objects.filter(amount=300).update(
            state="CLAIMED", code="", leased_until=timezone.now() + timedelta(seconds=20)
        )
    shop.lost(400, state="WAITING", code="")
    make_sale(shop.merchant, shop.card, amount=500)
    verify_merchant(merchant=shop.merchant, by=system(), at=timezone.now())

    answer = shop.browser().get(f"{LIST}?{query}")

    assert (answer.status_code, listed(answer)) == (200, amounts)


def test_file_tells_what_the_list_tells(shop: Shop) -> None:
    """Those of unknown outcome, oldest first, unless one asks for more; a call that never came back is one of them."""
    lost = shop.lost(100)
    late = changed(shop.lost(200), state="CLAIMED", code="", leased_until=timezone.now() - timedelta(seconds=1))
    shop.lost(400, state="WAITING", code="")
    client = shop.browser(Role.PARTNER)

    menu = client.get(LIST).context["export"]
    found = taken(client, menu["listing"], menu["query"])
    waiting = taken(client, menu["listing"], client.get(f"{LIST}?state=WAITING").context["export"]["query"])

    sale = ids.public_id("TR", lost.resource_id)
    told = [(row["Reference"], row["Act"], row["State"], row["Amount"], row["Times sent"]) for row in found]
    assert told == [(one.reference, "sale", "UNKNOWN", f"{one.amount / 100:.2f}", "1") for one in (lost, late)]
    assert found[0]["About"] == f"Transfer {sale}"
    assert [row["Amount"] for row in waiting] == ["4.00"]


def test_filter_by_application_and_a_wrong_choice(shop: Shop) -> None:
    other = Shop("Other")
    shop.lost(100)
    other.lost(200)
    client = shop.browser()

    assert listed(client.get(f"{LIST}?application_id={other.application.public_id}")) == [200]
    wrong = client.get(f"{LIST}?state=LOST")
    assert (listed(wrong), "Choose one of the list." in text_of(wrong)) == ([], True)


def test_every_filter_has_a_label_in_words() -> None:
    assert [name for name, found in UnresolvedPanel.base_filters.items() if not found._label] == []


@pytest.mark.parametrize("role", [Role.ADMIN, Role.PLATFORM, Role.PARTNER])
def test_list_costs_the_same_for_one_row_and_for_three(shop: Shop, role: Role) -> None:
    client = shop.browser(role)
    counts = []
    for more in (1, 2):
        for _ in range(more):
            shop.lost()
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(LIST)
        counts.append((len(answer.context["rows"]), len(queries)))

    (one, cost), (three, same) = counts
    assert (one, three, cost) == (1, 3, same)


def test_empty_queue_says_that_every_outcome_is_known(shop: Shop) -> None:
    make_sale(shop.merchant, shop.card)

    assert "Every outcome is known" in text_of(shop.browser().get(LIST))


# --- who may


@pytest.mark.parametrize(("role", "amounts"), [
    (Role.ADMIN, [100, 200]), (Role.PLATFORM, [100, 200]), (Role.PARTNER, [100]),
])  # fmt: skip
def test_each_role_sees_its_own(shop: Shop, role: Role, amounts: list[int]) -> None:
    shop.lost(100)
    Shop("Foreign").lost(200)

    answer = shop.browser(role).get(LIST)

    assert listed(answer) == amounts
    labels = [column["label"] for column in answer.context["columns"]]
    assert ("Application" in labels) == (role in Role.of_the_platform())
    assert all(len(row["cells"]) == len(labels) for row in answer.context["rows"])


def test_merchant_is_told_which_permission_is_missing(shop: Shop) -> None:
    lost = shop.lost()
    client = shop.browser(Role.MERCHANT)

    for place in (LIST, page_of(lost)):
        refused = client.get(place)
        assert (refused.status_code, "attempts.view" in refused.content.decode()) == (403, True)
    assert LIST not in client.get("/dashboard/transfers/").content.decode()


def test_partner_may_look_and_not_ask(shop: Shop) -> None:
    lost = shop.lost(next_check_at=None)
    client = shop.browser(Role.PARTNER)

    queue, page = client.get(LIST).content.decode(), client.get(page_of(lost))

    assert "Ask now" not in queue + page.content.decode()
    assert "row-select" not in queue
    for refused in (
        client.post(page_of(lost), {"key": "one"}),
        client.get(ASK),
        client.post(ASK, {"selected": [ids.encode(lost.pk)], "key": "one"}),
    ):
        assert (refused.status_code, "attempts.resolve" in refused.content.decode()) == (403, True)
    assert (anew(lost).next_check_at, asked()) == (None, 0)


def test_foreign_absent_and_malformed_are_the_same(shop: Shop) -> None:
    own, foreign = shop.lost(), Shop("Foreign").lost()
    client = shop.browser(Role.PARTNER)

    places = [page_of(own), page_of(foreign), f"{LIST}{ids.encode(ids.new_id())}/", f"{LIST}nonsense0/"]

    assert [client.get(place).status_code for place in places] == [200, 404, 404, 404]


def test_navigation_counts_for_whoever_can_do_something(shop: Shop) -> None:
    shop.lost(100)
    shop.lost(200)
    shop.lost(300, state="WAITING", code="")

    def counted(role: Role) -> str:
        heads = shop.browser(role).get(LIST).context["navigation"]
        (entry,) = [entry for head in heads for entry in head["entries"] if entry["section"] == "unresolved"]
        return str(entry["count"])

    assert [counted(role) for role in (Role.ADMIN, Role.PLATFORM, Role.PARTNER)] == ["2", "2", ""]


# --- one attempt


def test_page_tells_what_to_do_and_why_nothing_else(shop: Shop) -> None:
    lost = aged(shop.lost(next_check_at=None), timedelta(days=3))

    answer = shop.browser().get(page_of(lost))

    page = text_of(answer)
    assert "Sale of 12.50 USD Outcome not known" in page
    assert "It may have been executed. Sending again could charge twice." in page
    assert "Nobody asks any more" in page
    assert "It cannot be settled by hand." in page
    assert f"Reference {lost.reference}" in page
    assert "Merchant Own Bakery" in page
    assert "Code TIMEOUT" in page
    assert "Sale, attempt 1" in page
    assert "Transfer created" in page
    assert page.count("Ask now") == 1
    assert answer.context["following"] is None


def test_page_of_what_the_provider_is_at_raises_no_alarm(shop: Shop) -> None:
    waits = shop.lost(state="WAITING", code="")

    notice = shop.browser().get(page_of(waits)).context["notice"]

    assert notice == {
        "level": "info",
        "title": "Waiting for the provider",
        "text": "The provider has not decided yet.",
    }


def test_page_of_a_decided_attempt_stays_and_offers_nothing(shop: Shop) -> None:
    done = shop.attempt_of(make_sale(shop.merchant, shop.card))
    client = shop.browser()

    answer = client.get(page_of(done))
    client.post(page_of(done), {"key": "one"})

    assert (answer.context["notice"]["level"], answer.context["may_ask"]) == ("success", False)
    assert "What can be done" not in text_of(answer)
    assert "there is nothing left to ask" in text_of(client.get(page_of(done)))
    assert (anew(done).next_check_at, asked()) == (None, 0)


def test_page_that_follows_gets_nothing_while_nothing_moves(shop: Shop) -> None:
    lost = shop.lost(next_check_at=timezone.now() + timedelta(hours=1))
    client = shop.browser()
    address = client.get(page_of(lost)).context["following"]["url"]

    assert client.get(address, headers={"HX-Request": "true"}).status_code == 204
    changed(lost, next_check_at=timezone.now())
    assert client.get(address, headers={"HX-Request": "true"}).status_code == 200


def test_asking_finds_out_what_became_of_it(shop: Shop) -> None:
    lost = aged(shop.lost(next_check_at=None), timedelta(days=3))
    Job.objects.all().delete()
    client = shop.browser()
    key = client.get(page_of(lost)).context["key"]

    answer = client.post(page_of(lost), {"key": key}, follow=True)

    assert "The provider is being asked." in text_of(answer)
    assert (open_jobs(), asked()) == (1, 1)
    attempts.resolve(lost.pk, lost.application_id)
    decided = anew(lost)
    assert (decided.state, decided.sends) == (State.ACCEPTED, 1)
    assert "The outcome is known" in text_of(client.get(page_of(lost)))


def test_form_that_is_sent_twice_asks_once_and_says_the_same(shop: Shop) -> None:
    lost = shop.lost(next_check_at=None)
    Job.objects.all().delete()
    client = shop.browser()
    key = client.get(page_of(lost)).context["key"]

    pages = [text_of(client.post(page_of(lost), {"key": key}, follow=True)) for _ in range(2)]
    other = text_of(client.post(page_of(lost), {"key": "another"}, follow=True))

    assert ["The provider is being asked. What it says" in page for page in pages] == [True, True]
    assert "The provider is being asked already. Nothing is asked twice." in other
    assert (open_jobs(), asked()) == (1, 1)


def test_form_without_its_key_does_nothing(shop: Shop) -> None:
    lost = shop.lost(next_check_at=None)

    shop.browser().post(page_of(lost))

    assert (anew(lost).next_check_at, asked()) == (None, 0)


# --- many at once


def test_preview_tells_what_will_happen_and_does_nothing(shop: Shop) -> None:
    able = shop.lost(100, next_check_at=None)
    decided = shop.attempt_of(make_sale(shop.merchant, shop.card))

    answer = shop.browser().get(ASK, {"selected": [ids.encode(able.pk), ids.encode(decided.pk), "nonsense0"]})

    page = text_of(answer)
    assert "Ask about 1 attempt?" in page
    assert page.count("It is asked about now.") == 1
    assert "Left out. The outcome is known" in page
    assert answer.content.decode().count('name="selected"') == 1
    assert (anew(able).next_check_at, asked()) == (None, 0)


def test_each_row_tells_its_own_result_and_sending_again_asks_nothing(shop: Shop) -> None:
    chosen = [shop.lost(amount, next_check_at=None) for amount in (100, 200)]
    chosen.append(shop.attempt_of(make_sale(shop.merchant, shop.card)))
    Job.objects.all().delete()
    told = {"selected": [ids.encode(attempt.pk) for attempt in chosen], "key": "one"}
    client = shop.browser()

    first, again = (client.post(ASK, told) for _ in range(2))

    assert [result["is_done"] for result in first.context["results"]] == [True, True, False]
    assert "2 of 3 attempts being asked about" in text_of(first)
    assert "there is nothing left to ask" in text_of(first)
    assert [result["is_done"] for result in again.context["results"]] == [True, True, False]
    assert (open_jobs(), asked()) == (2, 2)


def test_nothing_ticked_and_too_much_ticked(shop: Shop) -> None:
    lost = shop.lost(next_check_at=None)
    client = shop.browser()
    many = {"selected": [ids.encode(lost.pk)] * 101, "key": "one"}

    assert "Nothing is ticked" in text_of(client.get(ASK))
    assert client.post(ASK, {"key": "one"})["Location"] == ASK
    assert "At most 100 attempts" in text_of(client.post(ASK, many, follow=True))
    assert "At most 100 attempts" in text_of(client.get(ASK, many, follow=True))
    assert (len(rows(Attempt)) > 0, asked()) == (True, 0)
