"""Give a user of the stack's application a new password, which is shown once to who asked for it.

The password is made at random and kept sealed here until `POST /api/v1/recovery-requests/{id}/secret/` gives it to the
requester, once and within an hour; it stands in no output, no trail, no argument and no environment. The account's row
in the table that `[accounts]` describes gets its bcrypt hash, at the cost that the old hash had; where columns for it
are described, failed attempts are forgotten, a lockout is lifted, and the user has to choose another password. Sessions
and tokens that the user has stay valid. The user must not approve it. An answer that was lost on its way takes another
reset.

At most once: the row is changed only while it holds the hash that was approved. Verified by one login with the new
password, whatever the login check has been refused: it is the only attempt that this makes. Of a lost worker the salt
of the hash tells, which follows from the old hash, so that nobody else's change is taken for this one; while the old
hash is there nobody can tell, as the change may be on its way: a person says how that ended.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import bcrypt
import psycopg
from psycopg import sql

from awe_incidents.recovery.actions.base import Acting, Action, ActionFailed, Doing, Plan, Probed, Step, Verified
from awe_incidents.recovery.actions.logging_in import log_in, login_of, token_in
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.actions.traces import Trace
from awe_incidents.recovery.errors import ActionNotApplicable, TargetUnreachable
from diagnostics.probes.http import RequestFailure
from diagnostics.stack import Accounts, StackConfig

PASSWORD_BYTES = 18  # of randomness; 24 characters, and bcrypt takes 72
HANDED = "password"
REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable)
HASH = re.compile(r"\$2[aby]\$(?P<cost>[0-3][0-9])\$(?P<salt>[./A-Za-z0-9]{22})[./A-Za-z0-9]{31}")
# bcrypt's own base64 has the same bits behind other letters.
LETTERS = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
)


@dataclass(frozen=True, kw_only=True)
class PasswordResetParameters(Parameters):
    """Whose."""

    username: str = parameter("Name of the account, as its user logs in.", maxLength=200)


@dataclass(frozen=True, kw_only=True)
class PasswordReset(Action[PasswordResetParameters]):
    """One row of the table of users."""

    slug: ClassVar[str] = "user.password_reset"
    title: ClassVar[str] = "Reset the password of a user"
    tier: ClassVar[int] = 2
    parameters: ClassVar[type[Any]] = PasswordResetParameters

    def not_applicable(self, stack: StackConfig, parameters: PasswordResetParameters) -> str | None:
        """Apply only where users and the login are described."""
        if stack.accounts is None:
            return f"stack {stack.name} describes no [accounts]: where its users are"
        if stack.login is None:
            return f"stack {stack.name} describes no [login], so a new password could not be tried"
        return None

    def affected_user(self, parameters: PasswordResetParameters) -> str:
        """Keep the user from approving."""
        return parameters.username

    def target(self, stack: StackConfig, parameters: PasswordResetParameters) -> str:
        """Lock the database below its service."""
        name = _accounts(stack).database
        return f"{stack.databases[name].service}/{name}"

    def fingerprint(self, site: Site, parameters: PasswordResetParameters) -> Mapping[str, Any]:
        """Give the digest of the hash that is there, and its cost."""
        found = _hash_of(site, parameters.username)
        if found is None:
            raise ActionNotApplicable(f"there is no account {parameters.username}")
        match = HASH.fullmatch(found)
        if match is None:
            raise ActionNotApplicable(f"the password of {parameters.username} is not kept as a bcrypt hash")
        return {"hash": _digest(found), "cost": int(match["cost"])}

    def plan(self, acting: Acting[PasswordResetParameters]) -> Plan:
        """Say what is lost."""
        name, stack = acting.parameters.username, acting.site.stack
        warnings = ["sessions and tokens that the user has stay valid until they end by themselves"]
        if name == login_of(stack).username:
            warnings.append(f"{name} is the account of the login check: store the new password where [login] says")
        if _accounts(stack).must_change:
            warnings.append("the user has to choose another password at the next login")
        return Plan(
            destroys=(f"the present password of {name}",),
            way_back="none: the old password is not known here; the user chooses a new one, or it is reset again",
            warnings=tuple(warnings),
        )

    def prechecks(self, acting: Acting[PasswordResetParameters]) -> Iterator[str]:
        """See that the login may do it."""
        accounts = _accounts(acting.site.stack)
        columns = [name for name in (accounts.password_hash, *_reset_columns(accounts)) if name]
        with acting.site.database(accounts.database) as connection:
            for column in columns:
                question = "SELECT has_column_privilege(%s, %s, 'UPDATE')"
                row = connection.execute(question, [_table(accounts).as_string(connection), column]).fetchone()
                if row is None or not row[0]:
                    yield f"the application's login may not change {column} of {accounts.table}"

    def steps(self, acting: Acting[PasswordResetParameters]) -> Sequence[Step]:
        """Give the one step."""
        title = f"Set a random password for {acting.parameters.username}, and lift a lockout"
        return [Step("reset", title, partial(_reset, acting))]

    def traces(
        self, stack: StackConfig, parameters: PasswordResetParameters, facts: Mapping[str, Any]
    ) -> Sequence[Trace]:
        """Show nothing: the database is spoken to, and no container is touched."""
        return []

    def verify(self, acting: Acting[PasswordResetParameters]) -> Verified:
        """Log in with it, once."""
        is_good, text = _logged_in(acting)
        before, after = {"hash": acting.facts["hash"]}, {"hash": _digest_now(acting)}
        return Verified(is_good=is_good, text=text, before=before, after=after)

    def probe(self, acting: Acting[PasswordResetParameters]) -> Probed:
        """Look for the salt that follows from the old hash."""
        found = _hash_of(acting.site, acting.parameters.username) or ""
        match = HASH.fullmatch(found)
        is_ours = match is not None and match["salt"] == _salt(acting.facts["hash"])
        return Probed.FINISHED_WELL if is_ours else Probed.CANNOT_TELL


def _reset(acting: Acting[PasswordResetParameters], doing: Doing) -> None:
    accounts, facts = _accounts(acting.site.stack), acting.facts
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    doing.seal(password)
    salt = f"$2b${facts['cost']:02d}${_salt(facts['hash'])}"
    hashed = bcrypt.hashpw(password.encode(), salt.encode()).decode()
    changes = [(accounts.password_hash, hashed), *_reset_columns(accounts).items()]
    statement = sql.SQL("UPDATE {} SET {} WHERE {} = %s AND encode(sha256(convert_to({}, 'UTF8')), 'hex') = %s").format(
        _table(accounts),
        sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(column)) for column, _ in changes),
        sql.Identifier(accounts.username),
        sql.Identifier(accounts.password_hash),
    )
    values = [*(value for _, value in changes), acting.parameters.username, facts["hash"]]
    doing.check()
    try:
        with acting.site.database(accounts.database) as connection:
            done = connection.execute(statement, values)
    except REFUSED as error:
        raise ActionFailed(f"nothing was changed: {error.diag.message_primary}") from None
    except TargetUnreachable as error:
        raise ActionFailed(f"nothing was changed: {error}") from None
    if done.rowcount != 1:
        raise ActionFailed("nothing was changed: the password is not the one of the approval any more")
    acting.site.handed[HANDED] = password
    doing.say(f"the password of {acting.parameters.username} was reset; who asked for it may fetch it once")


def _logged_in(acting: Acting[PasswordResetParameters]) -> tuple[bool, str]:
    """Say whether the one attempt succeeded, and how it went."""
    site, name = acting.site, acting.parameters.username
    try:
        answer = log_in(site, username=name, password=site.handed[HANDED])
    except RequestFailure as failure:
        return False, f"the password was reset, but the login gave no answer: {failure}"
    if not 200 <= answer.status < 300:
        return False, f"the password was reset, but {login_of(site.stack).path} answered {answer.status} to {name}"
    has_token = token_in(site, answer) is not None
    return has_token, f"{name} logged in with the new password" + ("" if has_token else ", but was given no token")


def _hash_of(site: Site, username: str) -> str | None:
    accounts = _accounts(site.stack)
    question = sql.SQL("SELECT {} FROM {} WHERE {} = %s").format(
        sql.Identifier(accounts.password_hash), _table(accounts), sql.Identifier(accounts.username)
    )
    with site.database(accounts.database) as connection:
        rows = connection.execute(question, [username]).fetchall()
    return str(rows[0][0] or "") if len(rows) == 1 else None


def _digest_now(acting: Acting[PasswordResetParameters]) -> str:
    return _digest(_hash_of(acting.site, acting.parameters.username) or "")


def _digest(hashed: str) -> str:
    return hashlib.sha256(hashed.encode()).hexdigest()


def _salt(digest: str) -> str:
    """Give the salt of the hash that comes after one: unique as that is, and known again by it."""
    raw = hashlib.sha256(f"user.password_reset {digest}".encode()).digest()[:16]
    return base64.b64encode(raw).rstrip(b"=").translate(LETTERS).decode()


def _reset_columns(accounts: Accounts) -> dict[str, Any]:
    columns = {accounts.failed_attempts: 0, accounts.locked_until: None, accounts.must_change: True}
    return {name: value for name, value in columns.items() if name is not None}


def _table(accounts: Accounts) -> sql.Identifier:
    return sql.Identifier(*accounts.table.split("."))


def _accounts(stack: StackConfig) -> Accounts:
    if stack.accounts is None:
        raise ActionNotApplicable(f"stack {stack.name} describes no [accounts]")
    return stack.accounts
