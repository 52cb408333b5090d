"""P4 to P6 for transfers: lists of 10,000,000 rows against the bare query behind each, under row security.

Rows are made by SQL, for 200 applications of which a few hold most, and kept between runs; it takes some 20 GB. With
`--admin` the portal's list and the API are held against Django's admin and a usual DRF viewset. With `--answer` it
measures what it reads from its input, for `benchmarks.growth`.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from benchmarks import inside, lists, rounds, stack
from benchmarks.lists import Ask, Listed, Viewer
from benchmarks.shop import open_shop
from benchmarks.stack import Servers

APPLICATIONS = 200
MERCHANTS = 50
"""Of each application."""
READY = "ready"

# What is looked for, by the name it is told under; the day and the numbers are those of a row in the middle.
FILTERS = {
    "no filter": "",
    "after the middle": "after_cursor={id}",
    "id": "id={id}",
    "merchant": "merchant_id={merchant}",
    "merchant, state, day and amount": "merchant_id={merchant}&state=FAILED&created_at.gte={day}&created_at.lte={day}"
    "&amount.gte=5000",
    "state, a thirtieth": "state=FAILED",
    "state, rare": "state=PENDING",
    "state, rare, and amount": "state=PENDING&amount.gte=50000",
    "amount, one": "amount={amount}",
    "amount, above most": "amount.gt=99900",
    "type, a fiftieth": "type=REVERSAL",
    "trace id": "trace_id={trace}",
    "last four": "instrument_card_last4={last_four}",
    "merchant's name": "merchant_identity_name=trade%207",
    "created_at, one day": "created_at.gte={day}&created_at.lte={day}",
    "tags, pair of one": "tags.key=order&tags.value={order}",
    "tags, pair of many": "tags.key=plan&tags.value=gold",
    "tags, key of nobody": "tags.key=nothing",
}
SEARCHES = {"q, a trace id": "q={trace}", "q, four digits": "q={last_four}", "q, nobody": "q=zzz"}

# The same lists, asked of the portal and of Django's admin.
LOOKS = {
    "first page": ("", ""),
    "state, a thirtieth": ("state=FAILED", "state__exact=FAILED"),
    "state, rare": ("state=PENDING", "state__exact=PENDING"),
    "created_at, one day": (
        "created_at.gte={day}&created_at.lte={day}",
        "created_at__gte={day}T00:00:00Z&created_at__lte={day}T23:59:59.999999Z",
    ),
    "q, a trace id": ("q={trace}", "q={trace}"),
}
# The same pages of the API, asked of a usual DRF viewset, which counts.
PAGES = {
    "no filter": ("limit=20", ""),
    "merchant": ("limit=20&merchant_id={merchant}", "?merchant={merchant_key}"),
    "state, rare": ("limit=20&state=PENDING", "?state=PENDING"),
}

PARTY = "md5(own.id || ':' || {})::uuid"
"""The key of an application's n-th merchant, and of its identity and card; of its processor, n is 0."""
PARTIES = {
    "processor": ({"id": PARTY.format("0")}, 1),
    "identity": (
        {"id": PARTY.format("n"), "doing_business_as": "'Trade ' || n", "business_name": "'Business ' || n"},
        MERCHANTS,
    ),
    "payment_instrument": ({"id": PARTY.format("n"), "identity_id": PARTY.format("n")}, MERCHANTS),
    "merchant": (
        {
            "id": PARTY.format("n"),
            "identity_id": PARTY.format("n"),
            "enabled_processor_id": PARTY.format("0"),
            "mid": "'MID' || n",
            "verification_id": "NULL",
        },
        MERCHANTS,
    ),
}
SOME = "md5(made.application || ':' || made.party)::uuid"
IS_REVERSAL, IS_FAILED = "mod(n, 50) = 1", "mod(n, 30) = 7"
COLUMNS = {
    "id": "gen_random_uuid()",
    "application_id": "made.application",
    "merchant_id": SOME,
    "merchant_identity_id": SOME,
    "processor_id": "md5(made.application || ':0')::uuid",
    "type": f"CASE WHEN {IS_REVERSAL} THEN 'REVERSAL' ELSE 'DEBIT' END",
    "source_id": f"CASE WHEN NOT ({IS_REVERSAL}) THEN {SOME} END",
    "destination_id": f"CASE WHEN {IS_REVERSAL} THEN {SOME} END",
    "parent_id": f"CASE WHEN {IS_REVERSAL} THEN one.id END",
    "state": f"CASE WHEN mod(n, 1000) = 3 THEN 'PENDING' WHEN {IS_FAILED} THEN 'FAILED' ELSE 'SUCCEEDED' END",
    "failure_code": f"CASE WHEN mod(n, 1000) <> 3 AND {IS_FAILED} THEN 'GENERIC_DECLINE' END",
    "amount": "100 + mod(n * 7919, 100000)",
    "fee": "0",
    "trace_id": "'FNX' || n",
    "idempotency_id": "NULL",
    "idempotency_operation": "NULL",
    "instrument_last_four": "lpad(mod(n, 5000)::text, 4, '0')",
    "tags": "CASE WHEN mod(n, 5) = 0 THEN jsonb_build_object('order', n::text, 'plan',"
    " (ARRAY['gold', 'bronze', 'bronze', 'bronze'])[1 + mod(n / 5, 4)]) ELSE '{}' END",
    "created_at": "made.moment",
    "updated_at": "made.moment",
    "settlement_id": "NULL",
}
_TERMS = """
INSERT INTO transfer_tag (application_id, term, transfer_id)
SELECT DISTINCT one.application_id, encode(substring(sha256(convert_to(term.told, 'UTF8')) FOR 16), 'hex')::uuid, one.id
FROM transfer AS one, jsonb_each_text(one.tags) AS tag (key, value), LATERAL (
    VALUES ('k' || tag.key), ('v' || tag.value), ('p' || length(tag.key) || ':' || tag.key || tag.value)
) AS term (told)
"""


