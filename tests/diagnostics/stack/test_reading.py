"""Reading a stack.toml: the typed form, and messages that name line and key and never a value."""

from __future__ import annotations

import contextlib
import itertools
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diagnostics.stack import (
    Accounts,
    Backups,
    Migrations,
    ModelProvider,
    Monitor,
    Pooler,
    Schedule,
    SecretReference,
    SessionCookie,
    StackInvalid,
    parse_document,
    parse_toml,
    read_stack,
)
from diagnostics.stack.errors import Problem

SECRET = "hunter2-in-the-wrong-place"
FULL = """\
schema = 1
name = "corner-shop"
environment = "Staging"
vantage = "process"
root = "shop"
description = "A shop."

[host]
paths = ["data", "/var/backups"]

[[emergency_contacts]]
name = "Owner"
contact = "tel:+31-20-1234567"
role = "first"

[services.till]
role = "api"
supervised = true
pid_file = "run/till.pid"
log_files = ["log/till.log", "/var/log/till.log"]
listens = ["127.0.0.1:8443", "[::1]:8443"]
files = ["till.toml"]
required_environment = ["SIGNING_KEY"]
default_values = ["sha256:5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"]
depends_on = ["ledger"]

[services.ledger]
role = "database"

[services.runner]
role = "worker"

[services.box]
role = "queue"

[endpoints.public]
service = "till"
url = "https://shop.example:8443/"
names = ["shop.example"]
tls = "public"

[tls.public]
ca = "certs/ca.crt"
server_certificate = "certs/server.crt"

[databases.books]
service = "ledger"
host = "127.0.0.1"
port = 5432
dbname = "books"
user = "clerk"
password = "file:secrets/books"
programs = "bin"

[databases.books.monitor]
user = "watcher"
password = "env:WATCHER_PASSWORD"

[databases.books.pooler]
service = "ledger"
host = "127.0.0.1"
port = 6432
admin_user = "watcher"
admin_password = "env:CONSOLE_PASSWORD"

[databases.books.migrations]
directories = ["migrations/versions"]

[databases.books.backups]
directory = "/backup"
every_hours = 6

[login]
endpoint = "public"
username = "tester"
password = "env:TESTER_PASSWORD"

[tokens]
algorithms = ["HS256"]
keys = [
    { service = "till", environment_variable = "SIGNING_KEY", environment_file = "till.env" },
    { service = "runner", value = "db:signing-key" },
]

[queue]
service = "box"
adapter = "redis-list"
host = "127.0.0.1"
port = 6379
worker_service = "runner"
pending = ["letters"]
urls = [{ service = "runner", environment_variable = "BROKER" }]
expected_tasks = ["deliver"]

[agents]
database = "books"

[agents.heartbeats]
table = "staff.clerks"
at = "seen at"

[agents.runs]
table = "errands"
failed = ["lost"]

[accounts]
database = "books"
table = "people.staff"
must_change = "has to choose"

[tools.courier]
service = "runner"
environment_variable = "COURIER_URL"

[model_providers.oracle]
service = "runner"
url = "https://models.example/v1/"
key = "env:ORACLE_KEY"
key_header = "x-api-key"
headers = { "api-version" = "2026-01-01" }
tls = "public"

[oauth]
issuer = "https://login.example/realms/shop"
tls = "public"
cookies = [{ name = "till", same_site = "lax" }]

[security_log]
files = ["log/audit.log"]
service = "till"

[dns]
resolvers = ["127.0.0.11", "[::1]:5353"]
[dns.expected]
"Shop.example" = ["10.0.0.7"]

[logs]
window_minutes = 30

[schedule]
every_minutes = 5

[issue_tracker]
github = "corner/shop"

[thresholds."agents.workers_and_queues"]
stall_seconds = 5
"""


def problems(text: str, folder: Path) -> list[Problem]:
    with pytest.raises(StackInvalid) as invalid:
        parse_toml(text, folder=folder)
    return list(invalid.value.problems)


def only_problem(text: str, folder: Path) -> Problem:
    (problem,) = problems(text, folder)
    return problem


def line_of(text: str, start: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if line.startswith(start))


