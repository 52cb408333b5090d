"""The filter panel of the queue of attempts whose outcome is not known."""

from typing import Any

import django_filters
from django.utils import timezone

from api.filters import ValueFilter
from payments.portal.filters import ApplicationFilter
from portal.design.states import words
from providers.attempts import operation_names
from providers.models import Attempt, AttemptQuerySet
from tenancy.models import Processor

_STATES = {"": "Outcome not known", "WAITING": "Waiting at the provider", "ALL": "All that are open"}


class OperationFilter(ValueFilter):
    """One of the acts that apps have registered."""

    class field_class(ValueFilter.field_class):  # noqa: N801 - the name is django-filter's
        def __init__(self, **options: Any) -> None:
            names = operation_names()
            super().__init__(values=names, **options)
            self.choices = self.widget.choices = [("", "All"), *((name, words(name)) for name in names)]


class OpenStateFilter(ValueFilter):
    """Without a choice, what needs somebody: what the provider is at, or the worker, is no riddle."""

    class field_class(ValueFilter.field_class):  # noqa: N801 - the name is django-filter's
        def __init__(self, **options: Any) -> None:
            super().__init__(values=[value for value in _STATES if value], **options)
            self.choices = self.widget.choices = list(_STATES.items())

        def clean(self, value: Any) -> str:
            return "ALL" if str(value or "").strip().upper() == "ALL" else super().clean(value)

    def filter(self, qs: AttemptQuerySet, value: str) -> AttemptQuerySet:
        if not value:
            return qs.of_unknown_outcome(timezone.now())
        return qs.unresolved() if value == "ALL" else qs.filter(state=Attempt.State.WAITING)


class UnresolvedPanel(django_filters.FilterSet):
    state = OpenStateFilter(label="State")
    operation = OperationFilter(label="Act")
    processor = ValueFilter(values=Processor.Name.values, label="Processor")
    application_id = ApplicationFilter()
