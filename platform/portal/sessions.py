"""Where sessions lie: a request that changes nothing of its session only prolongs it.

A page that saves or follows itself in the background asks beside the person's own requests; were the whole session
written each time, the slower of two would take back what the other has put in, a message for instance.
"""

from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore


class SessionStore(DatabaseStore):
    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 - as the base has it
        if must_create or self.modified or self.session_key is None or not self._prolong():
            super().save(must_create)

    def _prolong(self) -> bool:
        """False where it is gone."""
        rows: Any = self.get_model_class().objects.filter(session_key=self.session_key)
        return bool(rows.update(expire_date=self.get_expiry_date()))