def main() -> None:
    parser = rounds.parser("transfer_lists", __doc__, rounds=7)
    parser.add_argument("--rows", type=int, default=10_000_000, help="how many transfers")
    parser.add_argument("--only", default="", help="what the names of the filters to measure begin with")
    parser.add_argument("--admin", action="store_true", help="P6: the portal beside Django's admin, the API a viewset")
    parser.add_argument("--answer", action="store_true", help="measure what is read from the input")
    options = parser.parse_args()
    with _filled(options.rows) as servers:
        viewers = lists.viewers(_busiest())
        place = _place(viewers[0])
        if options.answer:
            _answer(viewers, place)
        elif options.admin:
            lists.tell_beside_admin(servers, TRANSFERS, viewers[1], place, options)
            lists.tell_beside_viewset(servers, TRANSFERS, viewers[1], place, options)
        else:
            for viewer in viewers:
                lists.tell(servers, TRANSFERS, viewer, place, options)


@contextmanager
def _filled(rows: int) -> Iterator[Servers]:
    print_of = lists.fingerprint("payments", "onboarding", "platform/tenancy")
    options = ("maintenance_work_mem=1GB", "max_wal_size=16GB", "autovacuum=off")
    with stack.servers(kept=f"transfers-{rows}-{print_of}", options=options) as servers:
        stack.use_django(servers.environment)
        filled = servers.folder / "filled"
        if not filled.exists():
            with psycopg.connect(servers.postgres.owner_url, autocommit=True) as owner:
                if owner.execute("SELECT FROM transfer LIMIT 1").fetchone() is not None:
                    raise SystemExit(f"It was broken off while it was filled; remove {servers.folder}")
                _fill(owner, rows)
            filled.touch()
        yield servers


def _fill(owner: psycopg.Connection, rows: int) -> None:
    """Without triggers and further indexes, which come back at the end: with them it would take hours."""
    from tests.factories.onboarding import make_identity, make_merchant_identity
    from tests.factories.payments import make_card, make_merchant, make_processor, make_sale
    from tests.factories.tenancy import make_application

    application = make_application("Busy")[0]
    make_processor(application)
    merchant = make_merchant(make_merchant_identity(application))
    sale = make_sale(merchant, make_card(make_identity(application)))
    _, *copies = lists.copies_of_application(owner, application.pk, APPLICATIONS + 1)
    for table, (differing, count) in PARTIES.items():
        columns, chosen = _columns(owner, table, {"application_id": "own.id"} | differing)
        with _without_checks(owner, table):
            owner.execute(
                f"INSERT INTO {table} ({columns}) SELECT {chosen}"
                f" FROM (SELECT * FROM {table} ORDER BY created_at DESC LIMIT 1) AS one,"
                " unnest(%s::uuid[]) AS own (id), generate_series(1, %s) AS n",
                [copies, count],
            )
    columns, chosen = _columns(owner, "transfer", COLUMNS)
    statement = (
        f"INSERT INTO transfer ({columns}) SELECT {chosen} FROM transfer AS one,"
        " generate_series(%(first)s::int, %(last)s) AS n, LATERAL (SELECT"
        " (%(applications)s::uuid[])[1 + floor(%(count)s * power(random(), 2) + 0 * n)::int] AS application,"
        " 1 + floor(%(merchants)s * power(random(), 2) + 0 * n)::int AS party,"
        " now() - make_interval(secs => 6 * (%(rows)s - n)) AS moment"
        ") AS made WHERE one.id = %(sale)s"
    )
    told = {"count": APPLICATIONS, "merchants": MERCHANTS, "sale": sale.pk, "rows": rows}
    with _without_checks(owner, "transfer"), _without_indexes(owner, "transfer"):
        lists.fill(owner, statement, told | {"applications": sorted(copies)}, rows, batch=500_000)
        owner.execute(_TERMS)
    owner.execute("VACUUM ANALYZE")


