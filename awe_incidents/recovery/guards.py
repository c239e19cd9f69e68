"""SQL for migrations: the transition tables of states.py as triggers, and rows that know who may not write them (pure).

Errors: check_violation for a step or a decision that is not allowed, so that Django raises IntegrityError.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

# Django's default ORM order does not matter here: each trigger says no for itself.
STEP_REFUSED = """
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state <> OLD.state AND NOT (OLD.state, NEW.state) IN ({steps}) THEN
    RAISE EXCEPTION '{table}: % does not lead to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION {function}_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state <> '{first}' THEN
    RAISE EXCEPTION '{table}: begins as {first}, not as %', NEW.state USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
"""


def transitions(table: str, steps: Mapping[StrEnum, frozenset[StrEnum]], *, first: StrEnum) -> str:
    """Give SQL that refuses every jump and every other beginning, for every role, replication sessions included."""
    pairs = ", ".join(
        f"('{source.value}', '{target.value}')" for source, targets in steps.items() for target in sorted(targets)
    )
    function = f"{table}_state"
    made = STEP_REFUSED.format(function=function, table=table, steps=pairs, first=first.value)
    return made + _always(table, function, "UPDATE") + _always(table, f"{function}_begin", "INSERT")


def without_transitions(table: str) -> str:
    """Give SQL that takes the triggers of `transitions` back."""
    names = (f"{table}_state", f"{table}_state_begin")
    return "".join(f"DROP TRIGGER {name} ON {table}; DROP FUNCTION {name}();" for name in names)


def unchanging(table: str, *columns: str) -> str:
    """Give SQL that refuses a change of any column but these, and every DELETE."""
    function = f"{table}_kept"
    kept = ", ".join(f"'{column}'" for column in columns)
    return f"""
    CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'DELETE' OR to_jsonb(NEW) - ARRAY[{kept}] IS DISTINCT FROM to_jsonb(OLD) - ARRAY[{kept}] THEN
        RAISE EXCEPTION '{table}: of a row only {", ".join(columns)} may change' USING ERRCODE = 'check_violation';
      END IF;
      RETURN NEW;
    END $$;
    """ + _always(table, function, "UPDATE OR DELETE")


def without_unchanging(table: str) -> str:
    """Give SQL that takes the trigger of `unchanging` back."""
    return f"DROP TRIGGER {table}_kept ON {table}; DROP FUNCTION {table}_kept();"


def rule(name: str, table: str, when: str, body: str) -> str:
    """Give SQL for one trigger: `body` are statements of plpgsql that raise where the row is refused."""
    return f"""
    CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      {body}
      RETURN NEW;
    END $$;
    """ + _always(table, name, when)


def without_rule(name: str, table: str) -> str:
    """Give SQL that takes a rule back."""
    return f"DROP TRIGGER {name} ON {table}; DROP FUNCTION {name}();"


def _always(table: str, function: str, when: str) -> str:
    return (
        f"CREATE TRIGGER {function} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}();\n"
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {function};\n"
    )
