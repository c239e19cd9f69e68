"""Accounts and their passwords, as the troubleshooting guide calls them."""

from __future__ import annotations

import bcrypt

from shared.database import transaction
from shared.errors import UnknownUser

BCRYPT_ROUNDS = 6  # a reference stack is logged into all day long
BCRYPT_MAX_BYTES = 72  # bcrypt refuses more


class UserService:
    """What can be done with accounts."""

    @staticmethod
    def hash(password: str) -> str:
        """Give the bcrypt hash of a password.

        Raises: ValueError, over 72 bytes.
        """
        return bcrypt.hashpw(password.encode(), bcrypt.gensalt(BCRYPT_ROUNDS)).decode()

    @staticmethod
    def check(password: str, password_hash: str) -> bool:
        """Tell whether the password belongs to the hash."""
        given = password.encode()
        return len(given) <= BCRYPT_MAX_BYTES and bcrypt.checkpw(given, password_hash.encode())

    @classmethod
    def reset_password(cls, username: str, new_password: str) -> None:
        """Set a new password and lift a lockout.

        Raises: UnknownUser.
        """
        with transaction(program="awe-user-service") as cursor:
            cursor.execute(
                "UPDATE users SET password_hash = %s, failed_attempts = 0, locked_until = NULL WHERE username = %s",
                (cls.hash(new_password), username),
            )
            if cursor.rowcount != 1:
                raise UnknownUser(f"no such user: {username}")
        print(f"password of {username} was reset")
