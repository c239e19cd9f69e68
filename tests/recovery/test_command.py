"""`manage.py recovery` as a person types it: by token and password, through the operations, with exit codes."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Scope
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.queries import attachment_content
from awe_incidents.recovery.journal import Journal, Line
from awe_incidents.recovery.models import ManualAction, RecoveryRequest
from awe_incidents.recovery.operations.claiming import claim_execution
from awe_incidents.recovery.queries import manual_attachments
from tests import pictures
from tests.api.conftest import token_of
from tests.recovery.conftest import World
from tests.recovery.test_freezes import freeze

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "a-long-password-of-a-test"


class Shell:
    """Types for people; each has a token in a file of their own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch

    def token_file(self, person: User, *, scopes: list[Scope] | None = None) -> Path:
        path = self.folder / f"{person.username}.token"
        path.touch(mode=0o600)
        path.write_text(token_of(person, scopes=scopes) + "\n")
        return path

    def __call__(self, person: User, *argv: str, typed: str = "") -> str:
        return self.typed(*argv, "--token-file", str(self.token_file(person)), typed=typed)

    def typed(self, *argv: str, typed: str = "") -> str:
        self.monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        out = io.StringIO()
        call_command("recovery", *argv, stdout=out)
        return out.getvalue()

    def refused(self, person: User, *argv: str, code: int, typed: str = "") -> str:
        with pytest.raises(CommandError) as refused:
            self(person, *argv, typed=typed)
        assert refused.value.returncode == code, refused.value
        return str(refused.value)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    folder = tmp_path / "tokens"
    folder.mkdir()
    return Shell(folder, monkeypatch)


@pytest.fixture
def approver(approver: User) -> User:
    """The approver, with a password."""
    approver.set_password(PASSWORD)
    approver.save()
    return approver


REQUEST = ("request", "plain", "test.write", "file=target", "lines=2", "--because", "it is broken")


def asked(shell: Shell, operator: User) -> RecoveryRequest:
    shell(operator, *REQUEST)
    return RecoveryRequest.objects.latest("pk")


def test_the_whole_way_without_web_and_worker(
    world: World, shell: Shell, operator: User, approver: User, signed_trail: None
) -> None:
    assert "test.write" in shell(operator, "actions")
    plan = shell(operator, "plan", "plain", "test.write", "file=target")
    assert "needs 1 approval(s)" in plan
    assert "way back    remove the lines" in plan
    request = asked(shell, operator)
    assert request.requester_token
    waiting = shell(approver, "status", "--waiting")
    assert waiting == f"request {request.pk}: test.write on stack plain: pending_approval\n"
    approved = shell(
        approver, "approve", str(request.pk), "--digest", request.terms.digest, "--because", "I looked", typed=PASSWORD
    )
    assert "execution   queued" in approved
    told = shell(operator, "execute", str(request.pk))
    assert "line-1: wrote line 1" in told
    assert "line-2: wrote line 2" in told
    assert told.rstrip().endswith("is succeeded, effect whole: 2 lines")
    assert len(world.lines()) == 2
    shown = json.loads(shell(operator, "status", str(request.pk), "--json"))
    assert (shown["state"], shown["execution"]["state"]) == ("done", "succeeded")
    assert [one["state"] for one in shown["execution"]["steps"]] == ["done", "done"]
    events = [json.loads(line) for line in shell(operator, "follow", str(request.pk), "--json").splitlines()]
    assert [one["event"] for one in events] == ["output", "output", "state"]
    by_hand = Entry.objects.get(verb="execution:called_by_hand")
    assert by_hand.actor == f"user:{operator.pk}"
    assert Entry.objects.filter(verb="user:reauthenticated", actor=f"user:{approver.pk}").count() == 1
    assert "nothing to start" in shell.refused(operator, "execute", str(request.pk), code=1)


def test_an_execution_that_fails_is_told_by_the_exit_code(
    world: World, shell: Shell, operator: User, signed_trail: None
) -> None:
    shell(operator, "request", "plain", "test.write_at_once", "file=target", "mood=refuses", "--because", "x")
    request = RecoveryRequest.objects.get()
    assert "is failed" in shell.refused(operator, "execute", str(request.pk), code=5)


