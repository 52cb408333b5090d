from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        from payments import registrations  # noqa: PLC0415
        from payments.portal.registrations import register_actions, register_navigation  # noqa: PLC0415

        registrations.register()
        register_navigation()
        register_actions()
