"""P4 to P6 for identities: lists of 1,000,000 rows against the bare query behind each, under row security.

Rows are made by SQL, for 200 applications of which a few hold most, and kept between runs. With `--admin` the portal's
list is held against the change list of Django's admin.
"""

from typing import Any

import psycopg

from benchmarks import lists, rounds, stack
from benchmarks.lists import Listed, Viewer
from benchmarks.stack import Servers

APPLICATIONS = 200

# What is looked for, by the name it is told under; `n` is a row of the application in the middle of its list.
FILTERS = {
    "no filter": "",
    "after the middle": "after_cursor={id}",
    "id": "id={id}",
    "business_name": "business_name=Business%20{n}",
    "business_type, rare": "business_type=CORPORATION",
    "business_type, half": "business_type=PARTNERSHIP",
    "doing_business_as": "doing_business_as=Trade%20{n}",
    "default_statement_descriptor": "default_statement_descriptor=D{n}",
    "email": "email={n}@domain{d}.example",
    "email, domain": "email=domain{d}.example",
    "first_name": "first_name=first%20{d}",
    "last_name": "last_name=last%20{d}",
    "title, a fifth": "title=ceo",
    "created_at, both": "created_at.gte={day}&created_at.lte={day}",
    "tags, pair of one": "tags.key=account&tags.value=A-{n}",
    "tags, value of one": "tags.value=A-{n}",
    "tags, pair of many": "tags.key=plan&tags.value=gold",
    "tags, key of many": "tags.key=plan",
    "tags, key of nobody": "tags.key=nothing",
    "type and dates": "business_type=CORPORATION&created_at.gte={day}",
}
SEARCHES = {
    "q, one": "q=trade%20{n}",
    "q, some": "q=first%20{d}",
    "q, many": "q=b",
    "q, nobody": "q=zzz",
}

# The same lists, asked of the portal and of Django's admin.
PAGES = {
    "first page": ("", ""),
    "business_type, rare": ("business_type=CORPORATION", "business_type__exact=CORPORATION"),
    "business_type, half": ("business_type=PARTNERSHIP", "business_type__exact=PARTNERSHIP"),
    "created_at, one day": (
        "created_at.gte={day}&created_at.lte={day}",
        "created_at__gte={day}T00:00:00Z&created_at__lte={day}T23:59:59.999999Z",
    ),
    "q, one": ("q=trade%20{n}", "q=trade%20{n}"),
    "q, many": ("q=b", "q=b"),
    "q, nobody": ("q=zzz", "q=zzz"),
}

ROWS = """
INSERT INTO identity (id, tags, created_at, updated_at, application_id, title, first_name, last_name, email,
    business_name, business_type, doing_business_as, default_statement_descriptor, max_transaction_amount,
    ach_max_transaction_amount, annual_card_volume, has_accepted_credit_cards_previously, tax_id_provided,
    business_tax_id_provided, dob_provided, is_at_processor)
SELECT gen_random_uuid(),
    CASE WHEN mod(n, 3) = 0 THEN '{}' ELSE jsonb_build_object(
        'account', 'A-' || n, 'plan', (ARRAY['gold', 'silver', 'bronze', 'bronze', 'bronze'])[1 + mod(n / 7, 5)]) END,
    moment, moment, (%(applications)s::uuid[])[1 + floor(%(count)s * power(random(), 2))::int],
    (ARRAY['CEO', 'CFO', 'Owner', 'Director', 'Partner'])[1 + mod(n, 5)], 'First ' || mod(n, 2000),
    'Last ' || mod(n, 2000), n || '@domain' || mod(n, 2000) || '.example',
    CASE WHEN mod(n, 2) = 0 THEN 'Business ' || n END,
    CASE WHEN mod(n, 100) = 0 THEN 'CORPORATION' WHEN mod(n, 2) = 0 THEN 'PARTNERSHIP' END,
    CASE WHEN mod(n, 2) = 0 THEN 'Trade ' || n END, CASE WHEN mod(n, 2) = 0 THEN 'D' || n END,
    0, 0, 0, false, false, false, false, mod(n, 1000) <> 0
FROM generate_series(%(first)s::int, %(last)s) AS n,
    LATERAL (SELECT now() - make_interval(mins => 1296000 - n) AS moment) AS made
"""


