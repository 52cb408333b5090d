"""Pages of batches: what a processor takes in together, and when."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from onboarding.portal.following import following, mark_of, shows_already
from onboarding.portal.lists import TenantList
from payments.models import Transfer, TransferBatch
from payments.portal.batch_facts import Contents, contents_of, inside
from payments.portal.exports import BATCHES
from payments.portal.facts import instrument_name
from payments.portal.filters import BatchPanel
from payments.portal.transfer_facts import page_of, signed_amount, state_in_list
from portal.design.states import badge
from portal.design.values import moment
from portal.views import Page
from resources.lookup import find
from tenancy.roles import Permission
from tenancy.transactions import transaction

SECTION = "batches"
_SHOWN = 25


class BatchList(TenantList):
    """Batches of every processor, newest first."""

    permission = Permission.VIEW_PROCESSORS
    section = SECTION
    template_name = "payments/batch_list.html"
    filter_class = BatchPanel
    listing = BATCHES
    search_field = "q"
    noun = ("batch", "batches")
    columns: ClassVar = [
        {"label": "Due"},
        {"label": "State"},
        {"label": "Processor"},
        {"label": "Transfers", "css": "end shrink cell-labelled"},
        {"label": "Sum", "css": "end shrink"},
        {"label": "Application", "css": "nowrap"},
    ]

    contents: Mapping[uuid.UUID, Contents]

    def visible(self) -> QuerySet[TransferBatch]:
        found: QuerySet[TransferBatch] = TransferBatch.objects.visible_to(self.actor)
        return found.prefetch_related("application", "processor")

    def rows(self, resources: Sequence[TransferBatch]) -> list[Mapping[str, Any]]:
        self.contents = contents_of({batch.pk: batch.application_id for batch in resources}, by=self.actor)
        return super().rows(resources)

    def row(self, resource: TransferBatch) -> Mapping[str, Any]:
        contents = self.contents[resource.pk]
        return {
            "url": reverse("payments:batch", args=[resource.public_id]),
            "cells": [
                moment(resource.due_at),
                badge(resource.state),
                resource.processor.processor,
                contents.count,
                contents.total,
                resource.application.name,
            ],
        }


class BatchPage(Page):
    """One batch, with the newest of its transfers."""

    permission = Permission.VIEW_PROCESSORS
    section = SECTION
    template_name = "payments/batch_detail.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            visible = TransferBatch.objects.visible_to(self.actor)
            batch: TransferBatch = find(visible.select_related("application", "processor"), pk)
            whose = {batch.pk: batch.application_id}
            contents = contents_of(whose, by=self.actor)[batch.pk]
            mark = mark_of(batch, attempts=[]) + str(contents.count)
            if shows_already(request, mark):
                return HttpResponse(status=204)
            newest = inside(whose, self.actor).prefetch_related("merchant").order_by("-created_at", "-id")
            transfers = list(newest[:_SHOWN])
        is_open = batch.state == TransferBatch.State.OPEN
        all_url = f"{reverse('payments:transfers')}?{urlencode({'batch_id': batch.public_id})}"
        return self.show(
            {
                "batch": batch,
                "is_open": is_open,
                "figures": [("Transfers", contents.count), ("Sum", contents.total)],
                "facts": [
                    ("Processor", batch.processor.processor),
                    ("Application", batch.application.name),
                    ("Opened", moment(batch.created_at)),
                    ("Due" if is_open else "Submitted", moment(batch.due_at)),
                ],
                "raw": batch.provider_document if self.actor.may(Permission.VIEW_PROVIDER_DATA) else None,
                "columns": _COLUMNS,
                "rows": [_row(transfer) for transfer in transfers],
                "all_url": all_url if contents.count > len(transfers) else "",
                "count": contents.count,
                "following": following(request, mark, batch.created_at) if is_open else None,
                "breadcrumbs": [("Batches", reverse("payments:batches")), (batch.public_id, "")],
            }
        )


_COLUMNS = (
    {"label": "Amount", "css": "end shrink"},
    {"label": "State"},
    {"label": "Merchant"},
    {"label": "Paid with", "css": "nowrap"},
    {"label": "Created", "css": "shrink"},
)


def _row(transfer: Transfer) -> dict[str, Any]:
    return {
        "url": page_of(transfer),
        "cells": [
            signed_amount(transfer),
            state_in_list(transfer),
            transfer.merchant.display_name,
            instrument_name(transfer),
            moment(transfer.created_at),
        ],
    }
