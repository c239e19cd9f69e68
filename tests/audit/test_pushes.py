"""Folder, git and mail get each checkpoint; what lies there is never overwritten, and what is away is tried again."""

from __future__ import annotations

import email
import subprocess
from email.policy import default
from pathlib import Path

import pytest

from awe_incidents.audit import mailing, pushes
from awe_incidents.audit.anchor_settings import configured_anchors
from awe_incidents.audit.errors import AnchorAway, AnchorContradicts, AnchorUnusable
from awe_incidents.audit.mailing import MailPush
from awe_incidents.audit.published_log import Published
from awe_incidents.audit.pushes import FolderPush, GitPush
from tests.audit import logs, witnesses
from tests.audit.witnesses import GrowingLog
from tests.mail import mail_server


def published(folder: Path, size: int, *, fork_at: int | None = None) -> Published:
    found = Published.read(GrowingLog(fork_at=fork_at).publish(folder, size, at=logs.BEGAN))
    assert found is not None
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "elsewhere"
    place.mkdir()
    return place


def test_a_folder_gets_a_file_for_each_checkpoint(folder: Path, tmp_path: Path) -> None:
    push = FolderPush(folder)
    for size in (5, 9, 9):
        one = published(tmp_path / "trail", size)
        push.hold(one, held=0)
        assert (folder / f"{size:012d}-{logs.BEGAN}.note").read_bytes() == bytes(one.note)
    assert len(list(folder.iterdir())) == 2


def test_another_checkpoint_in_its_place_is_an_alarm_and_stays(folder: Path, tmp_path: Path) -> None:
    push = FolderPush(folder)
    push.hold(published(tmp_path / "trail", 5), held=0)
    before = [path.read_bytes() for path in folder.iterdir()]
    with pytest.raises(AnchorContradicts) as refused:
        push.hold(published(tmp_path / "fork", 5, fork_at=3), held=0)
    assert [refused.value.evidence] == before == [path.read_bytes() for path in folder.iterdir()]


def test_a_file_that_a_crash_left_half_is_written_anew(folder: Path, tmp_path: Path) -> None:
    one = published(tmp_path / "trail", 5)
    place = folder / f"{5:012d}-{logs.BEGAN}.note"
    place.write_bytes(bytes(one.note)[:20])
    with pytest.raises(AnchorAway, match="in part"):
        FolderPush(folder).hold(one, held=0)
    FolderPush(folder).hold(one, held=0)
    assert place.read_bytes() == bytes(one.note)


