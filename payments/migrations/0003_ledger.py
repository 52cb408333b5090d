"""What makes the ledger true whoever writes to it: legs balance, come at once, stay as they are, and move the balances.

The functions run with the owner's sight and rights: the app role may read an account and open an empty one, and only a
posting moves a balance. Nobody else may call them, or a trigger on a table of one's own could move it too.

Plans are kept as long as the connection, for two legs and for a million, and the first may be made over empty tables.
So the statements leave the planner one way: no sequential scans, sub-selects that cannot become joins, and one column
to look a row up by.
"""

from django.db import migrations

from resources.row_security import append_only

POSTINGS = """
CREATE FUNCTION ledger_posting_balance() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp
    SET enable_seqscan = off
AS $$
DECLARE
    wrong record;
    moved record;
    owner uuid;
    wanted text;
BEGIN
    SELECT journal_id, currency, sum(amount) AS total INTO wrong FROM legs
        GROUP BY journal_id, currency HAVING sum(amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'ledger_posting: the legs of journal % do not sum to zero: % %',
            wrong.journal_id, wrong.total, wrong.currency USING ERRCODE = 'check_violation';
    END IF;

    -- A journal that is not in sight yet is another transaction's: it must not get legs from two sides.
    SELECT posted.journal_id INTO wrong
        FROM (SELECT application_id, journal_id, count(*) FROM legs GROUP BY application_id, journal_id) AS posted
        WHERE (SELECT application_id FROM ledger_journal WHERE id = posted.journal_id)
            IS DISTINCT FROM posted.application_id
        OR (SELECT count(*) FROM ledger_posting WHERE journal_id = posted.journal_id) <> posted.count
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'ledger_posting: journal % is not there, or has its legs already', wrong.journal_id
            USING ERRCODE = 'restrict_violation';
    END IF;

    -- In the order of ids, so that of two journals over the same accounts one waits for the other, not each for each.
    FOR moved IN
        SELECT application_id, account_id, currency, sum(amount) AS total FROM legs
        GROUP BY application_id, account_id, currency ORDER BY account_id, application_id, currency
    LOOP
        UPDATE ledger_account SET balance = balance + moved.total WHERE id = moved.account_id
            RETURNING application_id, currency INTO owner, wanted;
        IF (owner, wanted) IS DISTINCT FROM (moved.application_id, moved.currency) THEN
            RAISE EXCEPTION 'ledger_posting: the application has no account % in %', moved.account_id, moved.currency
                USING ERRCODE = 'check_violation';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION ledger_posting_balance() FROM PUBLIC;
CREATE TRIGGER ledger_posting_balance AFTER INSERT ON ledger_posting REFERENCING NEW TABLE AS legs
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_posting_balance();
"""

JOURNALS = """
CREATE FUNCTION ledger_journal_has_legs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp
    SET enable_seqscan = off
AS $$
DECLARE
    wrong uuid;
BEGIN
    SELECT id INTO wrong FROM journals
        WHERE (SELECT count(*) FROM ledger_posting WHERE journal_id = journals.id) = 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'ledger_journal: journal % comes without legs; both are inserted in one statement', wrong
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION ledger_journal_has_legs() FROM PUBLIC;
CREATE TRIGGER ledger_journal_has_legs AFTER INSERT ON ledger_journal REFERENCING NEW TABLE AS journals
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_journal_has_legs();
"""

# The depth tells the trigger above from everybody else.
ACCOUNTS = """
CREATE FUNCTION ledger_account_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger_account is append-only: its balance follows its postings'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_account
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_account_append_only();
CREATE FUNCTION ledger_account_begins_empty() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger_account: an account begins with nothing in it' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER begins_empty BEFORE INSERT ON ledger_account
    FOR EACH ROW WHEN (NEW.balance <> 0) EXECUTE FUNCTION ledger_account_begins_empty();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0002_per_tenant")]

    operations = [
        append_only("ledger_journal"),
        append_only("ledger_posting"),
        migrations.RunSQL(
            ACCOUNTS,
            "DROP TRIGGER append_only ON ledger_account; DROP FUNCTION ledger_account_append_only();"
            "DROP TRIGGER begins_empty ON ledger_account; DROP FUNCTION ledger_account_begins_empty();",
        ),
        migrations.RunSQL(
            POSTINGS,
            "DROP TRIGGER ledger_posting_balance ON ledger_posting; DROP FUNCTION ledger_posting_balance();",
        ),
        migrations.RunSQL(
            JOURNALS,
            "DROP TRIGGER ledger_journal_has_legs ON ledger_journal; DROP FUNCTION ledger_journal_has_legs();",
        ),
    ]
