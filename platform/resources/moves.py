"""Which state may follow which: one table per model, asked in code and held by a trigger in the database."""

from collections.abc import Mapping

from django.db import migrations

Moves = Mapping[str, frozenset[str]]


class IllegalMove(ValueError):
    """A state cannot follow from the one before. A bug or a race, never the caller's mistake."""


def check_move(moves: Moves, before: str, after: str) -> None:
    """Raises IllegalMove; staying is no move."""
    if before != after and after not in moves.get(before, frozenset()):
        raise IllegalMove(f"{before} cannot become {after}")


def state_machine(table: str, column: str, moves: Moves) -> migrations.RunSQL:
    """Refuse, whoever asks, what the table of moves does not name."""
    allowed = " OR ".join(
        f"(OLD.{column} = '{before}' AND NEW.{column} = '{after}')"
        for before, successors in moves.items()
        for after in sorted(successors)
    )
    name = f"{table}_{column}_moves"
    return migrations.RunSQL(
        f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF {allowed} THEN RETURN NEW; END IF;
            RAISE EXCEPTION '{table}.{column}: % cannot become %', OLD.{column}, NEW.{column}
                USING ERRCODE = 'check_violation';
        END $$;
        CREATE TRIGGER {name} BEFORE UPDATE OF {column} ON {table}
            FOR EACH ROW WHEN (OLD.{column} IS DISTINCT FROM NEW.{column}) EXECUTE FUNCTION {name}();
        """,
        f"DROP TRIGGER {name} ON {table}; DROP FUNCTION {name}();",
    )
