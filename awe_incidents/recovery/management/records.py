"""Steps on what people do by hand: recorded, or written into the journal while our database is away, and taken in."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DataError, IntegrityError, connection

from awe_incidents.accounts.roles import Scope
from awe_incidents.audit.errors import EntryRefused
from awe_incidents.incidents.attachments import MAX_FILE_BYTES, Upload
from awe_incidents.incidents.queries import visible_incidents
from awe_incidents.incidents.states import AttachmentKind
from awe_incidents.incidents.template import normalize
from awe_incidents.recovery import operations
from awe_incidents.recovery.errors import RecoveryError, TakenInBefore
from awe_incidents.recovery.journal import Journal, Line, Tampered
from awe_incidents.recovery.management.calling import Options, Telling, moment_of, who_asks
from awe_incidents.recovery.management.ending import AWAY, REFUSED, WRONG_LINE, refusal_in_words
from awe_incidents.recovery.management.identity import STANDARD_INPUT, Who, ask
from diagnostics.errors import DiagnosticsError
from diagnostics.looking.redacting import stack_redactor
from diagnostics.queries import stack_named
from diagnostics.redaction import Redactor
from diagnostics.stack import SecretResolver, StackInvalid, read_stack

IN_HOME = "~/.local/state/awe-incidents/recovery-journal"
MAX_CHARACTERS = {"because": 2_000, "commands": 20_000, "output": 200_000, "done_by": 200}  # as over HTTP
CUT = "\n[cut: more than is kept]"
KEY_BYTES = 32


def record(options: Options, telling: Telling) -> None:
    """Record it, or write it into the journal where our database does not answer."""
    said = {
        "because": options["because"],
        "commands": _content(options["commands_file"]),
        "output": _content(options["output_file"]),
    }
    uploads = [*_uploads(options, AttachmentKind.SCREENSHOT), *_uploads(options, AttachmentKind.TEXT)]
    done_at = moment_of(options["done_at"]) if options["done_at"] else datetime.now(UTC)
    if done_at > datetime.now(UTC):
        raise CommandError(f"{options['done_at']} lies in the future; say when it was done", returncode=WRONG_LINE)
    if options["to_journal"] or _is_away():
        _write_down(options, telling, said, done_at=done_at)
        return
    who = who_asks(options, Scope.RECOVERY_REQUEST)
    stack = stack_named(options["stack"])
    row = operations.record_manual_action(
        stack=stack,
        incident=_incident(options["incident"], who),
        done_by=options["done_by"] or who.user.username,
        done_at=done_at,
        user=who.user,
        by=who.by,
        at=who.at,
        because=_cut("because", said["because"]),
        commands=_cut("commands", said["commands"]),
        output=_cut("output", said["output"]),
        uploads=uploads,
    )
    files = f", with {len(uploads)} file(s)" if uploads else ""
    telling.tell({"manual_action": row.pk}, f"recorded as manual action {row.pk} on stack {stack.name}{files}")


def journal(options: Options, telling: Telling) -> None:
    """Show and verify the journal, or take it in."""
    who = who_asks(options, Scope.RECOVERY_REQUEST) if options["take_in"] else None
    refused = 0
    for line in _journal(options).read():
        document, text = _told(line)
        if isinstance(line, Line) and who:
            more, is_refused = _take_in(line, who)
            document, text = {**document, **more}, f"{text}; {more['result']}"
            refused += is_refused
        refused += isinstance(line, Tampered)
        telling.tell(document, text)
    if refused:
        raise CommandError(f"{refused} line(s) were refused; all others are as told above", returncode=REFUSED)


def _is_away() -> bool:
    try:
        connection.ensure_connection()
    except AWAY:
        return True
    return False


def _write_down(options: Options, telling: Telling, said: dict[str, str], *, done_at: datetime) -> None:
    done_by = options["done_by"] or ask("Our database does not answer, so nobody can be known by a token. Your name: ")
    if not done_by.strip() or not said["because"].strip():
        raise CommandError("give --done-by NAME and say why: the journal must tell who did it", returncode=WRONG_LINE)
    redactor = _redactor(options["stack_file"])
    # Cut last: half a secret is not known as one, and a mark may be longer than what it stands for.
    texts = {
        name: _cut(name, redactor.text(normalize(text)).text) for name, text in {**said, "done_by": done_by}.items()
    }
    entry = {
        "stack": normalize(options["stack"]),
        "incident": options["incident"],
        "done_at": done_at.isoformat(),
        **texts,
    }
    line = _journal(options).write(entry, at=datetime.now(UTC))
    told = f"written into the journal {_journal(options).folder} as line {line.number}, signed by key {line.key}"
    after = "take it in once the database answers: manage.py recovery journal --take-in"
    if options["screenshot"] or options["attachment"]:
        after += ". Its files are NOT in it: keep them, and add them to the manual action then"
    telling.tell({"journal_line": line.number, "key": line.key, "digest": line.digest}, f"{told}; {after}")


def _redactor(stack_file: str | None) -> Redactor:
    """Give a redactor by rules, and by values where a stack's description leads to secrets. Raises: CommandError."""
    key = os.urandom(KEY_BYTES)
    if not stack_file:
        return Redactor(key)
    try:
        config = read_stack(Path(stack_file))
    except StackInvalid as error:
        raise CommandError(f"{stack_file} is not a valid stack description: {error}", returncode=WRONG_LINE) from None
    return stack_redactor(config, key=key, secrets=SecretResolver(config.root).revealed(config.secret_references()))


