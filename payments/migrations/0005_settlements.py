"""What makes settlements true whoever writes to them: entries come while it accrues, leave until it is approved, and
from then on neither they nor the totals change.

The triggers on entries ask once per statement, since a rejection moves as many as there are.
"""

from django.db import migrations

TOTALS = """
CREATE FUNCTION settlement_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'settlement: the totals of one that is decided never change' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER decided BEFORE UPDATE OF entry_count, total_amount, total_fee ON settlement
    FOR EACH ROW WHEN (
        'PENDING' <> OLD.status AND 'AWAITING_APPROVAL' <> OLD.status
        AND (OLD.entry_count, OLD.total_amount, OLD.total_fee)
            IS DISTINCT FROM (NEW.entry_count, NEW.total_amount, NEW.total_fee)
    ) EXECUTE FUNCTION settlement_decided();
"""

# A settlement that is not in sight accrues not. Whoever closes it just now is waited for.
ENTER = """
CREATE FUNCTION settlement_entry_enters() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM settlement WHERE id IN (SELECT settlement_id FROM entering) ORDER BY id FOR SHARE;
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT settlement_id FROM entering) AS entered
        WHERE (SELECT status FROM settlement WHERE id = entered.settlement_id) IS DISTINCT FROM 'PENDING'
    ) THEN
        RAISE EXCEPTION 'settlement_entry: nothing enters a settlement that is closed'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER enters AFTER INSERT ON settlement_entry REFERENCING NEW TABLE AS entering
    FOR EACH STATEMENT EXECUTE FUNCTION settlement_entry_enters();
"""

LEAVE = """
CREATE FUNCTION settlement_entry_leaves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM leaving WHERE released_at IS NULL) THEN
        RAISE EXCEPTION 'settlement_entry: an entry that has left does not come back'
            USING ERRCODE = 'restrict_violation';
    END IF;
    PERFORM FROM settlement WHERE id IN (SELECT settlement_id FROM leaving) ORDER BY id FOR SHARE;
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT settlement_id FROM leaving) AS left_by
        WHERE (SELECT status FROM settlement WHERE id = left_by.settlement_id)
            NOT IN ('PENDING', 'AWAITING_APPROVAL', 'CANCELLED')
    ) THEN
        RAISE EXCEPTION 'settlement_entry: nothing leaves a settlement that is approved'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER leaves AFTER UPDATE ON settlement_entry REFERENCING NEW TABLE AS leaving
    FOR EACH STATEMENT EXECUTE FUNCTION settlement_entry_leaves();
"""

STAY = """
CREATE FUNCTION settlement_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'settlement_entry: an entry leaves, and stays as a row' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER stays BEFORE DELETE ON settlement_entry FOR EACH ROW EXECUTE FUNCTION settlement_entry_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0004_settled_reversals")]

    operations = [
        migrations.RunSQL(TOTALS, "DROP TRIGGER decided ON settlement; DROP FUNCTION settlement_decided();"),
        migrations.RunSQL(ENTER, "DROP TRIGGER enters ON settlement_entry; DROP FUNCTION settlement_entry_enters();"),
        migrations.RunSQL(LEAVE, "DROP TRIGGER leaves ON settlement_entry; DROP FUNCTION settlement_entry_leaves();"),
        migrations.RunSQL(STAY, "DROP TRIGGER stays ON settlement_entry; DROP FUNCTION settlement_entry_stays();"),
    ]
