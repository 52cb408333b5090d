"""Forms that ask, while a body of the API judges."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from django import forms
from rest_framework.exceptions import ValidationError

from api.errors import field_errors
from resources.errors import DomainError, FieldError, FieldErrors


class JudgedForm(forms.Form):
    """A form over a body of the API. `body` holds the validated request once it is in order."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.body: dict[str, Any] = {}

    def clean(self) -> dict[str, Any]:
        """Judge the whole by the API's rules; each refusal goes to its field."""
        cleaned: dict[str, Any] = super().clean() or {}
        body = self.judge(cleaned)
        try:
            body.is_valid(raise_exception=True)
        except ValidationError as error:
            for refusal in field_errors(error.detail):
                self._add(refusal)
        else:
            self.body = body.validated_data
        return cleaned

    @abstractmethod
    def judge(self, cleaned: Mapping[str, Any]) -> Any:
        """The API's own body, filled with what was typed and not yet judged."""

    def refuse(self, error: DomainError) -> None:
        """Show what a service refused: beside its fields where it names some, else above the form."""
        for refusal in error.errors if isinstance(error, FieldErrors) else [error]:
            self._add(refusal)

    def place_of(self, refusal: FieldError) -> str:
        """The control beside which a refusal belongs; any other text for above the form."""
        return refusal.field.removeprefix("address.")

    def _add(self, refusal: DomainError) -> None:
        name = self.place_of(refusal) if isinstance(refusal, FieldError) else ""
        target = name if name in self.fields else None
        if target is None or target not in self.errors:
            self.add_error(target, str(refusal))
