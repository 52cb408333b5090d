"""What the benchmarks of lists have in common: who looks, what is asked, and the table of what it took.

Requests are answered in this very process, without a web server: what is measured is what the server does.
"""

import base64
import hashlib
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from benchmarks import admin, rounds
from benchmarks.stack import Servers
from benchmarks.tools import ROOT
from config.embedded.settings import HOST

CURSOR = {"Finix-Version": "2022-02-01"}

Ask = Callable[[], object]
Look = tuple[str, str]
"""What is asked of us, and the same of what we are held against."""


@dataclass(frozen=True)
class Listed:
    """A list under its addresses, with what it is asked for by the names under which that is told.

    `rows` gives the queryset of a filter's parameters; `model` is known once Django is up.
    """

    api: str
    portal: str
    admin: str
    filters: Mapping[str, str]
    searches: Mapping[str, str]
    looks: Mapping[str, Look]
    rows: Callable[[Any, Any], Any]
    model: Callable[[], Any]
    pages: Mapping[str, Look] = field(default_factory=dict)
    """What is asked of the API, and the same of a usual viewset."""


@dataclass(frozen=True)
class Viewer:
    """Somebody who looks at lists: the key, the session, and the applications in sight."""

    name: str
    actor: Any
    head: dict[str, str]
    browser: Any


def fingerprint(*apps: str) -> str:
    """Of the migrations that rows go through: what was made under others is made anew."""
    files: list[Path] = []
    for app in apps:
        files += sorted((ROOT / app / "migrations").glob("0*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]


def copies_of_application(owner: psycopg.Connection, first: uuid.UUID, count: int) -> list[uuid.UUID]:
    """The application, and as many copies of it as make `count`."""
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
        [count, first],
    ).fetchall()
    return [first, *(key for (key,) in copied)]


def viewers(busiest: Any) -> list[Viewer]:
    """The partner of an application, and the platform; with keys and accounts of their own for this run."""
    from django.test import Client
    from django.utils import timezone

    from tenancy.actors import system
    from tenancy.origins import Origin
    from tenancy.roles import Role
    from tenancy.services import Place, authenticate_api_user, create_api_user, create_person
    from vault.secret import Secret

    by, found = system("Benchmark"), []
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


def tell(servers: Servers, listed: Listed, viewer: Viewer, place: Mapping[str, str], options: Any) -> None:
    """P4 and P5: the bare query, a page by cursor, a page with a count, and the portal's page, by every filter."""
    from django.test import Client

    print(f"\n{viewer.name}: {len(viewer.actor.application_ids)} applications; ms, medians of {options.rounds}")
    print(f"{'':34}{'query':>9}{'API':>9}{'ratio':>8}{'of 100':>9}{'counted':>9}{'portal':>9}")
    client = Client()
    with psycopg.connect(servers.postgres.app_url, autocommit=True) as bare:
        told = (",".join(map(str, viewer.actor.application_ids)),)
        bare.execute("SELECT set_config('app.applications', %s, false)", told)
        for name, text in (listed.filters | listed.searches).items():
            if not name.startswith(options.only):
                continue
            query = text.format(**place)
            sides: dict[str, Ask] = {"query": _bare(bare, listed, viewer, query)}
            if name in listed.filters:
                sides["API"] = get(client, f"{listed.api}?limit=20&{query}", viewer.head | CURSOR)
                sides["of 100"] = get(client, f"{listed.api}?limit=100&{query}", viewer.head | CURSOR)
            if name in listed.filters and "cursor" not in query:
                sides["counted"] = get(client, f"{listed.api}?limit=20&{query}", viewer.head)
            portal = query.replace("after_cursor", "after")
            sides["portal"] = get(viewer.browser, f"{listed.portal}?{portal}", {})
            _line(name, sides, options.rounds)


def tell_beside_admin(servers: Servers, listed: Listed, viewer: Viewer, place: Mapping[str, str], options: Any) -> None:
    """P6: the portal's list, and the change list of Django's admin, which a process beside this one answers."""
    print(f"\n{viewer.name} and Django's admin; ms, medians of {options.rounds}, and the median of the rounds' ratios")
    print(f"{'':34}{'portal':>9}{'default':>9}{'tuned':>9}{'of default':>12}{'of tuned':>10}{'load':>7}")
    with admin.served(servers) as ask:
        for name, (ours, theirs) in listed.looks.items():
            if not name.startswith(options.only):
                continue
            show = get(viewer.browser, f"{listed.portal}?{ours.format(**place)}", {})
            paths = {side: f"/{side}/{listed.admin}/?{theirs.format(**place)}" for side in ("default", "tuned")}
            sides: dict[str, Callable[[], float]] = {
                "portal": partial(took, show),
                **{side: partial(ask, path) for side, path in paths.items()},
            }
            found = in_turn(sides, options.rounds)
            cells = "".join(f"{median(values):9.1f}" for values in found.values())
            of_default, of_tuned = (rounds.ratio(found, "portal", side) for side in paths)
            print(f"{name:34}{cells}{of_default:12.3f}{of_tuned:10.3f}{os.getloadavg()[0]:7.1f}", flush=True)


def tell_beside_viewset(
    servers: Servers, listed: Listed, viewer: Viewer, place: Mapping[str, str], options: Any
) -> None:
    """P4: a page of the API by cursor, and one of a usual DRF viewset, which counts its rows."""
    from django.test import Client

    print(f"\n{viewer.name} and a usual viewset; ms, medians of {options.rounds}, and how often as many we answer")
    print(f"{'':34}{'API':>9}{'viewset':>9}{'as many':>9}{'load':>7}")
    client = Client()
    with admin.served(servers) as ask:
        for name, (ours, theirs) in listed.pages.items():
            if not name.startswith(options.only):
                continue
            page = get(client, f"{listed.api}?{ours.format(**place)}", viewer.head | CURSOR)
            path = f"/viewset{listed.api}/{theirs.format(**place)}"
            sides: dict[str, Callable[[], float]] = {"API": partial(took, page), "viewset": partial(ask, path)}
            found = in_turn(sides, options.rounds)
            cells = "".join(f"{median(values):9.1f}" for values in found.values())
            more = rounds.ratio(found, "viewset", "API")
            print(f"{name:34}{cells}{more:9.1f}{os.getloadavg()[0]:7.1f}", flush=True)


def took(ask: Ask) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    ask()
    return (time.perf_counter() - start) * 1000


def in_turn(sides: Mapping[str, Callable[[], float]], count: int) -> dict[str, list[float]]:
    """What each side took, after one turn each that is not told."""
    found: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(count + 1):
        for side, measure in sides.items():
            value = measure()
            if number:
                found[side].append(value)
    return found


def get(client: Any, path: str, head: Mapping[str, str]) -> Ask:
    def ask() -> None:
        answer = client.get(path, headers={"Host": HOST, **head})
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.content[:500]!r}")

    return ask


