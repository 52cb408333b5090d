"""P4 to P6 for identities: lists of 1,000,000 rows against the bare query behind each, under row security.

Rows are made by SQL, for 200 applications of which a few hold most, and kept between runs. Requests are answered in
this very process, without a web server: what is measured is what the server does. With `--admin` the portal's list is
held against the change list of Django's admin, which a process beside this one answers.
"""

import base64
import hashlib
import os
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import psycopg

from benchmarks import admin, rounds, stack
from benchmarks.stack import Servers
from benchmarks.tools import ROOT
from config.embedded.settings import HOST

APPLICATIONS = 200
DAYS_BACK = 900
CURSOR = {"Finix-Version": "2022-02-01"}

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
_BATCH = 100_000


@dataclass(frozen=True)
class Viewer:
    """Somebody who looks at lists: the key, the session, and the applications in sight."""

    name: str
    actor: Any
    head: dict[str, str]
    browser: Any


def main() -> None:
    parser = rounds.parser("identity_lists", __doc__, rounds=7)
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many identities")
    parser.add_argument("--only", default="", help="what the names of the filters to measure begin with")
    parser.add_argument("--admin", action="store_true", help="P6 alone: the portal beside Django's admin")
    options = parser.parse_args()
    with stack.servers(kept=f"identities-{options.rows}-{_fingerprint()}") as servers:
        stack.use_django(servers.environment)
        _fill(servers, options.rows)
        viewers = _viewers()
        place = _place(viewers[0])
        if options.admin:
            _tell_beside_admin(servers, viewers[1], place, options.rounds, options.only)
            return
        for viewer in viewers:
            _tell(servers, viewer, place, options.rounds, options.only)