def test_a_folder_that_is_not_there_is_away(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(AnchorAway, match="No such file"):
        FolderPush(folder / "gone").hold(published(tmp_path / "trail", 5), held=0)


def git(*words: str | Path) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main")
    return subprocess.run(["git", *identity, *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Give a clone of a repository whose branch can be pushed."""
    remote, clone = tmp_path / "remote.git", tmp_path / "clone"
    git("init", "--quiet", "--bare", remote)
    git("clone", "--quiet", remote, clone)
    git("-C", clone, "commit", "--quiet", "--allow-empty", "--message", "Begin")
    git("-C", clone, "push", "--quiet", "--set-upstream", "origin", "HEAD")
    return clone


def pushed(clone: Path) -> list[str]:
    return git("-C", clone.with_name("remote.git"), "log", "--format=%s", "--reverse").splitlines()[1:]


def test_git_gets_a_commit_for_each_checkpoint(clone: Path, tmp_path: Path) -> None:
    push = GitPush(clone)
    for size in (5, 9, 9):
        one = published(tmp_path / "trail", size)
        push.hold(one, held=0)
        assert git("-C", clone.with_name("remote.git"), "show", "HEAD:checkpoint").encode() == bytes(one.note)
    assert pushed(clone) == [f"Checkpoint of {size} entries of {logs.ORIGIN}" for size in (5, 9)]


def test_what_could_not_be_pushed_is_pushed_later(clone: Path, tmp_path: Path) -> None:
    push, remote = GitPush(clone), clone.with_name("remote.git")
    remote.rename(tmp_path / "away")
    with pytest.raises(AnchorAway, match="git push failed"):
        push.hold(published(tmp_path / "trail", 5), held=0)
    (tmp_path / "away").rename(remote)
    push.hold(published(tmp_path / "trail", 9), held=0)
    assert len(pushed(clone)) == 2


def test_only_the_checkpoint_is_committed(clone: Path, tmp_path: Path) -> None:
    (clone / "other").write_text("somebody's work")
    git("-C", clone, "add", "other")
    GitPush(clone).hold(published(tmp_path / "trail", 5), held=0)
    assert git("-C", clone, "show", "--name-only", "--format=", "HEAD").split() == ["checkpoint"]


def test_a_remote_that_hangs_is_ended_with_all_it_started(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushes, "GIT_SECONDS", 1.0)
    git("-C", clone, "config", "protocol.ext.allow", "always")
    git("-C", clone, "remote", "set-url", "origin", "ext::sleep 86399")
    with pytest.raises(AnchorAway, match="git push took more than 1 s"):
        GitPush(clone).hold(published(tmp_path / "trail", 5), held=0)
    running = subprocess.run(["pgrep", "-f", "sleep 86399"], capture_output=True, text=True, check=False).stdout
    assert running == ""


def test_a_folder_that_is_no_clone_is_told(tmp_path: Path) -> None:
    with pytest.raises(AnchorUnusable, match="no clone"):
        GitPush(tmp_path).hold(published(tmp_path / "trail", 5), held=0)


def test_a_mail_carries_the_checkpoint(tmp_path: Path) -> None:
    one = published(tmp_path / "trail", 5)
    with mail_server() as (server, address):
        push = MailPush("auditor@example.org", sender="trail@example.org", server=f"smtp://awe:p%40ss@{address}")
        push.hold(one, held=0)
    [mail] = [email.message_from_bytes(data, policy=default) for data in server.mails]
    assert (mail["To"], mail["From"]) == ("auditor@example.org", "trail@example.org")
    assert mail["Subject"] == f"Checkpoint of 5 entries of {logs.ORIGIN}"
    [attached] = list(mail.iter_attachments())
    assert attached.get_content() == bytes(one.note)
    assert len(server.logins) == 1


def test_a_password_that_is_refused_is_told_without_it(tmp_path: Path) -> None:
    with mail_server(answers={"AUTH": "535 wrong"}) as (_, address):
        push = MailPush("a@example.org", sender="a@example.org", server=f"smtp://awe:geheim@{address}")
        with pytest.raises(AnchorUnusable) as refused:
            push.hold(published(tmp_path / "trail", 5), held=0)
    assert "geheim" not in str(refused.value) + repr(vars(push)).replace(repr(push._login), "")


def test_a_mail_server_that_is_not_there_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailing, "SECONDS", 1.0)
    push = MailPush("a@example.org", sender="a@example.org", server=f"smtp://127.0.0.1:{witnesses.free_port()}")
    with pytest.raises(AnchorAway, match="not taken"):
        push.hold(published(tmp_path / "trail", 5), held=0)


def test_pushes_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWE_TRAIL_PUSH_FOLDER", str(tmp_path))
    monkeypatch.setenv("AWE_TRAIL_PUSH_GIT", str(tmp_path / "clone"))
    monkeypatch.setenv("AWE_TRAIL_PUSH_MAIL", "auditor@example.org")
    monkeypatch.setenv("AWE_TRAIL_MAIL_SERVER", "smtps://mail.example.org")
    assert [one.anchor.kind for one in configured_anchors()] == ["folder", "git", "mail"]
    for wrong in ("", "mail.example.org", "http://mail.example.org", "smtp://host:port"):
        monkeypatch.setenv("AWE_TRAIL_MAIL_SERVER", wrong)
        with pytest.raises(AnchorUnusable, match="AWE_TRAIL_MAIL_SERVER is no address"):
            configured_anchors()
