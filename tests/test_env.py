"""Configuration from the environment: production starts with what is fit for it, and with nothing else."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from awe_incidents import env as configuration
from awe_incidents.env import (
    MailServer,
    mail_server,
    public_url,
    redis_with_database,
    refuse_development_values,
    required,
)

CHECKOUT = Path(__file__).parent.parent
FERNET_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
FIT = {
    "DJANGO_SECRET_KEY": "not-a-secret-of-any-deployment-0123456789-abcdefghijkl",
    "AWE_ENCRYPTION_KEYS": FERNET_KEY,
    "DJANGO_ALLOWED_HOSTS": "incidents.example",
    "DATABASE_URL": "postgres://incidents_app:x@127.0.0.1:1/awe_incidents",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}


def manage(*argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a management command with exactly these variables, in production unless they say otherwise."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *argv],
        cwd=CHECKOUT,
        env=kept | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_production_settings_pass_the_check_for_deployment() -> None:
    done = manage("check", "--deploy", "--fail-level", "WARNING", **FIT)
    assert done.returncode == 0, done.stderr
    assert "no issues (0 silenced)" in done.stdout + done.stderr


def test_production_is_what_one_gets_without_saying_so() -> None:
    done = manage("shell", "-c", "from django.conf import settings as s; print(s.PRODUCTION, s.DEBUG)", **FIT)
    assert done.stdout.split()[-2:] == ["True", "False"]


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"DJANGO_SECRET_KEY": ""}, "DJANGO_SECRET_KEY is not set"),
        ({"DJANGO_SECRET_KEY": "short"}, "DJANGO_SECRET_KEY is a development value or shorter than 50"),
        ({"DJANGO_SECRET_KEY": "development-only-" + "x" * 60}, "DJANGO_SECRET_KEY is a development value"),
        ({"AWE_ENCRYPTION_KEYS": ""}, "AWE_ENCRYPTION_KEYS is not set"),
        ({"AWE_ENCRYPTION_KEYS": ","}, "AWE_ENCRYPTION_KEYS is a development value or empty"),
        ({"AWE_ENCRYPTION_KEYS": "development-only-x"}, "AWE_ENCRYPTION_KEYS is a development value"),
        ({"AWE_ENCRYPTION_KEYS": f"{FERNET_KEY},hunter2"}, "AWE_ENCRYPTION_KEYS holds a key that is not 32"),
        ({"DJANGO_DEBUG": "on"}, "DJANGO_DEBUG is on"),
        ({"DJANGO_ALLOWED_HOSTS": ""}, "DJANGO_ALLOWED_HOSTS is empty"),
        ({"DJANGO_ALLOWED_HOSTS": "*"}, "DJANGO_ALLOWED_HOSTS is empty or holds *"),
        ({"DJANGO_ALLOWED_HOSTS": "a.example,*.example"}, "DJANGO_ALLOWED_HOSTS is empty or holds *"),
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set"),
        ({"REDIS_URL": ""}, "REDIS_URL is not set"),
        ({"AWE_ENV": "prod"}, "AWE_ENV must be production or development"),
        ({"DJANGO_SECRET_KEY_FILE": "/nowhere/at/all"}, "DJANGO_SECRET_KEY_FILE names a file that cannot be read"),
    ],
)
def test_production_refuses_to_start_with_what_is_unfit(variables: dict[str, str], told: str) -> None:
    done = manage("check", **FIT | variables)
    assert done.returncode != 0
    assert told in done.stderr
    for secret in ("hunter2", "short", FIT["DJANGO_SECRET_KEY"], FERNET_KEY):
        assert secret not in done.stderr.replace("or shorter", "")


def test_every_problem_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWE_ENV", "production")
    with pytest.raises(ImproperlyConfigured) as refused:
        refuse_development_values(secret_key="x", encryption_keys=[], debug=True, hosts=["*"])
    assert str(refused.value).count(";") == 3


def test_development_starts_with_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWE_ENV", "development")
    refuse_development_values(secret_key="x", encryption_keys=[], debug=True, hosts=["*"])
    assert manage("check", AWE_ENV="development").returncode == 0


def test_secrets_come_from_files_without_their_line_end(tmp_path: Path) -> None:
    files = {}
    for name, value in FIT.items():
        path = tmp_path / name
        path.write_text(f"{value}\n")
        files[f"{name}_FILE"] = str(path)
    show = "from django.conf import settings as s; print(repr((s.SECRET_KEY, s.DATABASES['default']['NAME'])))"
    done = manage("shell", "-c", show, **files)
    assert done.stdout.strip().endswith(repr((FIT["DJANGO_SECRET_KEY"], "awe_incidents"))), done.stderr


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Variables read anew, since files are remembered."""
    monkeypatch.setattr(configuration.env, "ENVIRON", configuration.Variables())
    monkeypatch.setenv("AWE_ENV", "production")
    return monkeypatch


