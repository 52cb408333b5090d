from django.db import migrations

from resources.row_security import same_tenant_reference, tenant_policy


class Migration(migrations.Migration):
    dependencies = [("onboarding", "0001_initial"), ("tenancy", "0002_per_tenant")]

    operations = [
        tenant_policy("identity"),
        # What tenancy keeps as a plain uuid belongs to this app's table, and to the same application.
        migrations.RunSQL(
            "ALTER TABLE application ADD CONSTRAINT application_owner_same_tenant FOREIGN KEY (id, owner_id)"
            " REFERENCES identity (application_id, id) DEFERRABLE INITIALLY DEFERRED;",
            "ALTER TABLE application DROP CONSTRAINT application_owner_same_tenant;",
        ),
        same_tenant_reference("api_user", "identity_id", "identity"),
        same_tenant_reference("person", "identity_id", "identity"),
    ]
