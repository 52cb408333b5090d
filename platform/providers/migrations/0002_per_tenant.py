from django.db import migrations

from providers.models import Attempt
from resources.moves import state_machine
from resources.row_security import frozen, tenant_policy


class Migration(migrations.Migration):
    dependencies = [("providers", "0001_initial"), ("tenancy", "0002_per_tenant")]

    operations = [
        tenant_policy("attempt"),
        tenant_policy("provider_feed"),
        tenant_policy("provider_untaken_word"),
        frozen("attempt", ("operation", "reference", "amount", "currency")),
        state_machine("attempt", "state", Attempt.MOVES),
    ]
