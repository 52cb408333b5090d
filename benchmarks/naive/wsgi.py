"""Served like the platform; `python -m benchmarks.naive.wsgi` makes its tables and what a sale needs."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.naive.settings"

application = get_wsgi_application()


def set_up() -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from benchmarks.naive.models import Account, Card, Merchant

    call_command("migrate", "auth", verbosity=0)
    call_command("migrate", run_syncdb=True, verbosity=0)
    User.objects.create_user("shop", password="shop")
    merchant = Merchant.objects.create(pk=1, name="Bobs Burgers")
    Card.objects.create(pk=1, last_four="0006")
    for kind in ("CLEARING", "BALANCE", "FEES"):
        Account.objects.create(merchant=merchant, kind=kind, currency="USD")


if __name__ == "__main__":
    set_up()
