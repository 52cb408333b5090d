from django.db import migrations

from resources.row_security import append_only, tenant_policy


# A resource may have changed tenants (an owner's log-in begins without one): its events of before count, out of sight.
LAST_SEQUENCE = """
CREATE FUNCTION event_last_sequence(uuid) RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp
    AS $$ SELECT coalesce(max(sequence), 0) FROM event WHERE resource_id = $1 $$;
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]

    operations = [
        tenant_policy("event"),
        tenant_policy("audit"),
        append_only("event"),
        append_only("audit"),
        append_only("audit_seal"),
        migrations.RunSQL(LAST_SEQUENCE, "DROP FUNCTION event_last_sequence(uuid);"),
    ]
