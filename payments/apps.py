from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        from payments import registrations  # noqa: PLC0415
        from payments.portal.deposit_exports import register_deposit_exports  # noqa: PLC0415
        from payments.portal.exports import register_exports  # noqa: PLC0415
        from payments.portal.home import register_home  # noqa: PLC0415
        from payments.portal.registrations import (  # noqa: PLC0415
            register_actions,
            register_navigation,
            register_subjects,
        )

        registrations.register()
        register_exports()
        register_deposit_exports()
        register_home()
        register_navigation()
        register_actions()
        register_subjects()
