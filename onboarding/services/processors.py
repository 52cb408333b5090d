"""Which processor an act goes to, where its caller leaves that open."""

import uuid

from django.conf import settings
from django.db.models import QuerySet

from resources.errors import FieldError
from tenancy.actors import Actor
from tenancy.models import Processor


class NoProcessor(FieldError):
    def __init__(self) -> None:
        super().__init__("processor", "The application has no processor that is enabled.")


def choose_processor(application_id: uuid.UUID, name: str | None, *, by: Actor) -> Processor:
    """The named processor of an application; unnamed its only one, in a sandbox DUMMY_V1 before others.

    Call it in a transaction. Raises FieldError naming what may be chosen.
    """
    found = list(_enabled(application_id, by))
    if not found:
        raise NoProcessor
    if name is not None:
        fitting = [processor for processor in found if processor.processor == name]
    elif len(found) == 1:
        fitting = found
    else:
        fitting = [
            processor for processor in found if processor.processor == Processor.Name.DUMMY_V1 and not settings.IS_LIVE
        ]
    if not fitting:
        names = ", ".join(processor.processor for processor in found)
        raise FieldError("processor", f"One of {names} is needed")
    return fitting[0]


def processor_for_instruments(application_id: uuid.UUID, *, by: Actor) -> Processor:
    """Where an application's instruments are kept: at its first processor. Raises NoProcessor."""
    found = _enabled(application_id, by).first()
    if found is None:
        raise NoProcessor
    return found


def enabled_processor(application_id: uuid.UUID, name: str, *, by: Actor) -> Processor | None:
    """The processor of this name, where the application may use it."""
    return _enabled(application_id, by).filter(processor=name).first()


def _enabled(application_id: uuid.UUID, by: Actor) -> QuerySet[Processor]:
    processors = Processor.objects.visible_to(by).filter(application_id=application_id, enabled=True)
    return processors.select_related("default_merchant_profile").order_by("created_at", "id")