def main() -> None:
    parser = rounds.parser("identity_lists", __doc__, rounds=7)
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many identities")
    parser.add_argument("--only", default="", help="what the names of the filters to measure begin with")
    parser.add_argument("--admin", action="store_true", help="P6 alone: the portal beside Django's admin")
    options = parser.parse_args()
    kept = f"identities-{options.rows}-{lists.fingerprint('onboarding', 'platform/tenancy')}"
    with stack.servers(kept=kept) as servers:
        stack.use_django(servers.environment)
        _fill(servers, options.rows)
        viewers = lists.viewers(_busiest())
        place = _place(viewers[0])
        if options.admin:
            lists.tell_beside_admin(servers, IDENTITIES, viewers[1], place, options)
            return
        for viewer in viewers:
            lists.tell(servers, IDENTITIES, viewer, place, options)


def _fill(servers: Servers, rows: int) -> None:
    with psycopg.connect(servers.postgres.owner_url, autocommit=True) as owner:
        ((present,),) = owner.execute("SELECT count(*) FROM identity").fetchall()
        if present >= rows:
            return
        applications = lists.copies_of_application(owner, _first_application().pk, APPLICATIONS)
        lists.fill(owner, ROWS, {"applications": applications, "count": APPLICATIONS}, rows)
        owner.execute("VACUUM ANALYZE identity, identity_tag")


def _first_application() -> Any:
    """The busiest, made through the services."""
    from django.utils import timezone

    from onboarding.serializers.identities import IdentityInput
    from onboarding.services import create_application
    from tenancy.actors import system
    from tenancy.roles import Role
    from tenancy.services import create_api_user

    body = IdentityInput(data={"entity": {"business_name": "Acme"}})
    body.is_valid(raise_exception=True)
    user, _ = create_api_user(role=Role.PARTNER, by=system("Benchmark"), at=timezone.now())
    return create_application(
        owner_user_id=user.pk, entity=body.validated_data["entity"], by=system("Benchmark"), at=timezone.now()
    )


def _busiest() -> Any:
    from tenancy.actors import system
    from tenancy.models import Application
    from tenancy.transactions import transaction

    by = system("Benchmark")
    with transaction(by=by):
        return Application.objects.visible_to(by).tenants().filter(owner_id__isnull=False).earliest("created_at")


def _place(viewer: Viewer) -> dict[str, str]:
    """A row in the middle of the list, by what filters would know of it."""
    from onboarding.models import Identity
    from tenancy.transactions import transaction

    with transaction(by=viewer.actor):
        rows = (
            Identity.objects.visible_to(viewer.actor)
            .filter(business_type="CORPORATION", tags__has_key="plan")
            .order_by("created_at")
        )
        row = rows[rows.count() // 2]
    number = (row.business_name or "").rpartition(" ")[2]
    return {
        "id": row.public_id,
        "n": number,
        "d": str(int(number) % 2000),
        "day": row.created_at.date().isoformat(),
    }


def _model() -> Any:
    from onboarding.models import Identity

    return Identity


def _rows(parameters: Any, visible: Any) -> Any:
    from onboarding.filters import IdentitySearch

    return IdentitySearch(parameters, visible).qs


IDENTITIES = Listed(
    api="/identities",
    portal="/dashboard/identities/",
    admin="onboarding/identity",
    filters=FILTERS,
    searches=SEARCHES,
    looks=PAGES,
    rows=_rows,
    model=_model,
)


if __name__ == "__main__":
    main()
