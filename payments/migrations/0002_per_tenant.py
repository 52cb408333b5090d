from django.db import migrations

from payments.models import Authorization, Settlement, Transfer, TransferBatch
from resources.moves import state_machine
from resources.row_security import frozen, same_tenant_reference, tenant_policy
from resources.tag_index import tag_index


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial"), ("onboarding", "0002_per_tenant")]

    operations = [
        tenant_policy("transfer"),
        tenant_policy("transfer_tag"),
        tag_index("transfer", index="transfer_tag", column="transfer_id"),
        tenant_policy("transfer_batch"),
        tenant_policy("card_authorization"),
        tenant_policy("card_authorization_tag"),
        tag_index("card_authorization", index="card_authorization_tag", column="authorization_id"),
        tenant_policy("settlement"),
        tenant_policy("settlement_entry"),
        tenant_policy("settlement_schedule"),
        tenant_policy("ledger_account"),
        tenant_policy("ledger_journal"),
        tenant_policy("ledger_posting"),
        same_tenant_reference("transfer", "merchant_id", "merchant"),
        same_tenant_reference("transfer", "merchant_identity_id", "identity"),
        same_tenant_reference("transfer", "processor_id", "processor"),
        same_tenant_reference("transfer", "source_id", "payment_instrument"),
        same_tenant_reference("transfer", "destination_id", "payment_instrument"),
        same_tenant_reference("transfer", "authorization_id", "card_authorization"),
        same_tenant_reference("transfer", "parent_id", "transfer"),
        same_tenant_reference("transfer", "batch_id", "transfer_batch"),
        same_tenant_reference("transfer", "settlement_id", "settlement"),
        same_tenant_reference("settlement", "merchant_id", "merchant"),
        same_tenant_reference("settlement", "identity_id", "identity"),
        same_tenant_reference("settlement", "processor_id", "processor"),
        same_tenant_reference("settlement", "destination_id", "payment_instrument"),
        same_tenant_reference("settlement_entry", "settlement_id", "settlement"),
        same_tenant_reference("settlement_entry", "transfer_id", "transfer"),
        same_tenant_reference("settlement_entry", "carried_from_id", "settlement"),
        same_tenant_reference("settlement_schedule", "merchant_id", "merchant"),
        same_tenant_reference("transfer_batch", "processor_id", "processor"),
        same_tenant_reference("card_authorization", "merchant_id", "merchant"),
        same_tenant_reference("card_authorization", "merchant_identity_id", "identity"),
        same_tenant_reference("card_authorization", "processor_id", "processor"),
        same_tenant_reference("card_authorization", "source_id", "payment_instrument"),
        same_tenant_reference("card_authorization", "transfer_id", "transfer"),
        same_tenant_reference("ledger_account", "merchant_id", "merchant"),
        same_tenant_reference("ledger_posting", "journal_id", "ledger_journal"),
        same_tenant_reference("ledger_posting", "account_id", "ledger_account"),
        frozen(
            "transfer",
            (
                "type",
                "subtype",
                "operation_key",
                "amount",
                "currency",
                "fee",
                "merchant_id",
                "source_id",
                "destination_id",
                "parent_id",
                "authorization_id",
            ),
        ),
        frozen("card_authorization", ("amount", "currency", "merchant_id", "source_id", "expires_at")),
        frozen("settlement", ("merchant_id", "currency")),
        frozen(
            "settlement_entry",
            ("kind", "settlement_id", "transfer_id", "carried_from_id", "amount", "fee", "occurred_at"),
        ),
        state_machine("settlement", "status", Settlement.MOVES),
        state_machine("transfer", "state", Transfer.MOVES),
        state_machine("transfer_batch", "state", TransferBatch.MOVES),
        state_machine("card_authorization", "state", Authorization.MOVES),
        state_machine("card_authorization", "void_state", Authorization.VOID_MOVES),
    ]
