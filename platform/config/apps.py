from django.apps import AppConfig
from django.db.backends.signals import connection_created


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import (  # noqa: PLC0415 - when the apps are ready
            celery,  # noqa: F401 - the app must be current before anything is published
            integers,
        )

        connection_created.connect(integers.send_as_wide_as_they_are, dispatch_uid="config.integers")