def test_a_full_description_becomes_typed(tmp_path: Path) -> None:
    stack = parse_toml(FULL, folder=tmp_path)
    root = tmp_path / "shop"
    assert (stack.name, stack.environment, stack.root) == ("corner-shop", "Staging", root)
    till = stack.services["till"]
    assert till.pid_file == root / "run/till.pid"
    assert till.log_files == (root / "log/till.log", Path("/var/log/till.log"))
    assert till.listens == (("127.0.0.1", 8443), ("::1", 8443))
    assert till.required_environment == ("SIGNING_KEY",)
    assert len(till.default_values) == 1
    assert till.files == (root / "till.toml",)
    assert stack.host is not None
    assert stack.host.paths == (root / "data", Path("/var/backups"))
    assert stack.endpoints["public"].url == "https://shop.example:8443"
    assert stack.tls["public"].ca == root / "certs/ca.crt"
    assert stack.databases["books"].password == SecretReference("file", "secrets/books")
    assert stack.databases["books"].programs == root / "bin"
    assert stack.databases["books"].monitor == Monitor(
        user="watcher", password=SecretReference("env", "WATCHER_PASSWORD")
    )
    assert stack.databases["books"].pooler == Pooler(
        service="ledger",
        host="127.0.0.1",
        port=6432,
        admin_user="watcher",
        admin_password=SecretReference("env", "CONSOLE_PASSWORD"),
    )
    assert stack.databases["books"].migrations == Migrations(directories=(tmp_path / "shop" / "migrations/versions",))
    assert stack.databases["books"].backups == Backups(directory=Path("/backup"), every_hours=6)
    assert stack.tokens is not None
    assert [key.service for key in stack.tokens.keys] == ["till", "runner"]
    assert [key.environment_file for key in stack.tokens.keys] == [root / "till.env", None]
    assert stack.accounts == Accounts(database="books", table="people.staff", must_change="has to choose")
    assert [one.supervised for one in stack.services.values()].count(True) == 1
    assert stack.queue is not None
    assert stack.queue.pending == ("letters",)
    assert stack.oauth is not None
    assert stack.oauth.cookies == (SessionCookie(name="till", secure=True, http_only=True, same_site="lax"),)
    assert stack.security_log is not None
    assert stack.security_log.files == (root / "log/audit.log",)
    assert stack.dns.resolvers == ("127.0.0.11", "[::1]:5353")
    assert stack.dns.expected == {"shop.example": ("10.0.0.7",)}
    assert stack.queue.expected_tasks == ("deliver",)
    assert stack.agents is not None
    assert stack.agents.heartbeats is not None
    assert (stack.agents.heartbeats.table, stack.agents.heartbeats.at) == ("staff.clerks", "seen at")
    assert stack.agents.runs is not None
    assert stack.agents.runs.failed == ("lost",)
    assert stack.tools["courier"].environment_variable == "COURIER_URL"
    assert stack.model_providers["oracle"] == ModelProvider(
        name="oracle",
        service="runner",
        url="https://models.example/v1",
        key=SecretReference("env", "ORACLE_KEY"),
        key_header="x-api-key",
        headers={"api-version": "2026-01-01"},
        tls="public",
    )
    assert [(one.service, one.environment_variable) for one in stack.queue.urls] == [("runner", "BROKER")]
    assert stack.thresholds["agents.workers_and_queues"]["stall_seconds"] == 5
    assert stack.emergency_contacts[0].contact == "tel:+31-20-1234567"
    assert stack.issue_tracker is not None
    assert stack.issue_tracker.address == "https://github.com/corner/shop"
    assert stack.schedule == Schedule(every_minutes=5, suite="health", open_incidents=True, keep_days=14)


@pytest.mark.parametrize(
    "github",
    ["shop", "http://github.example/a/b", "javascript:alert(1)//a/b", "https://a:b@github.example/a/b", "a/b/c"],
)
def test_an_issue_tracker_is_a_repository(tmp_path: Path, github: str) -> None:
    problem = only_problem(FULL.replace("corner/shop", github), tmp_path)
    assert problem.key == "issue_tracker.github"
    assert "does not have the form" in problem.message


def test_every_secret_reference_is_known_for_removal_by_value(tmp_path: Path) -> None:
    references = {str(one) for one in parse_toml(FULL, folder=tmp_path).secret_references()}
    assert references == {
        "file:secrets/books",
        "env:WATCHER_PASSWORD",
        "env:CONSOLE_PASSWORD",
        "env:TESTER_PASSWORD",
        "db:signing-key",
        "env:ORACLE_KEY",
    }


