"""How the command ends: exit codes, and refusals in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError
from psycopg_pool import PoolTimeout

from awe_incidents.accounts.errors import AccountsError
from awe_incidents.audit.errors import AuditError
from awe_incidents.incidents.errors import IncidentsError
from awe_incidents.recovery.errors import AffectedUser, OwnBreakGlass, OwnRequest, RecoveryError, RoleRequired
from diagnostics.errors import DiagnosticsError

REFUSED, WRONG_LINE, NO_DATABASE, NOT_ALLOWED, ENDED_OTHERWISE = 1, 2, 3, 4, 5
CODES = """exit codes:
  0  done; of `execute` and `follow`: the execution succeeded
  1  refused, and nothing was changed; the message says why
  2  the command line is wrong
  3  our own database does not answer, so nothing was done; `record` still writes into the journal
  4  the token or the password is not right, or does not allow this
  5  the execution ended otherwise than well, or goes on (`follow --for`)"""
AWAY = (OperationalError, InterfaceError, PoolTimeout)
NOT_YOURS = (RoleRequired, OwnRequest, AffectedUser, OwnBreakGlass, AccountsError)
SAY_SO = (
    "our own database does not answer, so nothing was done. Write down what you do by hand: "
    "manage.py recovery record STACK --because ... puts it into a signed journal on this machine"
)


@contextmanager
def plainly() -> Iterator[None]:
    """Say in plain words what was refused. Raises: CommandError, with the exit code."""
    try:
        yield
    except AWAY:
        raise CommandError(SAY_SO, returncode=NO_DATABASE) from None
    except NOT_YOURS as refusal:
        raise CommandError(str(refusal), returncode=NOT_ALLOWED) from None
    except AuditError as refusal:
        is_away = isinstance(refusal.__cause__, AWAY)
        raise CommandError(str(refusal), returncode=NO_DATABASE if is_away else REFUSED) from None
    except (RecoveryError, IncidentsError, DiagnosticsError) as refusal:
        raise CommandError(str(refusal), returncode=REFUSED) from None
    except (IntegrityError, DataError) as refusal:
        raise CommandError(refusal_in_words(refusal), returncode=REFUSED) from None


def refusal_in_words(error: DatabaseError) -> str:
    """Say what our database refused, without the lines behind that, which name tables and values."""
    return f"our own database refuses it: {str(error).partition(chr(10))[0]}"
