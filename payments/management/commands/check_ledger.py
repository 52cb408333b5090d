"""Recompute the ledger from its postings and the transfers."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from payments.services.check import check_ledger
from tenancy.actors import system


class Command(BaseCommand):
    help = "Check that journals sum to zero, balances fit and all transfers are posted; ends with an error if not."

    def handle(self, *_: Any, **__: Any) -> None:
        verdict = check_ledger(by=system("check_ledger"))
        if verdict.broken:
            raise CommandError("\n".join(verdict.broken))
        self.stdout.write(
            f"{verdict.journals} journals with {verdict.postings} postings sum to zero,"
            f" {verdict.accounts} balances fit, {verdict.transfers} transfers are posted"
        )
