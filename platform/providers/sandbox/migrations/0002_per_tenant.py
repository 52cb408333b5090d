from django.db import migrations

from resources.row_security import tenant_policy


class Migration(migrations.Migration):
    dependencies = [("sandbox", "0001_initial")]

    operations = [
        tenant_policy("sandbox_instrument"),
        tenant_policy("sandbox_merchant"),
        tenant_policy("sandbox_verification"),
        tenant_policy("sandbox_inquiry"),
        tenant_policy("sandbox_card_update"),
        tenant_policy("sandbox_batch"),
        tenant_policy("sandbox_authorization"),
        tenant_policy("sandbox_transfer"),
        tenant_policy("sandbox_call"),
        tenant_policy("sandbox_fault"),
    ]
