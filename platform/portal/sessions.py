"""Where sessions lie: a request writes what it has changed of its session, and leaves what another has put in.

A page that saves or follows itself in the background asks beside the person's own requests; were the whole session
written each time, the slower of two would take back what the other has put in, a message for instance, or put back a
secret that was shown and is gone.
"""

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import transaction


class SessionStore(DatabaseStore):
    """What a request did not change is as the last one left it; one that ended meanwhile stays ended (UpdateError)."""

    has_run_out = False
    """Whether somebody was signed in by the cookie, and nobody asked for longer than a session may be idle."""

    _stored: str | None = None
    """As it was when this request read it, or wrote it last."""

    def load(self) -> dict[str, Any]:
        key = self.session_key
        row: Any = self._get_session_from_db()  # type: ignore[attr-defined]
        if row is None:
            self.has_run_out = self._was_signed_in(key)
        self._stored = row.session_data if row else None
        return self.decode(row.session_data) if row else {}

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        row = super().create_model_instance(data)
        self._stored = row.session_data
        return row

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 - as the base has it
        if must_create or self.session_key is None or self._stored is None:
            super().save(must_create)
        elif not self.modified:
            if not self._write(self._rows):
                raise UpdateError
        elif not self._write(self._rows.filter(session_data=self._stored), self._data):
            self._merge(self._stored)

    def _was_signed_in(self, key: str | None) -> bool:
        """Of a session that is not valid; one that was ended has left no row."""
        row = self.get_model_class().objects.filter(session_key=key).first()
        return row is not None and SESSION_KEY in self.decode(row.session_data)

    @property
    def _data(self) -> dict[str, Any]:
        data: dict[str, Any] = self._session  # type: ignore[attr-defined]
        return data

    @property
    def _rows(self) -> Any:
        return self.get_model_class().objects.filter(session_key=self.session_key)

    def _write(self, rows: Any, data: dict[str, Any] | None = None) -> bool:
        """False where it is gone, or another's by now; without data it is only prolonged."""
        values: dict[str, Any] = {"expire_date": self.get_expiry_date()}
        if data is not None:
            values["session_data"] = self.encode(data)
        is_written = bool(rows.update(**values))
        if is_written and data is not None:
            self._stored = values["session_data"]
        return is_written

    def _merge(self, stored: str) -> None:
        """Write what this request has changed over what another one has written since. Raises UpdateError."""
        before, after = self.decode(stored), self._data
        with transaction.atomic():
            row = self._rows.select_for_update().first()
            if row is None:
                raise UpdateError
            now = self.decode(row.session_data)
            kept = {name: value for name, value in now.items() if name in after or name not in before}
            told = {name: value for name, value in after.items() if name not in before or before[name] != value}
            self._session_cache = kept | told
            self._write(self._rows, self._session_cache)
