"""What this app adds to the navigation."""

from portal.navigation import Entry, register
from tenancy.roles import Permission

ENTRIES = (
    # Merchants see their application through the API, but have no business with its settings page.
    Entry("PEOPLE", "Applications", "onboarding:applications", "application", Permission.VIEW_PROCESSORS, order=10),
    Entry("PEOPLE", "Identities", "onboarding:identities", "identity", Permission.VIEW_IDENTITIES, order=20),
    Entry("SYSTEM", "Users and roles", "onboarding:people", "users", Permission.VIEW_PEOPLE, order=60),
    Entry("SYSTEM", "API keys", "onboarding:api-users", "key", Permission.VIEW_API_USERS, order=70),
    Entry("SYSTEM", "Audit", "onboarding:audit", "audit", Permission.VIEW_AUDIT, order=80),
)


def register_navigation() -> None:
    for entry in ENTRIES:
        register(entry)
