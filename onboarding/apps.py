from django.apps import AppConfig


class OnboardingConfig(AppConfig):
    name = "onboarding"

    def ready(self) -> None:
        from onboarding import registrations, schema_extensions  # noqa: F401, PLC0415
        from onboarding.portal.exports import register_exports  # noqa: PLC0415
        from onboarding.portal.home import register_home  # noqa: PLC0415
        from onboarding.portal.registrations import register_navigation, register_pages_of_authors  # noqa: PLC0415
        from onboarding.portal.subjects import register_subjects  # noqa: PLC0415

        registrations.register()
        register_exports()
        register_home()
        register_navigation()
        register_pages_of_authors()
        register_subjects()
