from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        from portal.accounts import audit_passwords  # noqa: PLC0415

        audit_passwords()
