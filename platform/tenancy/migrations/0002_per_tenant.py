from django.db import migrations

from resources.row_security import same_tenant_reference, tenant_policy

# Read before an actor is known, so they run with the owner's sight and tell no more than their name says.
FUNCTIONS = """
CREATE FUNCTION tenancy_application_ids() RETURNS uuid[] LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp
    AS $$ SELECT coalesce(array_agg(id), '{}') FROM application $$;
CREATE FUNCTION tenancy_platform_id() RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp
    AS $$ SELECT id FROM application WHERE is_platform $$;
CREATE FUNCTION tenancy_is_application_enabled(uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp
    AS $$ SELECT enabled FROM application WHERE id = $1 $$;
"""


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0001_initial")]

    operations = [
        migrations.RunSQL(
            FUNCTIONS,
            "DROP FUNCTION tenancy_application_ids(); DROP FUNCTION tenancy_platform_id();"
            "DROP FUNCTION tenancy_is_application_enabled(uuid);",
        ),
        tenant_policy("application", column="id"),
        tenant_policy("processor"),
        tenant_policy("risk_profile"),
        tenant_policy("application_profile"),
        tenant_policy("merchant_profile"),
        same_tenant_reference("application_profile", "risk_profile_id", "risk_profile"),
        same_tenant_reference("merchant_profile", "risk_profile_id", "risk_profile"),
        same_tenant_reference("processor", "default_merchant_profile_id", "merchant_profile"),
    ]
