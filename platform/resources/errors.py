"""Refusals that we expect. Each service raises its own, derived from DomainError; API and portal translate them."""

from collections.abc import Iterable


class DomainError(Exception):
    """An expected refusal: a stable code, an HTTP status, and a sentence fit for the person who sees it."""

    code = "UNPROCESSABLE_ENTITY"
    status = 422
    message = "The request was understood, but cannot be carried out."
    retry_after_seconds: int | None = None
    is_result = False
    """On: the act was carried out, and this is how it ended. A repeat under its key is told the same."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.message)
        self.details: dict[str, str] = {}
        """Further members of the refusal, e.g. the failure code of a decline."""


class FieldError(DomainError):
    """One member of the input is refused; `field` is its dotted path (`entity.business_name`)."""

    code = "INVALID_FIELD"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class FieldErrors(DomainError):
    """Several members are refused at once: the caller learns all of them in one answer."""

    code = "INVALID_FIELD"

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = list(errors)
        super().__init__("; ".join(f"{error.field}: {error}" for error in self.errors))


class ChangedMeanwhile(DomainError):
    """The caller's copy is older than the row; nothing was changed."""

    code = "CONFLICT"
    status = 409
    message = "Somebody else changed this in the meantime. Open it again to see how it is now."


_LONGEST_NAMED = 100


class NotVisible(DomainError):
    """Absent, or out of the actor's sight: the two are not told apart."""

    code = "NOT_FOUND"
    status = 404

    def __init__(self, what: str) -> None:
        super().__init__(f"`{what if len(what) <= _LONGEST_NAMED else what[:_LONGEST_NAMED] + '…'}` was not found")
