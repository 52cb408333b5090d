"""What this app adds to the navigation."""

from portal.navigation import Entry, register
from tenancy.roles import Permission


def register_navigation() -> None:
    # Merchants see their application through the API, but have no business with its settings page.
    register(
        Entry(
            head="PEOPLE", label="Applications", section="applications", url_name="onboarding:applications",
            icon="application", permission=Permission.VIEW_PROCESSORS, order=10,
        )
    )  # fmt: skip
    register(
        Entry(
            head="PEOPLE", label="Identities", section="identities", url_name="onboarding:identities",
            icon="identity", permission=Permission.VIEW_IDENTITIES, order=20,
        )
    )  # fmt: skip
    register(
        Entry(
            head="SYSTEM", label="Users and roles", section="people", url_name="onboarding:people",
            icon="users", permission=Permission.VIEW_PEOPLE, order=60,
        )
    )  # fmt: skip
    register(
        Entry(
            head="SYSTEM", label="API keys", section="api-users", url_name="onboarding:api-users",
            icon="key", permission=Permission.VIEW_API_USERS, order=70,
        )
    )  # fmt: skip
    register(
        Entry(
            head="SYSTEM", label="Audit", section="audit", url_name="onboarding:audit",
            icon="audit", permission=Permission.VIEW_AUDIT, order=80,
        )
    )  # fmt: skip