def test_what_is_stored_gives_the_same_stack_again(tmp_path: Path) -> None:
    stack = parse_toml(FULL, folder=tmp_path)
    assert parse_document(stack.document) == stack


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ('role = "database"', 'role = "butler"', "services.ledger.role", "must be one of api, worker"),
        ("every_minutes = 5", "every_minutes = 0", "schedule.every_minutes", "must be at least 1"),
        ('[accounts]\ndatabase = "books"', '[accounts]\ndatabase = "gone"', "accounts.database", "no [databases.gone]"),
        ('"people.staff"', '"a.b.c"', "accounts.table", "form"),
        ('value = "db:signing-key"', 'value = "db:k", environment_file = "x"', "tokens.keys.1", "environment_variable"),
        ("every_minutes = 5", "every_minutes = 10081", "schedule.every_minutes", "must be at most 10080"),
        ("every_minutes = 5", "every_minutes = 1.5", "schedule.every_minutes", "type integer"),
        ("every_minutes = 5", 'every_minutes = "5m"', "schedule.every_minutes", "type integer"),
        ("every_minutes = 5", "", "schedule", "missing: every_minutes"),
        ("every_minutes = 5", 'every_minutes = 5\nsuite = "quick"', "schedule.suite", "must be one of health, ssl"),
        ("every_minutes = 5", "every_minutes = 5\nkeep_days = 0", "schedule.keep_days", "at least 1"),
        ('environment = "Staging"', 'environment = "Moon"', "environment", "Development, Staging, Production"),
        ('issuer = "https://login', 'issuer = "ldap://login', "oauth.issuer", "form"),
        ('issuer = "https://login.example/realms/shop"\n', "", "oauth", "issuer = ... or discovery_url"),
        ('tls = "public"\ncookies', 'tls = "secret"\ncookies', "oauth.tls", "no [tls.secret]"),
        ('"till", same_site = "lax"', '"till", same_site = "some"', "oauth.cookies.0.same_site", "strict, lax, none"),
        ('service = "till"\n\n[dns]', 'service = "tilt"\n\n[dns]', "security_log.service", "tilt"),
        ('files = ["log/audit.log"]\nservice = "till"\n', "", "security_log", "names the files"),
        ('"127.0.0.11"', '"ns.shop.example"', "dns.resolvers.0", "form"),
        (
            'service = "ledger"\nhost = "127.0.0.1"\nport = 6432',
            'service = "gone"\nhost = "h"\nport = 1',
            "databases.books.pooler.service",
            "no service gone",
        ),
        ("port = 5432", "port = 70000", "databases.books.port", "at most 65535"),
        ("port = 5432", 'port = "5432"', "databases.books.port", "integer"),
        ('host = "127.0.0.1"\nport = 5432', "port = 5432", "databases.books", "missing: host"),
        ("pid_file =", "pidfile =", "services.till", "unknown key pidfile; known are"),
        ('contact = "tel:', 'contact = "phone:', "emergency_contacts.0.contact", "form"),
        ('adapter = "redis-list"', 'adapter = "kafka"', "queue.adapter", "redis-list, celery"),
        ('url = "https://', 'url = "gopher://', "endpoints.public.url", "form"),
        ('listens = ["127.0.0.1:8443"', 'listens = ["8443"', "services.till.listens.0", "form"),
        ('name = "corner-shop"', 'name = "Corner Shop"', "name", "form"),
        ("window_minutes = 30", "window_minutes = 0", "logs.window_minutes", "at least 1"),
        ("stall_seconds = 5", "stall_seconds = -1", "thresholds.agents.workers_and_queues.stall_seconds", "at least 0"),
        ('depends_on = ["ledger"]', 'depends_on = ["nobody"]', "services.till.depends_on.0", "no service nobody"),
        ('urls = [{ service = "runner"', 'urls = [{ service = "nob"', "queue.urls.0.service", "no service nob"),
        ('database = "books"', 'database = "none"', "agents.database", "no [databases.none]"),
        ('table = "staff.clerks"', 'table = "a.b.c"', "agents.heartbeats.table", "form"),
        ('environment_variable = "COU', 'url = "http://a"\nenvironment_variable = "COU', "tools.courier", "not both"),
        ('key = "env:ORACLE_KEY"', 'key = "sk-1"', "model_providers.oracle.key", "only as a reference"),
        ('key_header = "x-api-key"', 'key_header = "x: y"', "model_providers.oracle.key_header", "form"),
        ('headers = { "api-version"', 'headers = { "api version"', "model_providers.oracle.headers", "form"),
        ('tls = "public"\n\n[oauth]', 'tls = "none"\n\n[oauth]', "model_providers.oracle.tls", "no [tls.none]"),
        ('service = "runner"\nurl', 'service = "nobody"\nurl', "model_providers.oracle.service", "no service nobody"),
        ('service = "box"', 'service = "nobody"', "queue.service", "known are box, ledger, runner, till"),
        ('tls = "public"', 'tls = "private"', "endpoints.public.tls", "no [tls.private]"),
        ('tls = "public"\n', "\n", "endpoints.public", "names its [tls.*]"),
        ('endpoint = "public"', 'endpoint = "private"', "login.endpoint", "no [endpoints.private]"),
        ('pending = ["letters"]', "", "queue", "pending"),
        (
            'required_environment = ["SIGNING',
            'required_environment = ["SIG=',
            "services.till.required_environment.0",
            "form",
        ),
        ('default_values = ["sha256:', 'default_values = ["md5:', "services.till.default_values.0", "form"),
        ('vantage = "process"', 'vantage = "container"', "vantage", "[engine]"),
    ],
)
def test_each_mistake_is_told_with_its_key_and_line(tmp_path: Path, old: str, new: str, key: str, says: str) -> None:
    assert FULL.count(old) >= 1
    problem = only_problem(FULL.replace(old, new, 1), tmp_path)
    assert problem.key == key
    assert says in problem.message
    assert problem.line is not None
    assert f"line {problem.line}, {key}: " in str(problem)


