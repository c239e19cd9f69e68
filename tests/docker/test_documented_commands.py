"""The commands that the documentation tells people to type, typed: those that only read, in a project directory.

There is no terminal here, so docker-compose gets `exec -T` (with one, psql would page what is wide, and wait). Names of
services and the port are those of the deployment of these tests; everything else is as it is written.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from deploy.awe.compose import ComposeStack, Names
from diagnostics.checks.registry import all_checks

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CHECKOUT = Path(__file__).parents[2]
HOW_TO = (CHECKOUT / "docs" / "how-to.md").read_text().replace(r"\|", "|")  # in the cells of a table
FILES = "--cacert certs/ca/ca.crt --cert certs/client/client.crt --key certs/client/client.key"
IN_DATABASE = "docker-compose exec database psql -U postgres -d ai_workflow_engine"
ACTIVITY = "SELECT pid, state, application_name, query FROM pg_stat_activity"
ALL_SESSIONS = "SELECT * FROM pg_stat_activity"
STATEMENTS = "SELECT calls, mean_exec_time, query FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT 10"
HEALTHY = r'"status":\s*"ok"'
CHAIN = "openssl s_client -connect localhost:8443 -showcerts"
# Of the troubleshooting guide, which docs/how-to.md says work in the project directory as they are written.
GUIDE = {
    "docker-compose ps": r"Up \(healthy\)",
    "docker-compose logs api": r"INFO api",
    'docker-compose logs api | grep "auth"': r"auth login ok",
    'docker-compose exec database psql -U postgres -d ai_workflow_engine -c "SELECT 1;"': r"\(1 row\)",
    'docker-compose exec pgbouncer psql -h localhost -p 6432 -U postgres -d pgbouncer -c "SHOW POOLS;"': r"cl_waiting",
    "docker-compose exec api alembic current": r"\(head\)",
    "docker-compose exec api alembic history": r"<base> -> ",
    "docker-compose exec -T database pg_isready -U postgres": r"accepting connections",
    "docker-compose exec api cat /var/log/security_audit.log": r'"event": "login_ok"',
    "openssl x509 -in certs/server/server.crt -text -noout": r"Subject Alternative Name",
    "openssl x509 -in certs/client/client.crt -noout -dates": r"notAfter=",
    "openssl verify -CAfile certs/ca/ca.crt certs/server/server.crt": r"server\.crt: OK",
    CHAIN: r"BEGIN CERTIFICATE",
    "openssl s_client -connect localhost:8443 -cert certs/client/client.crt -key certs/client/client.key": r"TLSv1\.3",
    f"curl -v {FILES} https://localhost:8443/health": HEALTHY,
    "openssl rand -base64 32": r"[A-Za-z0-9+/]{43}=",
    "./scripts/validate_ssl_configuration.sh": r"ssl\.mtls_handshake",
    "./scripts/test_database_connection.sh": r"database\.postgres_pooled",
}
# What docs/how-to.md gives instead of those that cannot work: each piece stands there.
INSTEAD = {
    "sessions": (f"{IN_DATABASE} -c '{ACTIVITY}'", r"application_name"),
    "statements": (f"{IN_DATABASE} -c '{STATEMENTS}'", r"mean_exec_time"),
    "health": (f"curl -s --fail {FILES} https://localhost:8443/health", HEALTHY),
    "timing": (
        f'curl -w "@curl-format.txt" -s -o /dev/null {FILES} https://localhost:8443/health',
        r"time_total: +(0\.0*[1-9]|[1-9])(.|\n)*http_code: +200",
    ),
}
PIECES = (f"{IN_DATABASE} -c '{ACTIVITY}'", f"-c '{STATEMENTS}'", FILES, "`--fail`")
# As the guide writes them, and how docs/how-to.md says that they fail.
CANNOT_WORK = {
    "docker-compose exec database pg_stat_activity": (None, r"executable file not found in \$PATH"),
    "docker-compose exec database pg_stat_statements": (None, r"executable file not found in \$PATH"),
    "curl -k -X POST https://localhost:8443/auth/login": (56, r"alert bad certificate"),
    "curl -k -s https://localhost:8443/health": (56, r"\A\Z"),
    'curl -w "@curl-format.txt" -s -o /dev/null https://localhost:8443/health': (
        60,
        r"time_connect: +0\.0+s\n *time_appconnect: +0\.0+s\n *time_starttransfer: +0\.0+s",
    ),
    "echo $jwt_token | base64 -d": (1, r"invalid input"),
}


def typed(lab: ComposeStack, command: str, **variables: str) -> tuple[int, str]:
    """Type a command in the project directory, and give its exit code and what is shown."""
    here = command.replace("8443", str(lab.settings.port))
    here = re.sub(r"docker-compose exec (?!-T)", "docker-compose exec -T ", here)
    for role, name in asdict(lab.settings.names).items():
        here = re.sub(rf"(docker-compose (?:exec(?: -T)?|logs(?: -f)?) ){role}\b", rf"\g<1>{name}", here)
    done = subprocess.run(
        ["bash", "-c", here],
        cwd=lab.root,
        env={
            "PATH": f"{CHECKOUT / '.venv' / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(CHECKOUT),
            "HOME": str(lab.root),
            "DOCKER_HOST": lab.host,
            **variables,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("command", GUIDE)
def test_what_the_guide_writes_and_is_said_to_work_does(command: str, lab: ComposeStack) -> None:
    lab.token()  # a login, of which some of them tell
    code, shown = typed(lab, command)
    assert re.search(GUIDE[command], shown), shown[-2000:]
    assert code == 0 or (command == CHAIN and "alert bad certificate" in shown)  # it has no client certificate


@pytest.mark.parametrize("what", INSTEAD)
def test_what_is_written_instead_works(what: str, lab: ComposeStack) -> None:
    command, shows = INSTEAD[what]
    code, shown = typed(lab, command)
    assert re.search(shows, shown), shown[-2000:]
    assert code == 0


def test_what_is_typed_here_is_what_is_written_there() -> None:
    assert [piece for piece in PIECES if piece not in HOW_TO] == []
    assert [command for command in CANNOT_WORK if f"`{command}" not in HOW_TO] == []


@pytest.mark.parametrize("command", CANNOT_WORK)
def test_what_cannot_work_fails_as_is_said(command: str, lab: ComposeStack) -> None:
    code, says = CANNOT_WORK[command]
    ended, shown = typed(lab, command, jwt_token=lab.token())
    assert re.search(says, shown), shown[-2000:]
    assert ended == code if code is not None else ended != 0


@pytest.mark.parametrize(
    ("slug", "command", "instead", "shows"),
    [
        (
            "database.blockers",
            f"psql -c '{ALL_SESSIONS}'",
            f"{IN_DATABASE} -c '{ALL_SESSIONS}'",
            "backend_type",
        ),
        (
            "database.pools",
            'psql -U postgres -d pgbouncer -c "SHOW POOLS;"',
            'docker-compose exec pgbouncer psql -h localhost -p 6432 -U postgres -d pgbouncer -c "SHOW POOLS;"',
            "cl_waiting",
        ),
        (
            "database.backups",
            "pg_restore --list",
            "docker-compose exec database pg_restore --list /backup/latest.sql",
            "Format: CUSTOM",
        ),
    ],
)
def test_the_commands_of_checks_pages_work(
    slug: str, command: str, instead: str, shows: str, lab: ComposeStack
) -> None:
    page = inspect.getdoc(inspect.getmodule(all_checks()[slug])) or ""
    assert command in " ".join(page.split())
    code, shown = typed(lab, instead)
    assert re.search(shows, shown), shown[-2000:]
    assert code == 0


def test_looking_without_the_service_is_healthy_and_can_be_compared_later(lab: ComposeStack, tmp_path: Path) -> None:
    commands = (
        "python -m diagnostics stack.toml --suite ssl",
        "python -m diagnostics stack.toml --json > good.json",
        "python -m diagnostics stack.toml --before good.json",
    )
    assert [command for command in commands if command not in HOW_TO] == []
    first, second, third = (
        typed(lab, command.replace("good.json", str(tmp_path / "good.json"))) for command in commands
    )
    assert (first[0], second[0], third[0]) == (0, 0, 0), (first[1], third[1])
    assert "ssl.mtls_handshake" in first[1]
    assert json.loads((tmp_path / "good.json").read_text())["verdict"] == "healthy"


def test_the_log_of_a_container_is_followed_by_compose_and_not_by_us(lab: ComposeStack) -> None:
    assert "`docker-compose logs -f SERVICE` follows it" in HOW_TO
    code, shown = typed(lab, "timeout 5 docker-compose logs -f api")
    assert (code, "INFO api" in shown) == (124, True)
    code, shown = typed(lab, f"python -m diagnostics logs stack.toml {lab.settings.names.api}")
    assert code != 0
    assert "log_files" in shown


def test_a_log_of_the_deployment_is_redacted(lab: ComposeStack, tmp_path: Path) -> None:
    assert "manage.py redact < api.log > api.redacted.log" in HOW_TO
    token = lab.token()
    log, redacted = tmp_path / "api.log", tmp_path / "api.redacted.log"
    log.write_bytes(lab.container(lab.settings.names.api).logs(tail=50) + f"Authorization: Bearer {token}\n".encode())
    command = f"python {CHECKOUT}/manage.py redact < {log} > {redacted}"
    code, shown = typed(lab, command, AWE_ENV="development", AWE_DB_POOL="0")
    assert code == 0, shown
    assert token in log.read_text()
    assert token not in redacted.read_text()
    assert "INFO api" in redacted.read_text()
    assert re.search(r"\b1\b", shown)


def test_every_service_of_the_deployment_has_a_name_of_its_own(lab: ComposeStack) -> None:
    assert not set(asdict(lab.settings.names).values()) & set(asdict(Names()).values())  # else nothing is replaced
