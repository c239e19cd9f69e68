"""Refusals of accounts.

AccountsError
├── ScopeNotAllowed    the person's roles do not allow a scope of the token
├── LifetimeNotAllowed the token would never end, or has ended already
├── AlreadyRevoked     the token was revoked before
├── NameNotAllowed     the name of a person or of a token breaks its rules, or is taken
├── EmailNotAllowed    this is no address that mail can go to
├── WrongPassword      the password that was asked for again is not that of the person
└── TooManyTries       the password was asked for again and wrong too often
"""

from __future__ import annotations


class AccountsError(Exception):
    """Base of what accounts refuse."""


class ScopeNotAllowed(AccountsError):
    """A token may not do what its person may not."""


class LifetimeNotAllowed(AccountsError):
    """A token lives for a bounded time that lies in the future."""


class AlreadyRevoked(AccountsError):
    """Nothing is left to revoke."""


class NameNotAllowed(AccountsError):
    """The message says what a name may hold."""


class EmailNotAllowed(AccountsError):
    """Write it as somebody@example.org."""


class WrongPassword(AccountsError):
    """Nothing was done; the trail has it."""


class TooManyTries(AccountsError):
    """The message says when to come again."""