@pytest.mark.parametrize("secret", ["$tarts-like-a-variable", "with#hash", "with space", 'quo"te', "a=b", "ünïcode"])
def test_a_secret_may_hold_any_character(variables: pytest.MonkeyPatch, tmp_path: Path, secret: str) -> None:
    variables.setenv("SOME_SECRET", secret)
    assert required("SOME_SECRET") == secret
    variables.delenv("SOME_SECRET")
    path = tmp_path / "secret"
    path.write_text(f"{secret}\r\n", encoding="utf-8")
    variables.setenv("SOME_SECRET_FILE", str(path))
    assert required("SOME_SECRET") == secret


def test_a_file_counts_more_than_a_variable(variables: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("from the file")
    variables.setenv("SOME_SECRET", "from the variable")
    variables.setenv("SOME_SECRET_FILE", str(path))
    assert required("SOME_SECRET") == "from the file"


def test_a_file_that_cannot_be_read_is_named_by_its_variable(variables: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        variables.setenv("SOME_SECRET_FILE", str(path))
        with pytest.raises(ImproperlyConfigured, match="SOME_SECRET_FILE names a file that cannot be read"):
            required("SOME_SECRET")


def test_a_default_is_for_development_only(variables: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured, match="SOME_SECRET_FILE"):
        required("SOME_SECRET", development="fallback")
    variables.setenv("AWE_ENV", "development")
    assert required("SOME_SECRET", development="fallback") == "fallback"
    with pytest.raises(ImproperlyConfigured):
        required("SOME_SECRET")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/3"),
        ("redis://:p%40ss@h:1", "redis://:p%40ss@h:1/3"),
        ("rediss://u:p@h:1/0?ssl_cert_reqs=required", "rediss://u:p@h:1/3?ssl_cert_reqs=required"),
    ],
)
def test_another_redis_database_keeps_the_rest(url: str, expected: str) -> None:
    assert redis_with_database(url, 3) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", MailServer()),
        ("smtp://mail.example.org", MailServer("mail.example.org")),
        ("smtp://127.0.0.1:2525", MailServer("127.0.0.1", 2525)),
        ("smtp://awe:p%40ss@localhost", MailServer("localhost", 25, "awe", "p@ss")),
        ("smtp+tls://awe:p@mail.example.org", MailServer("mail.example.org", 587, "awe", "p", True)),
        ("smtps://awe:p@mail.example.org", MailServer("mail.example.org", 465, "awe", "p", False, True)),
    ],
)
def test_a_mail_server_is_read_from_its_address(
    text: str, expected: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "A_MAIL_SERVER", text)
    assert mail_server("A_MAIL_SERVER") == expected


@pytest.mark.parametrize(
    "text", ["mail.example.org", "http://mail.example.org", "smtp://", "smtps://u:geheim@h:port", "smtp://u:geheim@far"]
)
def test_a_mail_server_that_cannot_be_used_is_refused_without_its_password(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "A_MAIL_SERVER", text)
    with pytest.raises(ImproperlyConfigured, match="A_MAIL_SERVER") as refused:
        mail_server("A_MAIL_SERVER")
    assert "geheim" not in str(refused.value)


def test_mail_takes_a_sender_and_where_its_links_lead() -> None:
    told = manage("check", **FIT, AWE_MAIL_SERVER="smtps://mail.example.org")
    assert told.returncode != 0
    assert "AWE_MAIL_SERVER takes AWE_MAIL_FROM and AWE_PUBLIC_URL beside it" in told.stderr
    whole = {"AWE_MAIL_FROM": "awe@example.org", "AWE_PUBLIC_URL": "https://incidents.example/"}
    assert manage("check", **FIT, AWE_MAIL_SERVER="smtps://mail.example.org", **whole).returncode == 0


@pytest.mark.parametrize("text", ["incidents.example", "ftp://incidents.example", "https://", "https://a.example/b"])
def test_the_public_address_has_scheme_and_host_alone(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "A_URL", text)
    with pytest.raises(ImproperlyConfigured, match="A_URL"):
        public_url("A_URL")