def _take_in(line: Line, who: Who) -> tuple[dict[str, Any], bool]:
    """Take one line in; say what came of it, and whether it was refused."""
    entry = line.entry
    try:
        incident = visible_incidents(who.user).filter(pk=entry["incident"]).first() if entry["incident"] else None
        row = operations.record_manual_action(
            stack=stack_named(entry["stack"]),
            incident=incident,
            done_by=entry["done_by"],
            done_at=datetime.fromisoformat(entry["done_at"]),
            because=entry["because"],
            commands=entry["commands"],
            output=entry["output"],
            user=who.user,
            by=who.by,
            at=who.at,
            line=line,
        )
    except TakenInBefore:
        return {"result": "taken in before"}, False
    except (IntegrityError, DataError) as error:  # of this line alone: the next one has a transaction of its own
        return {"result": f"REFUSED: {refusal_in_words(error)}"}, True
    except (RecoveryError, DiagnosticsError, EntryRefused, KeyError, TypeError, ValueError) as error:
        return {"result": f"REFUSED: {error}"}, True
    lost = f"; there is no incident {entry['incident']}" if entry["incident"] and incident is None else ""
    return {"result": f"taken in as manual action {row.pk}{lost}", "manual_action": row.pk}, False


def _told(line: Line | Tampered) -> tuple[dict[str, Any], str]:
    if isinstance(line, Tampered):
        return {"line": line.place, "result": f"REFUSED: {line.reason}"}, f"line {line.place} REFUSED: {line.reason}"
    document = {
        "line": line.place,
        "key": line.key,
        "digest": line.digest,
        "follows": line.follows,
        "written_at": line.written_at.isoformat(),
        "entry": dict(line.entry),
    }
    chain = "" if line.follows else " (what stood before it was changed or taken away)"
    text = f"line {line.place}, {line.written_at:%Y-%m-%d %H:%M:%S} UTC, key {line.key}: {line.entry.get('because')}"
    return document, text + chain


def _journal(options: Options) -> Journal:
    return Journal(Path(options["folder"] or settings.AWE_RECOVERY_JOURNAL or IN_HOME).expanduser())


def _incident(number: int | None, who: Who) -> Any:
    found = visible_incidents(who.user).filter(pk=number).first() if number else None
    if number and found is None:
        raise CommandError(f"there is no incident {number}", returncode=REFUSED)
    return found


def _cut(name: str, text: str) -> str:
    most = MAX_CHARACTERS[name]
    return text if len(text) <= most else text[: most - len(CUT)] + CUT


def _uploads(options: Options, kind: AttachmentKind) -> list[Upload]:
    """Read the files of one kind, each up to where it is too long to be taken. Raises: CommandError."""
    names: list[str] = options["attachment" if kind is AttachmentKind.TEXT else "screenshot"]
    try:
        contents = [(name, _head(Path(name))) for name in names]
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be read: {error.strerror}", returncode=WRONG_LINE) from None
    return [Upload(place=name, kind=kind, file_name=name, content=content) for name, content in contents]


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1)


def _content(name: str | None) -> str:
    if not name:
        return ""
    try:
        data = b"".join(_pieces(name))
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}", returncode=WRONG_LINE) from None
    return normalize(data.decode("utf-8", "replace"))


def _pieces(name: str) -> Iterator[bytes]:
    """Read at most what is kept of any text, in bytes."""
    most = 4 * max(MAX_CHARACTERS.values())
    if name == STANDARD_INPUT:
        yield sys.stdin.buffer.read(most)
        return
    with Path(name).open("rb") as file:
        yield file.read(most)
