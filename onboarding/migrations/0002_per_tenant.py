from django.db import migrations

from onboarding.models import Merchant, Verification
from resources.moves import state_machine
from resources.row_security import same_tenant_reference, tenant_policy


class Migration(migrations.Migration):
    dependencies = [("onboarding", "0001_initial"), ("tenancy", "0002_per_tenant")]

    operations = [
        tenant_policy("identity"),
        tenant_policy("payment_instrument"),
        tenant_policy("merchant"),
        tenant_policy("verification"),
        same_tenant_reference("payment_instrument", "identity_id", "identity"),
        same_tenant_reference("merchant", "identity_id", "identity"),
        same_tenant_reference("merchant", "merchant_profile_id", "merchant_profile"),
        same_tenant_reference("merchant", "enabled_processor_id", "processor"),
        same_tenant_reference("merchant", "verification_id", "verification"),
        same_tenant_reference("verification", "merchant_id", "merchant"),
        same_tenant_reference("verification", "merchant_identity_id", "identity"),
        state_machine("merchant", "onboarding_state", Merchant.MOVES),
        state_machine("verification", "state", Verification.MOVES),
        # What tenancy keeps as a plain uuid belongs to this app's table, and to the same application.
        migrations.RunSQL(
            "ALTER TABLE application ADD CONSTRAINT application_owner_same_tenant FOREIGN KEY (id, owner_id)"
            " REFERENCES identity (application_id, id) DEFERRABLE INITIALLY DEFERRED;",
            "ALTER TABLE application DROP CONSTRAINT application_owner_same_tenant;",
        ),
        same_tenant_reference("api_user", "identity_id", "identity"),
        same_tenant_reference("person", "identity_id", "identity"),
    ]
