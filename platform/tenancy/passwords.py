"""Password rules: 12 to 128 characters with letters and digits, none of the common ones. No other composition rule."""

from django.core.exceptions import ValidationError

MIN_LENGTH = 12
MAX_LENGTH = 128


class LengthValidator:
    """Not too short to guess, not so long that hashing it becomes a burden."""

    def validate(self, password: str, _user: object = None) -> None:
        if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
            raise ValidationError(self.get_help_text(), code="password_length")

    def get_help_text(self) -> str:
        return f"Use {MIN_LENGTH} to {MAX_LENGTH} characters."


class LettersAndDigitsValidator:
    def validate(self, password: str, _user: object = None) -> None:
        if not (any(map(str.isalpha, password)) and any(map(str.isdigit, password))):
            raise ValidationError(self.get_help_text(), code="password_letters_and_digits")

    def get_help_text(self) -> str:
        return "Use letters and digits."