@contextmanager
def _without_checks(owner: psycopg.Connection, table: str) -> Iterator[None]:
    """Without triggers and references; those come back, and what was filled in meanwhile is believed."""
    references = owner.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f'",
        [table],
    ).fetchall()
    owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    for name, _ in references:
        owner.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    yield
    for name, statement in references:
        owner.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {statement.removesuffix(' NOT VALID')} NOT VALID")
    owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@contextmanager
def _without_indexes(owner: psycopg.Connection, table: str) -> Iterator[None]:
    """Without those that no constraint needs; they are made anew at the end."""
    indexes = owner.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexname NOT IN"
        " (SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass)",
        [table, table],
    ).fetchall()
    for name, _ in indexes:
        owner.execute(f"DROP INDEX {name}")
    yield
    for name, statement in indexes:
        print(f"index {name}", flush=True)
        owner.execute(statement)


def _columns(owner: psycopg.Connection, table: str, differing: Mapping[str, str]) -> tuple[str, str]:
    """The columns of a table, and what is selected for each of the copies of `one`."""
    names = [
        name
        for (name,) in owner.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'",
            [table],
        ).fetchall()
    ]
    return ", ".join(names), ", ".join(differing.get(name, f"one.{name}") for name in names)


def _busiest() -> Any:
    """The copy that has most transfers."""
    from tenancy.actors import system
    from tenancy.models import Application
    from tenancy.transactions import transaction

    by = system("Benchmark")
    with transaction(by=by):
        return Application.objects.visible_to(by).tenants().filter(owner_id__isnull=True).earliest("id")


def _place(viewer: Viewer) -> dict[str, str]:
    """A row in the middle of the list, by what filters would know of it."""
    from payments.models import Transfer
    from tenancy.transactions import transaction

    with transaction(by=viewer.actor):
        rows = Transfer.objects.visible_to(viewer.actor).filter(type="DEBIT", tags__has_key="order")
        newest, oldest = rows.latest("created_at"), rows.earliest("created_at")
        middle = oldest.created_at + (newest.created_at - oldest.created_at) / 2
        row = rows.filter(created_at__gte=middle).select_related("merchant").earliest("created_at")
    return {
        "id": row.public_id,
        "merchant": row.merchant.public_id,
        "merchant_key": str(row.merchant_id),
        "day": row.created_at.date().isoformat(),
        "amount": str(row.amount),
        "trace": str(row.trace_id),
        "last_four": str(row.instrument_last_four),
        "order": str(row.tags["order"]),
    }


def _answer(viewers: Sequence[Viewer], place: Mapping[str, str]) -> None:
    """Measure what is named on a line of the input: `sale`, or a side, a viewer and a filter, parted by tabs."""
    from django.test import Client

    partner, platform = viewers
    sale = inside.sender(open_shop().sale, 201)
    known: dict[str, Ask] = {"sale": sale}
    client = Client()
    for viewer in (partner, platform):
        for name, text in FILTERS.items():
            path = f"/transfers?limit=20&{text.format(**place)}"
            known[f"API\t{viewer.name}\t{name}"] = lists.get(client, path, viewer.head | lists.CURSOR)
        for name, (text, _) in LOOKS.items():
            path = f"/dashboard/transfers/?{text.format(**place)}"
            known[f"portal\t{viewer.name}\t{name}"] = lists.get(viewer.browser, path, {})
    print(READY, flush=True)
    for line in sys.stdin:
        print(lists.took(known[line.rstrip("\n")]), flush=True)


def _model() -> Any:
    from payments.models import Transfer

    return Transfer


def _rows(parameters: Any, visible: Any) -> Any:
    from payments.filters import TransferSearch

    return TransferSearch(parameters, visible).qs


TRANSFERS = Listed(
    api="/transfers",
    portal="/dashboard/transfers/",
    admin="payments/transfer",
    filters=FILTERS,
    searches=SEARCHES,
    looks=LOOKS,
    pages=PAGES,
    rows=_rows,
    model=_model,
)


if __name__ == "__main__":
    main()
