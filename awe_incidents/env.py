"""Read configuration from the environment: `NAME`, or `NAME_FILE` naming a file that holds the value."""

from __future__ import annotations

import base64
import re
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping


class Variables(FileAwareMapping):  # type: ignore[misc]  # the package publishes no types
    """The environment, where `NAME_FILE` names a file with the value of `NAME`."""

    def __getitem__(self, name: str) -> str:
        """Give a value without the line end that editors and `echo` put behind it.

        Raises: KeyError, ImproperlyConfigured.
        """
        try:
            value: str = super().__getitem__(name)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise ImproperlyConfigured(f"{name}_FILE names a file that cannot be read: {reason}") from None
        return value.rstrip("\r\n")


env = environ.FileAwareEnv()
env.ENVIRON = Variables()

PRODUCTION = "production"
DEVELOPMENT = "development"
DATABASE_FORM = "postgresql://USER:PASSWORD@HOST:PORT/NAME"
REDIS_FORM = "redis://:PASSWORD@HOST:PORT/NUMBER"
MAIL_FORM = "smtp+tls://USER:PASSWORD@HOST:PORT, smtps://... or smtp://HOST:PORT"
MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
DEVELOPMENT_MARK = "development-only-"


def mode() -> str:
    """Give `production` (the default, so that forgetting it is safe) or `development`.

    Raises: ImproperlyConfigured.
    """
    value: str = env.str("AWE_ENV", default=PRODUCTION)
    if value not in {PRODUCTION, DEVELOPMENT}:
        raise ImproperlyConfigured(f"AWE_ENV must be {PRODUCTION} or {DEVELOPMENT}, not {value!r}")
    return value


def required(name: str, *, development: str | None = None) -> str:
    """Give a setting that production must be told; development may have a default.

    Raises: ImproperlyConfigured, saying which variable to set.
    """
    value: str = env.ENVIRON.get(name, "")  # not env.str: it takes a secret that starts with $ for a variable's name
    if value:
        return value
    if mode() == DEVELOPMENT and development is not None:
        return development
    raise ImproperlyConfigured(
        f"{name} is not set. Set {name}, or {name}_FILE to a file that holds it; "
        "for a trial run `make demo` or `python -m awe_incidents.local up` sets everything."
    )


def database_config(name: str, *, development: str) -> dict[str, Any]:
    """Read a database's address; an address that cannot be read is not quoted, as it holds a password.

    Raises: ImproperlyConfigured.
    """
    url = required(name, development=development)
    try:
        config: dict[str, Any] = env.db_url_config(url)
        scheme = urlsplit(url).scheme
    except Exception:
        config, scheme = {}, ""
    if scheme not in {"postgres", "postgresql"} or not config.get("NAME"):
        raise ImproperlyConfigured(
            f"{name} is no address of the form {DATABASE_FORM}; encode / : @ [ ] % in a password"
        )
    return config


class MailServer(NamedTuple):
    """Where mail is handed in; without a host there is none."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    starts_tls: bool = False  # after the first words, and never goes on without
    is_tls: bool = False


def mail_server(name: str) -> MailServer:
    """Read the address of a mail server; one that cannot be read is not quoted, as it holds a password.

    Raises: ImproperlyConfigured, also for a password that would go over a network in the clear.
    """
    text: str = env.ENVIRON.get(name, "")
    if not text:
        return MailServer()
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port or MAIL_PORTS[parts.scheme]
    except (ValueError, KeyError):
        host, port = "", 0
    if not host:
        raise ImproperlyConfigured(f"{name} is no address of the form {MAIL_FORM}; encode / : @ [ ] % in a password")
    if parts.password and parts.scheme == "smtp" and host not in LOOPBACK:
        raise ImproperlyConfigured(f"{name} would send its password in the clear; use smtp+tls:// or smtps://")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return MailServer(host, port, user, password, parts.scheme == "smtp+tls", parts.scheme == "smtps")


def public_url(name: str) -> str:
    """Read under which address people reach the service; "" where nobody says.

    Raises: ImproperlyConfigured.
    """
    text: str = env.ENVIRON.get(name, "").rstrip("/")
    parts = urlsplit(text)
    if text and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query):
        raise ImproperlyConfigured(f"{name} must be an address such as https://incidents.example, not {text!r}")
    return text


def refuse_development_values(*, secret_key: str, encryption_keys: list[str], debug: bool, hosts: list[str]) -> None:
    """Stop production from starting with what is fit for development only.

    Raises: ImproperlyConfigured, naming every problem.
    """
    if mode() != PRODUCTION:
        return
    problems = []
    if secret_key.startswith(DEVELOPMENT_MARK) or len(secret_key) < 50:
        problems.append("DJANGO_SECRET_KEY is a development value or shorter than 50 characters")
    if any(key.startswith(DEVELOPMENT_MARK) for key in encryption_keys) or not encryption_keys:
        problems.append("AWE_ENCRYPTION_KEYS is a development value or empty")
    elif not all(map(_is_fernet_key, encryption_keys)):
        problems.append("AWE_ENCRYPTION_KEYS holds a key that is not 32 random bytes in URL-safe base64")
    if debug:
        problems.append("DJANGO_DEBUG is on")
    if not hosts or any("*" in host for host in hosts):
        problems.append("DJANGO_ALLOWED_HOSTS is empty or holds *")
    if problems:
        raise ImproperlyConfigured("Production refuses to start: " + "; ".join(problems) + ".")


def _is_fernet_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, altchars=b"-_", validate=True)) == 32
    except ValueError:
        return False


def quota(name: str, *, default: str) -> tuple[int, int] | None:
    """Read a limit, `TRIES/SECONDS` such as `120/60`; `off` is none.

    Raises: ImproperlyConfigured.
    """
    value: str = env.str(name, default=default)
    if value == "off":
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,4})", value)
    if found is None:
        raise ImproperlyConfigured(f"{name} must be TRIES/SECONDS, such as {default}, or off; not {value!r}")
    return int(found[1]), int(found[2])


def redis_with_database(url: str, database: int) -> str:
    """Give the same Redis with another database number.

    Raises: ImproperlyConfigured.
    """
    try:
        parts = urlsplit(url)
        port = parts.port  # a ValueError where it is no number
        is_usable = parts.scheme in {"redis", "rediss", "unix"} and port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ImproperlyConfigured(
            f"REDIS_URL is no address of the form {REDIS_FORM}; encode / : @ [ ] % in a password"
        )
    return parts._replace(path=f"/{database}").geturl()