def fill(owner: psycopg.Connection, statement: str, told: Mapping[str, Any], rows: int, batch: int = 100_000) -> None:
    """Run a statement over `first` to `last`, batch by batch, and tell how far it is."""
    start = time.perf_counter()
    for first in range(1, rows + 1, batch):
        last = min(first + batch - 1, rows)
        owner.execute(statement, {**told, "first": first, "last": last})
        print(f"{last:,} rows after {time.perf_counter() - start:.0f} s", flush=True)


def _line(name: str, sides: Mapping[str, Ask], count: int) -> None:
    found = in_turn({side: partial(took, ask) for side, ask in sides.items()}, count)
    cells = {side: f"{median(values):9.2f}" for side, values in found.items()}
    ratio = f"{rounds.ratio(found, 'API', 'query'):8.1f}" if "API" in found else ""
    shown = (f"{cells.get(side, ''):>9}" for side in ("of 100", "counted", "portal"))
    print(f"{name:34}{cells['query']}{cells.get('API', ''):>9}{ratio:>8}{''.join(shown)}", flush=True)


def _bare(bare: psycopg.Connection, listed: Listed, viewer: Viewer, query: str) -> Ask:
    """The query behind a list, over the driver, under row security, and nothing else."""
    from django.db import connection
    from django.http import QueryDict

    from resources.keyset import beyond
    from tenancy.transactions import transaction

    model = listed.model()
    parameters = QueryDict(query, mutable=True)
    cursor: Sequence[Any] = parameters.pop("after_cursor", [""])
    with transaction(by=viewer.actor):
        visible = model.objects.visible_to(viewer.actor)
        rows = listed.rows(parameters, visible)
        if cursor[0]:
            rows = rows.filter(beyond(visible.get(pk=model.parse_id(str(cursor[0]))), older=True))
        statement, values = rows.order_by("-created_at", "-id")[:21].query.get_compiler(connection=connection).as_sql()
    return lambda: bare.execute(statement, values).fetchall()