def test_what_waits_for_a_freeze_is_not_started_here_either(world: World, shell: Shell, operator: User) -> None:
    frozen = freeze(world)
    shell(operator, "request", "plain", "test.write_at_once", "file=target", "--because", "x")
    request = RecoveryRequest.objects.get()
    assert "the stack is frozen until" in shell.refused(operator, "execute", str(request.pk), code=1)
    assert f"freeze {frozen.pk} of stack plain: everything" in shell(operator, "times")
    assert "WAITS       the stack is frozen" in shell(operator, "status", str(request.pk))
    shell(operator, "lift", str(frozen.pk), "--because", "it is over")
    assert "WAITS" not in shell(operator, "status", str(request.pk))


def test_what_a_lost_worker_did_is_found_out_here(world: World, shell: Shell, operator: User) -> None:
    shell(operator, "request", "plain", "test.write_at_once", "file=target", "--because", "x")
    request = RecoveryRequest.objects.get()
    assert "its outcome is not unknown" in shell.refused(operator, "probe", str(request.pk), code=1)
    claim_execution(execution_id=request.execution.pk)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE recovery_execution SET lease_until = now() - interval '1 s'")
    assert "execution   not_started, effect none" in shell(operator, "probe", str(request.pk))
    assert Entry.objects.get(verb="execution:probed_by_hand").actor == f"user:{operator.pk}"


def test_following_can_be_for_a_time(world: World, shell: Shell, operator: User) -> None:
    request = asked(shell, operator)
    assert "is pending_approval" in shell.refused(operator, "follow", str(request.pk), "--for", "0.1", code=5)


def test_a_wrong_password_approves_nothing_and_is_in_the_trail(
    world: World, shell: Shell, operator: User, approver: User
) -> None:
    request = asked(shell, operator)
    argv = ("approve", str(request.pk), "--digest", request.terms.digest, "--because", "x")
    assert "not your password" in shell.refused(approver, *argv, typed="wrong", code=4)
    assert "not your password" in shell.refused(approver, *argv, code=4)
    request.refresh_from_db()
    assert request.state == "pending_approval"
    assert Entry.objects.filter(verb="user:reauthentication_refused").count() == 2


def test_nothing_is_decided_on_what_was_not_read(world: World, shell: Shell, operator: User, approver: User) -> None:
    request = asked(shell, operator)
    argv = ("approve", str(request.pk), "--because", "x")
    assert "nothing was decided" in shell.refused(approver, *argv, typed=PASSWORD, code=1)
    told = shell.refused(approver, *argv, "--digest", "0" * 64, typed=PASSWORD, code=1)
    assert "read it again" in told


def test_a_token_is_asked_for_and_never_taken_from_the_command_line(world: World, shell: Shell, operator: User) -> None:
    assert "test.write" in shell.typed("actions", typed=token_of(operator) + "\n")
    with pytest.raises(CommandError, match="unrecognized arguments"):
        shell.typed("actions", "--token", "x")
    text = token_of(operator)
    with pytest.raises(CommandError, match="revoke it") as refused:
        shell.typed("actions", "--token-file", text)
    assert text not in str(refused.value)


@pytest.mark.parametrize("text", ["", "nonsense", "awe_00000000_" + "x" * 43])
def test_a_wrong_token_opens_nothing(world: World, shell: Shell, text: str) -> None:
    with pytest.raises(CommandError, match="not valid") as refused:
        shell.typed("actions", typed=text)
    assert refused.value.returncode == 4


def test_a_token_that_others_can_read_is_refused(world: World, shell: Shell, operator: User) -> None:
    path = shell.token_file(operator)
    path.chmod(0o640)
    with pytest.raises(CommandError, match="others can read"):
        shell.typed("actions", "--token-file", str(path))
    with pytest.raises(CommandError, match="No such file"):
        shell.typed("actions", "--token-file", str(path.with_name("gone")))


def test_a_token_without_the_scope_asks_for_nothing(world: World, shell: Shell, operator: User) -> None:
    path = shell.token_file(operator, scopes=[Scope.RECOVERY_READ])
    with pytest.raises(CommandError, match="takes the scope recovery:request") as refused:
        shell.typed(*REQUEST, "--token-file", str(path))
    assert refused.value.returncode == 4
    assert not RecoveryRequest.objects.exists()


