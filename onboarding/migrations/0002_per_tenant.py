from django.db import migrations

from onboarding.models import (
    ImportedRow,
    InstrumentUpdate,
    Merchant,
    MerchantImport,
    OnboardingForm,
    ReviewItem,
    Verification,
)
from resources.moves import state_machine
from resources.row_security import same_tenant_reference, tenant_policy
from resources.tag_index import tag_index


class Migration(migrations.Migration):
    dependencies = [("onboarding", "0001_initial"), ("tenancy", "0002_per_tenant")]

    operations = [
        tenant_policy("identity"),
        tenant_policy("identity_tag"),
        tag_index("identity", index="identity_tag", column="identity_id"),
        tenant_policy("payment_instrument"),
        tenant_policy("payment_instrument_tag"),
        tag_index("payment_instrument", index="payment_instrument_tag", column="payment_instrument_id"),
        tenant_policy("merchant"),
        tenant_policy("verification"),
        tenant_policy("token"),
        tenant_policy("instrument_update"),
        tenant_policy("review_queue_item"),
        tenant_policy("onboarding_form"),
        tenant_policy("merchant_import"),
        tenant_policy("imported_row"),
        same_tenant_reference("identity", "associated_with_id", "identity"),
        same_tenant_reference("payment_instrument", "identity_id", "identity"),
        same_tenant_reference("merchant", "identity_id", "identity"),
        same_tenant_reference("merchant", "merchant_profile_id", "merchant_profile"),
        same_tenant_reference("merchant", "enabled_processor_id", "processor"),
        same_tenant_reference("merchant", "verification_id", "verification"),
        same_tenant_reference("verification", "merchant_id", "merchant"),
        same_tenant_reference("verification", "merchant_identity_id", "identity"),
        same_tenant_reference("verification", "payment_instrument_id", "payment_instrument"),
        same_tenant_reference("instrument_update", "merchant_id", "merchant"),
        same_tenant_reference("instrument_update", "payment_instrument_id", "payment_instrument"),
        same_tenant_reference("review_queue_item", "merchant_id", "merchant"),
        same_tenant_reference("review_queue_item", "verification_id", "verification"),
        same_tenant_reference("onboarding_form", "identity_id", "identity"),
        same_tenant_reference("imported_row", "merchant_import_id", "merchant_import"),
        state_machine("merchant", "onboarding_state", Merchant.MOVES),
        state_machine("verification", "state", Verification.MOVES),
        state_machine("instrument_update", "state", InstrumentUpdate.MOVES),
        state_machine("review_queue_item", "outcome", ReviewItem.MOVES),
        state_machine("onboarding_form", "state", OnboardingForm.MOVES),
        state_machine("merchant_import", "state", MerchantImport.MOVES),
        state_machine("imported_row", "state", ImportedRow.MOVES),
        # Read before an actor is known, with the owner's sight: whose form a link leads to, and no more than that.
        migrations.RunSQL(
            "CREATE FUNCTION onboarding_form_application(bytea) RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER"
            " SET search_path = public, pg_temp"
            " AS $$ SELECT application_id FROM onboarding_form WHERE link_digest = $1 $$;",
            "DROP FUNCTION onboarding_form_application(bytea);",
        ),
        # What tenancy keeps as a plain uuid belongs to this app's table, and to the same application.
        migrations.RunSQL(
            "ALTER TABLE application ADD CONSTRAINT application_owner_same_tenant FOREIGN KEY (id, owner_id)"
            " REFERENCES identity (application_id, id) DEFERRABLE INITIALLY DEFERRED;",
            "ALTER TABLE application DROP CONSTRAINT application_owner_same_tenant;",
        ),
        same_tenant_reference("api_user", "identity_id", "identity"),
        same_tenant_reference("person", "identity_id", "identity"),
    ]
