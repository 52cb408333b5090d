from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"

    def ready(self) -> None:
        from api import schema_extensions  # noqa: F401, PLC0415 - registers them with drf-spectacular
