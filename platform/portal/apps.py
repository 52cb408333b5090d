from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        from portal.accounts import audit_passwords  # noqa: PLC0415
        from portal.home import register_navigation  # noqa: PLC0415
        from portal.step_up import note_sign_in  # noqa: PLC0415

        audit_passwords()
        note_sign_in()
        register_navigation()