@pytest.mark.parametrize(
    ("argv", "code", "told"),
    [
        (("request", "nowhere", "test.write", "file=a", "--because", "x"), 1, "no stack 'nowhere'"),
        (("request", "plain", "no.such", "--because", "x"), 1, "no action 'no.such'"),
        (("request", "plain", "test.write", "file=A", "--because", "x"), 1, "file: "),
        (("request", "plain", "test.write", "file=a", "lines=many", "--because", "x"), 1, "lines: "),
        (("request", "plain", "test.write", "file", "--because", "x"), 2, "NAME=VALUE"),
        (("request", "plain", "test.write", "file=a", "--because", " "), 1, "say why"),
        (("request", "plain", "test.write", "file=a", "--because", "x", "--incident", "999999"), 1, "no incident"),
        (("cancel", "999999", "--because", "x"), 1, "no request 999999"),
        (("freeze", "plain", "--until", "soon", "--because", "x"), 2, "no time of the form"),
        (("freeze", "plain", "--until", "2020-01-01T00:00:00Z", "--because", "x"), 1, "not in the past"),
        (("lift", "999999", "--because", "x"), 1, "no freeze"),
        (("record", "plain", "--because", "x", "--done-at", "2999-01-01T00:00:00Z"), 2, "future"),
        (("record", "plain", "--because", "x", "--output-file", "/nowhere/at/all"), 2, "cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_in_plain_words(
    world: World, shell: Shell, operator: User, argv: tuple[str, ...], code: int, told: str
) -> None:
    assert told in shell.refused(operator, *argv, code=code)
    assert not RecoveryRequest.objects.exists()


def test_too_often_is_told_and_noted(world: World, shell: Shell, operator: User) -> None:
    argv = ("request", "plain", "test.write_seldom_at_once", "file=target", "--because", "x")
    for _ in range(2):
        shell(operator, *argv)
    assert "at most 2 times" in shell.refused(operator, *argv, code=1)
    assert Entry.objects.filter(verb="stack:recovery_refused").count() == 1


def test_with_its_database_a_record_goes_there_redacted(
    world: World, shell: Shell, operator: User, tmp_path: Path
) -> None:
    (tmp_path / "typed").write_text("docker restart worker; export PASSWORD=hunter2secret\n")
    said = ("--because", "it was stuck", "--commands-file", str(tmp_path / "typed"))
    assert "recorded as manual action" in shell(operator, "record", "plain", *said)
    row = ManualAction.objects.get()
    assert (row.done_by, row.because) == ("operator", "it was stuck")
    assert "docker restart worker" in row.commands
    assert "hunter2secret" not in row.commands


def test_files_go_with_a_record(world: World, shell: Shell, operator: User, tmp_path: Path) -> None:
    (tmp_path / "shell.log").write_text("restarted; export PASSWORD=hunter2secret\n")
    (tmp_path / "console.png").write_bytes(pictures.picture())
    said = ("record", "plain", "--because", "it was stuck", "--attachment", str(tmp_path / "shell.log"))
    told = shell(operator, *said, "--screenshot", str(tmp_path / "console.png"))
    assert "with 2 file(s)" in told
    picture, log = manual_attachments().order_by("kind")
    assert (picture.label, picture.state, log.label, log.state) == ("console.png", "pending", "shell.log", "ready")
    assert b"hunter2secret" not in attachment_content(log)
    assert "NUL" in shell.refused(operator, *said[:4], "--attachment", str(nul(tmp_path)), code=1)
    assert "cannot be read" in shell.refused(operator, *said[:4], "--attachment", str(tmp_path / "no"), code=2)
    assert ManualAction.objects.count() == 1
    into = ("--to-journal", "--done-by", "Olga", "--folder", str(tmp_path / "journal"))
    assert "Its files are NOT in it" in shell(operator, *said, *into)


def line(**other: Any) -> dict[str, Any]:
    said = {"stack": "plain", "incident": None, "done_at": datetime.now(UTC).isoformat(), "done_by": "Olga"}
    return {**said, "because": "it was stuck", "commands": "", "output": "", **other}


def ahead() -> str:
    return (datetime.now(UTC) + timedelta(minutes=20)).isoformat()


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"done_at": ahead}, "REFUSED: our own database refuses it: what was done does not lie in the future"),
        ({"done_at": lambda: "soon"}, "REFUSED: "),
        ({"because": lambda: ""}, "REFUSED: say why"),
        ({"incident": lambda: {"no": "number"}}, "REFUSED: "),
        ({"incident": lambda: "\0"}, "REFUSED: "),
        ({"stack": lambda: "\0"}, "REFUSED: "),
    ],
)
def test_a_line_that_the_database_refuses_holds_up_no_other(
    world: World, operator: User, shell: Shell, tmp_path: Path, bad: dict[str, Any], told: str
) -> None:
    journal = Journal(tmp_path / "journal")
    journal.write(line(**{name: make() for name, make in bad.items()}), at=datetime.now(UTC))
    journal.write(line(), at=datetime.now(UTC))
    out = io.StringIO()
    argv = ("--folder", str(journal.folder), "--token-file", str(shell.token_file(operator)))
    with pytest.raises(CommandError, match=r"1 line\(s\) were refused") as refused:
        call_command("recovery", "journal", "--take-in", *argv, stdout=out)
    assert refused.value.returncode == 1
    first, second = out.getvalue().splitlines()
    assert first.startswith("line 1,")
    assert told in first
    assert "line 2," in second
    assert "taken in as manual action" in second
    assert ManualAction.objects.count() == 1


