"""The review queue over the API: what waits, who may decide, and what becomes of the merchant."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from events.models import Audit, Event
from onboarding.models import Merchant, ReviewItem
from onboarding.services import OwnApproval, PersonNeeded, provision_merchant, review
from providers import attempts, clock, copying, port
from providers.models import Attempt
from providers.sandbox import faults
from providers.sandbox.provider import Sandbox
from tenancy import transactions
from tenancy.actors import Actor, Origin, system
from tenancy.models import Application, Person
from tenancy.roles import Role
from tenancy.services import create_api_user, person_actor, rotate_api_user, update_application
from tenancy.transactions import transaction
from tests.api.conftest import errors_of
from tests.conftest import ApiClient
from tests.factories.onboarding import make_merchant_identity
from tests.factories.payments import let_time_pass, make_merchant, make_processor
from tests.factories.tenancy import Login, make_application, make_person, make_platform_login

HELD, REJECTED = "000000002", "000000003"
WHY = "The address belongs to somebody else."


class Queue:
    """An application with a held merchant, and the two who deal with it."""

    def __init__(self) -> None:
        self.application, self.login = make_application("Own")
        make_processor(self.application)
        self.partner, self.reviewer = ApiClient(self.login), make_platform_login()
        self.admin = ApiClient(self.reviewer)
        self.merchant = self.held()

    def held(self, login: Login | None = None, **form: Any) -> str:
        """Onboard a business that is held, over the API; gives the id of the merchant."""
        identity = make_merchant_identity(self.application, **{"business_tax_id": HELD, **form})
        made = ApiClient(login or self.login).post(
            f"/identities/{identity.public_id}/merchants", {"processor": "DUMMY_V1"}
        )
        assert (made.status_code, made.json()["onboarding_state"]) == (201, "PROVISIONING")
        return str(made.json()["id"])

    def items(self, query: str = "") -> list[dict[str, Any]]:
        answer = self.admin.get(f"/review_queue{query}", Finix_Version="2022-02-01")
        assert answer.status_code == 200, answer.content
        found: list[dict[str, Any]] = answer.json()["_embedded"]["review_queue_items"]
        return found

    def item(self, merchant: str | None = None) -> dict[str, Any]:
        (found,) = self.items(f"?entity_id={merchant or self.merchant}")
        return found

    def put(self, client: ApiClient | None = None, merchant: str | None = None, **body: Any) -> HttpResponse:
        return (client or self.admin).put(f"/review_queue/{self.item(merchant)['id']}", body)

    def shown(self, merchant: str | None = None) -> dict[str, Any]:
        body: dict[str, Any] = self.admin.get(f"/merchants/{merchant or self.merchant}").json()
        return body

    def verification(self, merchant: str | None = None) -> dict[str, Any]:
        body: dict[str, Any] = self.admin.get(f"/verifications/{self.shown(merchant)['verification']}").json()
        return body

    def row(self) -> ReviewItem:
        with transaction(by=system()):
            return ReviewItem.objects.get(merchant_id=Merchant.parse_id(self.merchant))

    def attempts(self, operation: str) -> list[tuple[str, str]]:
        with transaction(by=system()):
            found = Attempt.objects.filter(application=self.application, operation=operation).order_by("created_at")
            return [(attempt.reference.partition("-")[2], str(attempt.state)) for attempt in found]

    def decide(self, person: Actor, outcome: str = "ACCEPTED") -> ReviewItem:
        """As the portal does."""
        return review(item=self.row(), outcome=outcome, reason="Because.", by=person, at=timezone.now())

    def ask_for_two_people(self) -> None:
        update_application(
            application=self.application, values={"maker_checker_enabled": True}, by=system(), at=timezone.now()
        )


def person_of(person: Person) -> Actor:
    return person_actor(person, origin=Origin())


@pytest.fixture
def queue(db: None) -> Queue:
    return Queue()


def test_held_merchant_waits_in_the_queue(queue: Queue) -> None:
    (item,) = queue.items()

    assert item.pop("id").startswith("RK")
    links = item.pop("_links")
    assert list(links) == ["self", "application", "entity"]
    assert links["entity"]["href"].endswith(f"/merchants/{queue.merchant}")
    assert item.pop("created_at") == item.pop("updated_at")
    assert item == {
        "application": queue.application.public_id,
        "entity_id": queue.merchant,
        "entity_type": "MERCHANT",
        "outcome": "PENDING",
        "processor_type": "DUMMY_V1",
        "review_type": "CREATED",
        "reviewed_by": None,
        "completed_at": None,
        "reason": None,
        "tags": {},
    }


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("word", ["ACCEPTED", "approved"])
def test_accepted_merchant_can_take_payments(queue: Queue, method: str, word: str) -> None:
    answer = queue.admin.request(method, f"/review_queue/{queue.item()['id']}", {"outcome": word, "tags": {"a": "b"}})

    assert answer.status_code == 200, answer.content
    assert (answer.json()["outcome"], answer.json()["reviewed_by"]) == ("ACCEPTED", queue.reviewer.user.public_id)
    assert answer.json()["tags"] == {"a": "b"}
    assert answer.json() == queue.item()
    assert answer.json()["completed_at"]
    merchant = queue.shown()
    assert (merchant["onboarding_state"], merchant["processing_enabled"], merchant["settlement_enabled"]) == (
        "APPROVED", True, True
    )  # fmt: skip
    assert merchant["mid"]
    assert (queue.verification()["state"], queue.verification()["messages"]) == ("SUCCEEDED", [])


def test_reason_without_an_outcome_is_refused(queue: Queue) -> None:
    answer = queue.put(reason=WHY, tags={"a": "b"})

    (error,) = errors_of(answer)
    assert (answer.status_code, error["field"]) == (422, "reason")
    assert (queue.item()["reason"], queue.item()["tags"]) == (None, {})
    assert queue.put(reason=None, tags={"a": "b"}).json()["tags"] == {"a": "b"}


def test_rejected_merchant_is_told_why(queue: Queue) -> None:
    answer = queue.put(outcome="REJECTED", reason=WHY)

    assert answer.status_code == 200
    assert (answer.json()["outcome"], answer.json()["reason"]) == ("REJECTED", WHY)
    merchant, verification = queue.shown(), queue.verification()
    assert (merchant["onboarding_state"], merchant["processing_enabled"]) == ("REJECTED", False)
    assert merchant["rejection_reasons"] == [WHY]
    assert (verification["state"], verification["messages"]) == ("FAILED", [WHY])


def test_rejection_needs_a_reason(queue: Queue) -> None:
    for body in ({"outcome": "REJECTED"}, {"outcome": "rejected", "reason": None}, {"outcome": "REJECTED", "tags": {}}):
        answer = queue.put(**body)

        assert answer.status_code == 422
        (error,) = errors_of(answer)
        assert (error["code"], error["field"]) == ("INVALID_FIELD", "reason")
        assert error["message"] == "Say why: the merchant reads it."
    assert queue.item()["outcome"] == "PENDING"


def test_everything_wrong_is_told_at_once(queue: Queue) -> None:
    answer = queue.put(outcome="MAYBE", reason="x" * 301, tags={"a": 1})

    assert answer.status_code == 422
    assert {error["field"] for error in errors_of(answer)} >= {"outcome", "reason"}


def test_what_is_decided_stays_so(queue: Queue) -> None:
    queue.put(outcome="ACCEPTED")

    for outcome in ("ACCEPTED", "REJECTED", "MANUAL_REVIEW", "PENDING"):
        answer = queue.put(outcome=outcome, reason="Because.")
        assert answer.status_code == 422
        assert errors_of(answer)[0]["message"].startswith("This merchant was approved already, by US")
    assert queue.put(tags={"kept": "yes"}).json()["tags"] == {"kept": "yes"}
    assert queue.attempts("decision") == [("1", "ACCEPTED")]


def test_manual_review_is_ours_alone(queue: Queue) -> None:
    taken = queue.put(outcome="MANUAL_REVIEW", reason="Ask for papers.")
    assert (taken.json()["outcome"], taken.json()["reviewed_by"]) == ("MANUAL_REVIEW", queue.reviewer.user.public_id)
    assert taken.json()["completed_at"] is None

    back = queue.put(outcome="PENDING")
    assert (back.json()["outcome"], back.json()["reviewed_by"]) == ("PENDING", None)
    assert queue.attempts("decision") == []
    queue.put(outcome="MANUAL_REVIEW")
    assert queue.put(outcome="ACCEPTED").json()["outcome"] == "ACCEPTED"


def test_queue_is_for_the_platform_alone(queue: Queue) -> None:
    path = f"/review_queue/{queue.item()['id']}"

    for answer in (queue.partner.get("/review_queue"), queue.partner.get(path), queue.partner.put(path, {})):
        assert answer.status_code == 403
    assert queue.partner.put(path, {"outcome": "ACCEPTED"}).status_code == 403
    assert "review_queue" not in queue.partner.get("/").json()["_links"]
    assert queue.admin.get("/").json()["_links"]["review_queue"]["href"].endswith("/review_queue")


def test_filters(queue: Queue) -> None:
    other, _ = make_application("Other")
    make_processor(other)
    make_merchant(make_merchant_identity(other, business_tax_id=HELD))
    queue.put(outcome="REJECTED", reason=WHY)

    for query, count in {
        "": 2,
        "?outcome=REJECTED": 1,
        "?outcome=pending": 1,
        "?outcome=MANUAL_REVIEW": 0,
        "?entity_type=MERCHANT": 2,
        f"?entity_id={queue.merchant}": 1,
        f"?application_id={other.public_id}": 1,
        f"?application_id={other.public_id}&outcome=REJECTED": 0,
    }.items():
        assert len(queue.items(query)) == count, query
    assert queue.admin.get("/review_queue?outcome=APPROVEDISH").status_code == 400


class TestWhoAsked:
    def test_provisioned_by_a_key(self, queue: Queue) -> None:
        row = queue.row()

        assert (row.asked_by_kind, row.asked_by_id) == ("API_USER", queue.login.user.pk)
        assert row.asked_by_name == queue.login.user.public_id

    def test_answer_that_the_worker_brought_changes_nobody(self, queue: Queue) -> None:
        """The answer to the provisioning is lost; the resolver learns that the merchant is held."""
        faults.arrange(
            application_id=queue.application.pk, kind="TIMEOUT_AFTER", operation="provision_merchant", times=1
        )
        queue.merchant = queue.held()
        assert queue.items(f"?entity_id={queue.merchant}") == []

        _resolve(queue.application)

        assert (queue.row().asked_by_kind, queue.row().asked_by_id) == ("API_USER", queue.login.user.pk)

    def test_next_try_is_another_item_of_whoever_sent_it(self, queue: Queue) -> None:
        queue.put(outcome="REJECTED", reason=WHY)
        answer = queue.admin.post(f"/merchants/{queue.merchant}/verifications", {})
        assert answer.status_code == 201
        assert queue.items("?outcome=PENDING") == []
        assert queue.shown()["rejection_reasons"] == []

        let_time_pass(queue.application, 5)

        (item,) = queue.items("?outcome=PENDING")
        assert (item["entity_id"], item["review_type"]) == (queue.merchant, "VERIFIED")
        with transaction(by=system()):
            row = ReviewItem.objects.get(outcome="PENDING")
        assert (row.asked_by_kind, row.asked_by_id) == ("API_USER", queue.reviewer.user.pk)
        assert len(queue.items()) == 2
        assert queue.admin.put(f"/review_queue/{item['id']}", {"outcome": "ACCEPTED"}).status_code == 200
        assert queue.shown()["onboarding_state"] == "APPROVED"

    def test_rejection_by_the_processor_is_not_reviewed(self, queue: Queue) -> None:
        merchant = queue.partner.post(
            f"/identities/{make_merchant_identity(queue.application, business_tax_id=REJECTED).public_id}/merchants",
            {"processor": "DUMMY_V1"},
        ).json()

        assert merchant["onboarding_state"] == "REJECTED"
        assert merchant["rejection_reasons"] == queue.verification(merchant["id"])["messages"] != []
        assert queue.items(f"?entity_id={merchant['id']}") == []

    def test_update_of_an_approved_merchant_is_reviewed_and_never_closes_it(self, queue: Queue) -> None:
        queue.put(outcome="ACCEPTED")
        queue.admin.post(f"/merchants/{queue.merchant}/verifications", {})
        let_time_pass(queue.application, 5)
        (item,) = queue.items("?outcome=PENDING")

        queue.admin.put(f"/review_queue/{item['id']}", {"outcome": "REJECTED", "reason": WHY})

        merchant = queue.shown()
        assert (merchant["onboarding_state"], merchant["processing_enabled"]) == ("APPROVED", True)
        assert merchant["rejection_reasons"] == []
        assert (queue.verification()["state"], queue.verification()["messages"]) == ("FAILED", [WHY])


class TestTwoPeople:
    def test_whoever_sent_it_in_does_not_decide(self, queue: Queue) -> None:
        queue.ask_for_two_people()
        ada, bob = (person_of(make_person(f"{name}@example.org", Role.ADMIN)) for name in ("ada", "bob"))
        identity = make_merchant_identity(queue.application, business_tax_id=HELD)
        queue.merchant = provision_merchant(identity=identity, by=ada, at=timezone.now()).public_id

        for outcome in ("ACCEPTED", "REJECTED"):
            with pytest.raises(OwnApproval):
                queue.decide(ada, outcome)
        assert queue.shown()["onboarding_state"] == "PROVISIONING"
        assert queue.put(outcome="MANUAL_REVIEW").status_code == 200
        assert queue.decide(bob).outcome == "ACCEPTED"

    def test_key_decides_nothing(self, queue: Queue) -> None:
        """Whose it is nobody knows: perhaps of the very person who sent the merchant in."""
        queue.ask_for_two_people()

        for client in (queue.admin, ApiClient(make_platform_login())):
            for outcome in ("ACCEPTED", "REJECTED"):
                answer = queue.put(client, outcome=outcome, reason="Because.")
                assert answer.status_code == 422
                assert errors_of(answer)[0]["message"] == PersonNeeded.message
        assert queue.item()["outcome"] == "PENDING"
        assert queue.decide(person_of(make_person("ada@example.org", Role.ADMIN))).outcome == "ACCEPTED"

    @pytest.mark.parametrize("how", ["made", "rotated", "made by a key"])
    def test_what_ones_own_key_sent_in_somebody_else_decides(self, queue: Queue, how: str) -> None:
        queue.ask_for_two_people()
        ada, bob = (person_of(make_person(f"{name}@example.org", Role.ADMIN)) for name in ("ada", "bob"))
        now = timezone.now()
        if how == "rotated":
            user = make_platform_login().user
            login = Login(*rotate_api_user(user=user, overlap=timedelta(), by=ada, at=now))
        else:
            login = Login(*create_api_user(role=Role.ADMIN, by=ada, at=now))
        if how == "made by a key":
            login = Login(*create_api_user(role=Role.ADMIN, by=login.actor, at=now))
        queue.merchant = queue.held(login)

        with pytest.raises(OwnApproval):
            queue.decide(ada)
        assert queue.decide(bob).outcome == "ACCEPTED"

    def test_without_the_setting_one_is_enough(self, queue: Queue) -> None:
        mine = queue.held(queue.reviewer)

        assert queue.put(merchant=mine, outcome="ACCEPTED").status_code == 200

    def test_setting_over_the_api(self, queue: Queue) -> None:
        path = f"/applications/{queue.application.public_id}"
        assert queue.admin.get(path).json()["maker_checker_enabled"] is False

        assert queue.admin.put(path, {"maker_checker_enabled": True}).json()["maker_checker_enabled"] is True
        assert queue.partner.put(path, {"maker_checker_enabled": False}).status_code == 403


class TestAtTheProvider:
    @pytest.mark.parametrize("kind", ["TIMEOUT_AFTER", "TIMEOUT_BEFORE", "MALFORMED"])
    def test_lost_answer_is_found_by_the_resolver(self, queue: Queue, kind: str) -> None:
        _arrange(queue, kind, times=1)
        answer = queue.put(outcome="REJECTED", reason=WHY)

        assert (answer.status_code, answer.json()["outcome"], answer.json()["reviewed_by"]) == (200, "PENDING", None)
        row = queue.row()
        assert (row.decision, row.is_open, row.is_waiting) == ("REJECTED", True, False)
        again = queue.put(outcome="ACCEPTED")
        assert again.status_code == 422
        assert "has not confirmed it yet" in errors_of(again)[0]["message"]

        _resolve(queue.application, after=60)

        item = queue.item()
        assert (item["outcome"], item["reason"]) == ("REJECTED", WHY)
        assert item["reviewed_by"] == queue.reviewer.user.public_id
        assert queue.shown()["rejection_reasons"] == [WHY]

    def test_unreachable_provider_leaves_it_waiting(self, queue: Queue) -> None:
        _arrange(queue, "UNREACHABLE", times=2)
        path = f"/review_queue/{queue.item()['id']}"
        body = {"outcome": "REJECTED", "reason": WHY}

        answer = queue.admin.put(path, body, Idempotency_Key="one")
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        row = queue.row()
        assert (row.is_waiting, row.reason, row.reviewed_by_name) == (True, "", "")

        again = queue.admin.put(path, body, Idempotency_Key="one")
        assert (again.status_code, again.json()["outcome"]) == (200, "REJECTED")
        assert queue.attempts("decision") == [("1", "ABSENT"), ("2", "ACCEPTED")]

    def test_refusal_of_the_provider_leaves_it_waiting(self, queue: Queue) -> None:
        _arrange(queue, "REFUSED", times=1)

        assert queue.put(outcome="ACCEPTED").status_code == 422
        assert queue.row().is_waiting
        assert queue.put(outcome="ACCEPTED").status_code == 200

    def test_act_that_arrives_twice_is_carried_out_once(self, queue: Queue) -> None:
        _arrange(queue, "DUPLICATE", times=1)

        assert queue.put(outcome="ACCEPTED").json()["outcome"] == "ACCEPTED"

    def test_repeat_under_a_key_gets_the_first_answer(self, queue: Queue) -> None:
        path = f"/review_queue/{queue.item()['id']}"
        first, again = (queue.admin.put(path, {"outcome": "ACCEPTED"}, Idempotency_Key="one") for _ in range(2))

        assert (first.status_code, again.status_code) == (200, 200)
        assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
        assert queue.admin.put(path, {"outcome": "REJECTED", "reason": WHY}, Idempotency_Key="one").status_code == 422
        assert len(queue.attempts("decision")) == 1

    def test_repeat_is_told_what_became_of_it(self, queue: Queue) -> None:
        _arrange(queue, "TIMEOUT_AFTER", times=1)
        path = f"/review_queue/{queue.item()['id']}"
        first = queue.admin.put(path, {"outcome": "ACCEPTED"}, Idempotency_Key="one")
        _resolve(queue.application, after=60)

        again = queue.admin.put(path, {"outcome": "ACCEPTED"}, Idempotency_Key="one")

        assert (first.json()["outcome"], again.json()["outcome"]) == ("PENDING", "ACCEPTED")

    @pytest.mark.parametrize("is_accepted", [True, False])
    def test_word_of_the_processor_itself_ends_the_item(self, queue: Queue, is_accepted: bool) -> None:
        row = queue.row()
        _decide_elsewhere(queue, is_accepted=is_accepted)
        assert queue.item()["outcome"] == "PENDING"
        answer = queue.put(outcome="ACCEPTED")
        assert answer.status_code == 422
        assert "does not wait" in errors_of(answer)[0]["message"]

        _resolve(queue.application)

        item = queue.item()
        assert (item["outcome"], item["reviewed_by"]) == ("ACCEPTED" if is_accepted else "REJECTED", None)
        assert item["reason"] == (None if is_accepted else "Elsewhere.")
        assert item["completed_at"]
        assert (queue.row().pk, queue.row().decision) == (row.pk, "")
        assert queue.put(outcome="ACCEPTED").status_code == 422
        assert "by the processor itself" in errors_of(queue.put(outcome="ACCEPTED"))[0]["message"]

    def test_word_that_the_processor_did_not_follow_is_nobodys(self, queue: Queue) -> None:
        """Our approval is lost on the way, and the processor rejects by itself."""
        _arrange(queue, "TIMEOUT_BEFORE", times=1)
        queue.put(outcome="ACCEPTED")
        _decide_elsewhere(queue, is_accepted=False)

        _resolve(queue.application, after=60)

        item = queue.item()
        assert (item["outcome"], item["reason"], item["reviewed_by"]) == ("REJECTED", "Elsewhere.", None)
        assert queue.shown()["onboarding_state"] == "REJECTED"

    def test_who_asked_for_the_check_need_not_wait(self, queue: Queue) -> None:
        assert queue.attempts("provisioning") == [("1", "WAITING")]
        queue.put(outcome="REJECTED", reason=WHY)

        _resolve(queue.application)

        assert queue.attempts("provisioning") == [("1", "REFUSED")]


def test_restored_copy_waits_again(queue: Queue) -> None:
    """What waits at the provider waits here, whatever was lost."""
    lost = queue.row()
    account = port.Account(queue.application.pk)
    with transaction(by=system()):
        ReviewItem.objects.filter(pk=lost.pk).delete()
    for _ in range(2):
        copying.copy_everything("DUMMY_V1", account, by=system(), at=timezone.now())

    (item,) = queue.items()
    assert (item["entity_id"], item["outcome"]) == (queue.merchant, "PENDING")
    assert queue.put(outcome="ACCEPTED").json()["outcome"] == "ACCEPTED"


def test_histories_tell_who_and_why(queue: Queue) -> None:
    item = queue.row()
    queue.put(outcome="REJECTED", reason=WHY)

    with transaction(by=system()):
        (audit,) = Audit.objects.filter(action="review_merchant")
        kinds = list(Event.objects.filter(resource_id=item.pk).order_by("sequence").values_list("kind", flat=True))
        reviewed = Event.objects.get(pk=audit.events[0])
    assert (audit.reason, audit.author_id, audit.result) == (WHY, queue.reviewer.user.pk, "DONE")
    assert kinds == [f"review_queue_item.{what}" for what in ("created", "decided", "completed")]
    assert (reviewed.kind, reviewed.changes) == ("review_queue_item.decided", {"decision": [None, "REJECTED"]})


@pytest.mark.parametrize("count", [1, 3])
def test_queries(queue: Queue, django_assert_num_queries: DjangoAssertNumQueries, count: int) -> None:
    for _ in range(count - 1):
        queue.held()
    path = f"/review_queue/{queue.item()['id']}"

    with django_assert_num_queries(8):
        assert len(queue.admin.get("/review_queue").json()["_embedded"]["review_queue_items"]) == count
    with django_assert_num_queries(7):
        assert queue.admin.get(path).status_code == 200
    with django_assert_num_queries(59):
        assert queue.admin.put(path, {"outcome": "ACCEPTED"}).status_code == 200


def _arrange(queue: Queue, kind: str, times: int) -> None:
    faults.arrange(application_id=queue.application.pk, kind=kind, operation="decide_merchant", times=times)


def test_merchant_is_locked_before_its_verifications(queue: Queue) -> None:
    """As when somebody asks for another check, so that the two never wait for each other."""
    account = port.Account(queue.application.pk)
    (news,) = [news for news in Sandbox().tell_all(account=account) if isinstance(news, port.Verification)]

    with (
        transactions.outcome(by=system("test"), at=timezone.now()) as current,
        CaptureQueriesContext(connection) as queries,
    ):
        copying.copy(current, account, Sandbox.name, news)

    locking = [query["sql"] for query in queries if "FOR UPDATE" in query["sql"]]
    assert ['FROM "merchant"' in sql for sql in locking[:2]] == [True, False]
    assert 'FROM "verification"' in locking[1]


def _decide_elsewhere(queue: Queue, *, is_accepted: bool) -> None:
    """At the provider, past us."""
    item = queue.row()
    act = port.DecideMerchant(
        id=item.pk,
        merchant_id=item.merchant_id,
        verification_id=item.verification_id,
        is_accepted=is_accepted,
        reasons=() if is_accepted else ("Elsewhere.",),
    )
    answer = Sandbox().carry_out(act, reference="elsewhere", account=port.Account(queue.application.pk))
    assert answer.verdict == port.Verdict.ACCEPTED


def _resolve(application: Application, *, after: float = 0) -> None:
    """Let the worker ask about all that is open, once the lease of a lost answer has ended."""
    with transaction(by=system()):
        waiting = list(Attempt.objects.unresolved().filter(application=application).values_list("id", flat=True))
    with clock.at(timezone.now() + timedelta(seconds=after)):
        for attempt_id in waiting:
            attempts.resolve(attempt_id, application.pk)
