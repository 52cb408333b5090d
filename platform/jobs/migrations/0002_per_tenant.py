from django.db import migrations

from resources.row_security import tenant_policy


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial")]

    operations = [tenant_policy("idempotency_key")]