def _fingerprint() -> str:
    """Of the migrations that rows of identities go through: what was made under others is made anew."""
    files = sorted((ROOT / "onboarding" / "migrations").glob("0*.py"))
    files += sorted((ROOT / "platform" / "tenancy" / "migrations").glob("0*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]


def _fill(servers: Servers, rows: int) -> None:
    with psycopg.connect(servers.postgres.owner_url, autocommit=True) as owner:
        ((present,),) = owner.execute("SELECT count(*) FROM identity").fetchall()
        if present >= rows:
            return
        applications = _applications(owner)
        start = time.perf_counter()
        for first in range(1, rows + 1, _BATCH):
            last = min(first + _BATCH - 1, rows)
            told = {"applications": applications, "count": APPLICATIONS, "first": first, "last": last}
            owner.execute(ROWS, told)
            print(f"{last:,} identities after {time.perf_counter() - start:.0f} s", flush=True)
        owner.execute("VACUUM ANALYZE identity, identity_tag")


def _applications(owner: psycopg.Connection) -> list[uuid.UUID]:
    """The busiest, made through the services, and copies of it."""
    from django.utils import timezone

    from onboarding.serializers.identities import IdentityInput
    from onboarding.services import create_application
    from tenancy.actors import system
    from tenancy.roles import Role
    from tenancy.services import create_api_user

    body = IdentityInput(data={"entity": {"business_name": "Acme"}})
    body.is_valid(raise_exception=True)
    user, _ = create_api_user(role=Role.PARTNER, by=system("Benchmark"), at=timezone.now())
    first = create_application(
        owner_user_id=user.pk, entity=body.validated_data["entity"], by=system("Benchmark"), at=timezone.now()
    )
    columns = [
        name
        for (name,) in owner.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'application'"
        ).fetchall()
        if name not in {"id", "owner_id"}
    ]
    copied = owner.execute(
        f"INSERT INTO application (id, {', '.join(columns)}) SELECT gen_random_uuid(), {', '.join(columns)}"
        " FROM application, generate_series(2, %s) WHERE id = %s RETURNING id",
        [APPLICATIONS, first.pk],
    ).fetchall()
    return [first.pk, *(key for (key,) in copied)]


def _viewers() -> list[Viewer]:
    """The partner with most rows, and the platform; with keys and accounts of their own for this run."""
    from django.test import Client
    from django.utils import timezone

    from tenancy.actors import system
    from tenancy.models import Application
    from tenancy.origins import Origin
    from tenancy.roles import Role
    from tenancy.services import Place, authenticate_api_user, create_api_user, create_person
    from tenancy.transactions import transaction
    from vault.secret import Secret

    by, found = system("Benchmark"), []
    with transaction(by=by):
        busiest = Application.objects.visible_to(by).tenants().filter(owner_id__isnull=False).earliest("created_at")
    for name, role, application in (("partner", Role.PARTNER, busiest), ("platform", Role.PLATFORM, None)):
        user, secret = create_api_user(role=role, application=application, by=by, at=timezone.now())
        pair = base64.b64encode(f"{user.public_id}:{secret.reveal()}".encode()).decode()
        person = create_person(
            email=f"{uuid.uuid4().hex}@example.org",
            name=name,
            place=Place(role=role, application=application),
            password=Secret(uuid.uuid4().hex),
            by=by,
            at=timezone.now(),
        )
        browser = Client()
        browser.force_login(person)
        actor = authenticate_api_user(user_id=user.public_id, secret=secret, origin=Origin())
        found.append(Viewer(name, actor, {"Authorization": f"Basic {pair}"}, browser))
    return found


def _tell(servers: Servers, viewer: Viewer, place: dict[str, str], count: int, only: str) -> None:
    from django.test import Client

    print(f"\n{viewer.name}: {len(viewer.actor.application_ids)} applications; ms, medians of {count}")
    print(f"{'':30}{'query':>9}{'API':>9}{'ratio':>8}{'counted':>9}{'portal':>9}")
    client = Client()
    with psycopg.connect(servers.postgres.app_url, autocommit=True) as bare:
        told = (",".join(map(str, viewer.actor.application_ids)),)
        bare.execute("SELECT set_config('app.applications', %s, false)", told)
        for name, text in (FILTERS | SEARCHES).items():
            if not name.startswith(only):
                continue
            query = text.format(**place)
            sides: dict[str, Callable[[], object]] = {"query": _bare(bare, viewer, query)}
            if name in FILTERS:
                sides["API"] = _get(client, f"/identities?limit=20&{query}", viewer.head | CURSOR)
            if name in FILTERS and "cursor" not in query:
                sides["counted"] = _get(client, f"/identities?limit=20&{query}", viewer.head)
            portal = query.replace("after_cursor", "after")
            sides["portal"] = _get(viewer.browser, f"/dashboard/identities/?{portal}", {})
            _line(name, sides, count)


def _tell_beside_admin(servers: Servers, viewer: Viewer, place: dict[str, str], count: int, only: str) -> None:
    print(f"\n{viewer.name} and Django's admin; ms, medians of {count}, and the median of the rounds' ratios")
    print(f"{'':30}{'portal':>9}{'default':>9}{'tuned':>9}{'of default':>12}{'of tuned':>10}{'load':>7}")
    with admin.served(servers) as ask:
        for name, (ours, theirs) in PAGES.items():
            if not name.startswith(only):
                continue
            show = _get(viewer.browser, f"/dashboard/identities/?{ours.format(**place)}", {})
            paths = {side: f"/{side}/onboarding/identity/?{theirs.format(**place)}" for side in ("default", "tuned")}
            sides: dict[str, Callable[[], float]] = {
                "portal": partial(_took, show),
                **{side: partial(ask, path) for side, path in paths.items()},
            }
            found = _in_turn(sides, count)
            cells = "".join(f"{median(values):9.1f}" for values in found.values())
            of_default, of_tuned = (rounds.ratio(found, "portal", side) for side in paths)
            print(f"{name:30}{cells}{of_default:12.3f}{of_tuned:10.3f}{os.getloadavg()[0]:7.1f}", flush=True)


def _took(ask: Callable[[], object]) -> float:
    start = time.perf_counter()
    ask()
    return (time.perf_counter() - start) * 1000


def _in_turn(sides: Mapping[str, Callable[[], float]], count: int) -> dict[str, list[float]]:
    """What each side took, after one turn each that is not told."""
    found: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(count + 1):
        for side, measure in sides.items():
            took = measure()
            if number:
                found[side].append(took)
    return found


def _line(name: str, sides: dict[str, Callable[[], object]], count: int) -> None:
    found = _in_turn({side: partial(_took, ask) for side, ask in sides.items()}, count)
    cells = {side: f"{median(values):9.2f}" for side, values in found.items()}
    ratio = f"{rounds.ratio(found, 'API', 'query'):8.1f}" if "API" in found else ""
    print(
        f"{name:30}{cells['query']}{cells.get('API', ''):>9}{ratio:>8}{cells.get('counted', ''):>9}{cells['portal']}",
        flush=True,
    )


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


def _bare(bare: psycopg.Connection, viewer: Viewer, query: str) -> Callable[[], object]:
    """The query behind a list, over the driver, under row security, and nothing else."""
    from django.db import connection
    from django.http import QueryDict

    from onboarding.filters import IdentitySearch
    from onboarding.models import Identity
    from resources.keyset import beyond
    from tenancy.transactions import transaction

    parameters = QueryDict(query, mutable=True)
    cursor = parameters.pop("after_cursor", [""])[0]
    with transaction(by=viewer.actor):
        visible = Identity.objects.visible_to(viewer.actor)
        rows = IdentitySearch(parameters, visible).qs
        if cursor:
            rows = rows.filter(beyond(visible.get(pk=Identity.parse_id(str(cursor))), older=True))
        statement, values = rows.order_by("-created_at", "-id")[:21].query.get_compiler(connection=connection).as_sql()
    return lambda: bare.execute(statement, values).fetchall()


def _get(client: Any, path: str, head: dict[str, str]) -> Callable[[], object]:
    def get() -> None:
        answer = client.get(path, headers={"Host": HOST, **head})
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.content[:500]!r}")

    return get


if __name__ == "__main__":
    main()
