"""An index over tags that row security leaves in use.

Of a query's conditions only those that are known to leak nothing go before a policy, and none over jsonb is. So each
row leaves, in a table beside its own, one *term* for every key, every value and every pair of its tags: a hash, found
by `=`, which does go before. Triggers keep it; nobody else writes it.
"""

import hashlib
import uuid

from django.db import migrations

_TERMS = """
    SELECT DISTINCT one.application_id,
        encode(substring(sha256(convert_to(term.told, 'UTF8')) FOR 16), 'hex')::uuid, one.id
    FROM {rows} AS one, jsonb_each_text(one.tags) AS tag (key, value),
        LATERAL (VALUES ('k' || tag.key), ('v' || tag.value), ('p' || length(tag.key) || ':' || tag.key || tag.value))
            AS term (told)
"""
_CHANGED = "new_rows JOIN old_rows USING (id)"


def term_of(key: str | None, value: str | None) -> uuid.UUID:
    """What stands in the index for a pair of key and value, or for one of them alone."""
    alone = f"v{value}" if key is None else f"k{key}"
    text = alone if key is None or value is None else f"p{len(key)}:{key}{value}"
    return uuid.UUID(bytes=hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16])


def tag_index(table: str, *, index: str, column: str) -> migrations.RunSQL:
    """Keep `index` (application_id, term, `column`) in step with the tags of `table`, whoever writes them."""

    def terms(rows: str) -> str:
        return _TERMS.format(rows=rows)

    def differing(rows: str) -> str:
        return f"(SELECT {rows}.* FROM {_CHANGED} WHERE new_rows.tags <> old_rows.tags)"  # noqa: S608

    add = f"INSERT INTO {index} (application_id, term, {column})"
    remove = f"DELETE FROM {index} WHERE (application_id, term, {column}) IN"  # noqa: S608 - names from migrations
    body = "RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    end = "RETURN NULL; END $$"
    each = "FOR EACH STATEMENT EXECUTE FUNCTION"
    return migrations.RunSQL(
        f"""
        CREATE FUNCTION {index}_add() {body} {add} {terms("new_rows")}; {end};
        CREATE FUNCTION {index}_remove() {body} {remove} ({terms("old_rows")}); {end};
        CREATE FUNCTION {index}_change() {body}
            {remove} ({terms(differing("old_rows"))});
            {add} {terms(differing("new_rows"))};
        {end};
        CREATE TRIGGER tags_told AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows {each} {index}_add();
        CREATE TRIGGER tags_gone AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows {each} {index}_remove();
        CREATE TRIGGER tags_changed AFTER UPDATE ON {table}
            REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows {each} {index}_change();
        """,
        f"""
        DROP TRIGGER tags_told ON {table}; DROP TRIGGER tags_gone ON {table}; DROP TRIGGER tags_changed ON {table};
        DROP FUNCTION {index}_add(); DROP FUNCTION {index}_remove(); DROP FUNCTION {index}_change();
        """,
    )
