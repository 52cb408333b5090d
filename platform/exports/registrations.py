"""What this app adds to the portal: its entries of the navigation, and how the audit history calls an export."""

from django.urls import reverse

from exports.listings import find
from exports.models import Export
from portal import subjects
from portal.navigation import Entry, register
from portal.subjects import Kind
from tenancy.roles import Permission

ENTRIES = (
    Entry("TRANSACTIONS", "Reports", "exports:reports", "report", Permission.CREATE_EXPORTS, order=45),
    Entry("SYSTEM", "Exports", "exports:exports", "download", Permission.CREATE_EXPORTS, order=75),
)


def register_navigation() -> None:
    for entry in ENTRIES:
        register(entry)


def register_subjects() -> None:
    subjects.register(
        Kind(
            Export,
            "Export",
            name=label_of,
            page=lambda export: reverse("exports:export", args=[export.public_id]),
            permission=Permission.CREATE_EXPORTS,
        )
    )


def label_of(export: Export) -> str:
    listing = find(export.listing)
    return f"{listing.label if listing else export.listing} as {export.format}"
