from django.db import migrations

from payments.models import Transfer
from resources.moves import state_machine
from resources.row_security import frozen, same_tenant_reference, tenant_policy


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial"), ("onboarding", "0002_per_tenant")]

    operations = [
        tenant_policy("transfer"),
        tenant_policy("ledger_account"),
        tenant_policy("ledger_journal"),
        tenant_policy("ledger_posting"),
        same_tenant_reference("transfer", "merchant_id", "merchant"),
        same_tenant_reference("transfer", "merchant_identity_id", "identity"),
        same_tenant_reference("transfer", "source_id", "payment_instrument"),
        same_tenant_reference("ledger_account", "merchant_id", "merchant"),
        same_tenant_reference("ledger_posting", "journal_id", "ledger_journal"),
        same_tenant_reference("ledger_posting", "account_id", "ledger_account"),
        frozen("transfer", ("type", "amount", "currency", "fee")),
        state_machine("transfer", "state", Transfer.MOVES),
    ]
