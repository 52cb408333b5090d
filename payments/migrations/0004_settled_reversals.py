"""What gives back money that is never settled is never settled: a deposit that comes back pays its settlement again."""

from django.db import migrations

# The first plan of a connection may be made over an empty table, and is kept.
REVERSALS = """
CREATE FUNCTION transfer_settled_reversal() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    IF (SELECT ready_to_settle_upon FROM transfer WHERE id = NEW.parent_id) IS NULL THEN
        RAISE EXCEPTION 'transfer: % gives back what is never settled', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER settled_reversal BEFORE INSERT OR UPDATE OF ready_to_settle_upon ON transfer
    FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL AND NEW.ready_to_settle_upon IS NOT NULL)
    EXECUTE FUNCTION transfer_settled_reversal();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0003_ledger")]

    operations = [
        migrations.RunSQL(
            REVERSALS, "DROP TRIGGER settled_reversal ON transfer; DROP FUNCTION transfer_settled_reversal();"
        ),
    ]