def test_marks_that_are_longer_than_the_secrets_make_no_line_that_is_refused(
    world: World, operator: User, shell: Shell, tmp_path: Path
) -> None:
    into = ("--folder", str(tmp_path / "journal"))
    name = "Olga password=abc12 " * 9 + "password=hunter2secret"  # 202 characters, cut inside of the last secret
    said = ("record", "plain", "--because", "it was stuck", "--done-by", name)
    shell(operator, *said, "--to-journal", *into)
    (kept,) = Journal(tmp_path / "journal").read()
    assert isinstance(kept, Line)
    assert len(kept.entry["done_by"]) <= 200
    assert "taken in as manual action" in shell(operator, "journal", "--take-in", *into)
    assert "recorded as manual action" in shell(operator, *said)
    names = ManualAction.objects.values_list("done_by", flat=True)
    assert [len(one) <= 200 and "abc12" not in one and "hunter" not in one for one in names] == [True, True]


def test_words_that_are_no_utf_8_are_written_down_nevertheless(
    world: World, operator: User, shell: Shell, tmp_path: Path
) -> None:
    into = ("--folder", str(tmp_path / "journal"))
    latin = "caf\udce9"  # as Python gives what another encoding typed
    shell(operator, "record", "plain", "--because", latin, "--done-by", latin, "--to-journal", *into)
    assert "taken in as manual action" in shell(operator, "journal", "--take-in", *into)
    assert ManualAction.objects.get().because == ManualAction.objects.get().done_by == "caf\N{REPLACEMENT CHARACTER}"


def test_what_the_database_refuses_of_a_record_is_told_in_plain_words(
    world: World, operator: User, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead_of_the_database = SimpleNamespace(now=lambda zone: datetime.now(zone) + timedelta(hours=1))
    monkeypatch.setattr("awe_incidents.recovery.management.records.datetime", ahead_of_the_database)
    told = shell.refused(operator, "record", "plain", "--because", "it was stuck", code=1)
    assert told == "our own database refuses it: what was done does not lie in the future"


def nul(folder: Path) -> Path:
    path = folder / "nul.log"
    path.write_bytes(b"a\0b")
    return path


def test_every_step_has_its_help(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from awe_incidents.recovery.management.commands.recovery import STEPS, Command

    monkeypatch.setenv("COLUMNS", "200")
    for step in STEPS:
        with pytest.raises(SystemExit) as ended:
            Command().run_from_argv(["manage.py", "recovery", step, "--help"])
        told = capsys.readouterr().out
        assert ended.value.code == 0
        assert "exit codes:" in told
        assert "--json" in told


def test_where_a_stack_may_be_lost_its_name_is_typed_to_break_the_glass(
    world: World, shell: Shell, responder: User
) -> None:
    responder.set_password(PASSWORD)
    responder.save()
    request = world.ask("test.write_for_good", incident=world.incident())
    argv = ("break-glass", str(request.pk), "--because", "it burns")
    assert "type its name, plain" in shell.refused(responder, *argv, typed=f"{PASSWORD}\n", code=1)
    request.refresh_from_db()
    assert request.state == "pending_approval"
    shell(responder, *argv, "--stack", "plain", typed=f"{PASSWORD}\n")
    request.refresh_from_db()
    assert request.state == "approved"


def test_broken_glass_that_waits_for_its_review_is_listed_however_it_ended(
    world: World, shell: Shell, operator: User, approver: User, responder: User
) -> None:
    responder.set_password(PASSWORD)
    responder.save()
    request = world.ask(incident=world.incident())
    world.ask()
    shell(responder, "break-glass", str(request.pk), "--because", "it burns", typed=f"{PASSWORD}\n")
    shell(operator, "cancel", str(request.pk), "--because", "not needed")
    line = f"request {request.pk}: test.write on stack plain"
    assert line not in shell(approver, "status")
    assert [told.partition(" for")[0] for told in shell(approver, "status", "--due").splitlines()] == [line]
    shell(approver, "review", str(request.pk), "--verdict", "in_order", "--findings", "x", typed=f"{PASSWORD}\n")
    assert shell(approver, "status", "--due") == ""
