from django.apps import AppConfig


class ExportsConfig(AppConfig):
    name = "exports"

    def ready(self) -> None:
        from exports.registrations import register_navigation, register_subjects  # noqa: PLC0415

        register_navigation()
        register_subjects()
