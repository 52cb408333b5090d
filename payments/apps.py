from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        from payments import registrations  # noqa: PLC0415
        from payments.portal.registrations import (  # noqa: PLC0415
            register_actions,
            register_navigation,
            register_subjects,
        )

        registrations.register()
        register_navigation()
        register_actions()
        register_subjects()
