"""Reads a path per line, and writes how many milliseconds its answer took."""

import sys
import time
import uuid

import django

from benchmarks.admin import READY
from config.embedded.settings import HOST


def main() -> None:
    django.setup()

    from django.test import Client

    from tenancy.models import Person
    from tenancy.roles import Role

    browser = Client(headers={"Host": HOST})
    browser.force_login(Person.objects.create(email=f"{uuid.uuid4().hex}@example.org", name="Admin", role=Role.ADMIN))
    print(READY, flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        answer = browser.get(line.strip())
        took = (time.perf_counter() - start) * 1000
        if answer.status_code != 200:
            raise RuntimeError(f"{line.strip()}: {answer.status_code}")
        print(took, flush=True)


if __name__ == "__main__":
    main()
