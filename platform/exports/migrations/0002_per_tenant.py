from django.db import migrations

from exports.models import Export
from resources.moves import state_machine
from resources.row_security import frozen, same_tenant_reference, tenant_policy


class Migration(migrations.Migration):
    dependencies = [("exports", "0001_initial"), ("tenancy", "0002_per_tenant")]

    operations = [
        tenant_policy("export"),
        tenant_policy("export_chunk"),
        same_tenant_reference("export_chunk", "export_id", "export"),
        state_machine("export", "state", Export.MOVES),
        # Whose it is and what was asked for never changes: that is what it is given out by.
        frozen(
            "export",
            ["listing", "query", "format", "made_by_kind", "made_by_id", "made_by_role", "made_by_identity_id"],
        ),
        # Compressed by us already.
        migrations.RunSQL("ALTER TABLE export_chunk ALTER COLUMN content SET STORAGE EXTERNAL", migrations.RunSQL.noop),
    ]