def test_the_line_is_that_of_the_key_itself(tmp_path: Path) -> None:
    text = FULL.replace("port = 5432", "port = 70000")
    assert only_problem(text, tmp_path).line == line_of(text, "port = 70000")
    text = FULL.replace('adapter = "redis-list"', 'adapter = "kafka"')
    assert only_problem(text, tmp_path).line == line_of(text, "adapter")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = FULL.replace('role = "database"', 'role = "butler"').replace("port = 5432", "port = 0")
    assert {one.key for one in problems(text, tmp_path)} == {"services.ledger.role", "databases.books.port"}


SECRET_PLACES = (
    'password = "file:secrets/books"',
    'password = "env:TESTER_PASSWORD"',
    'value = "db:signing-key"',
)


@pytest.mark.parametrize("place", SECRET_PLACES)
def test_a_secret_in_plain_text_is_refused_and_not_echoed(tmp_path: Path, place: str) -> None:
    key = place.partition(" ")[0]
    with pytest.raises(StackInvalid) as invalid:
        parse_toml(FULL.replace(place, f'{key} = "{SECRET}"'), folder=tmp_path)
    assert SECRET not in str(invalid.value)
    assert SECRET not in repr(invalid.value)
    assert "only as a reference: env:NAME, file:PATH or db:NAME" in str(invalid.value)


def leaves() -> list[str]:
    """Give every line that sets one value, as the places where somebody may paste a secret."""
    return [line for line in FULL.splitlines() if " = " in line and not line.endswith(("[", ","))]


@pytest.mark.parametrize("line", leaves())
def test_no_message_echoes_a_value_wherever_it_stands(tmp_path: Path, line: str) -> None:
    key = line.partition(" = ")[0]
    for value in (f'"{SECRET}"', f'["{SECRET}"]', f'{{ x = "{SECRET}" }}', "12345678987654321"):
        text = FULL.replace(line, f"{key} = {value}")
        try:
            parse_toml(text, folder=tmp_path)
        except StackInvalid as invalid:
            told = str(invalid)
            names = "no service", "no [tls.", "no [endpoints.", "no [databases."
            assert (SECRET not in told and "12345678987654321" not in told) or any(name in told for name in names)


def test_a_key_of_both_kinds_is_refused(tmp_path: Path) -> None:
    text = FULL.replace('value = "db:signing-key"', 'value = "db:signing-key", environment_variable = "X"')
    assert "exactly one of environment_variable and value" in only_problem(text, tmp_path).message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "missing: schema"),
        (b"= nonsense", "not valid TOML"),
        (b"name = 'a'\nname = 'b'", "not valid TOML"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"a" * 1_000_001, "larger than"),
        (b"schema = 2\n", "const 1"),
    ],
)
def test_files_that_are_no_description_are_refused_plainly(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "stack.toml"
    path.write_bytes(content)
    with pytest.raises(StackInvalid, match=says.replace("[", r"\[")):
        read_stack(path)


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.toml", tmp_path):
        with pytest.raises(StackInvalid, match=r"cannot read|not a regular file"):
            read_stack(path)


def test_a_secret_inside_of_broken_toml_is_not_echoed(tmp_path: Path) -> None:
    for text in (f'password = "{SECRET}', f"password = {SECRET}", f'[login]\npassword = "{SECRET}" junk'):
        with pytest.raises(StackInvalid) as invalid:
            parse_toml(text, folder=tmp_path)
        assert SECRET not in str(invalid.value)


def test_relative_paths_start_at_the_files_own_folder(tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text(FULL.replace('root = "shop"\n', ""))
    before = Path.cwd()
    os.chdir("/")
    try:
        assert read_stack(tmp_path / "stack.toml").tls["public"].ca == tmp_path / "certs/ca.crt"
    finally:
        os.chdir(before)


lines = FULL.splitlines(keepends=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.integers(0, len(lines) - 1), max_size=6), st.integers(0, len(lines) - 1), st.text(max_size=8))
def test_no_damage_to_a_description_is_more_than_a_refusal(
    tmp_path: Path, dropped: set[int], where: int, inserted: str
) -> None:
    kept = [line for number, line in enumerate(lines) if number not in dropped]
    text = "".join(itertools.chain(kept[:where], [inserted], kept[where:]))
    with contextlib.suppress(StackInvalid):
        parse_toml(text, folder=tmp_path)
