"""Secrets of a stack: revealed from where the reference says, and never in a message."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from diagnostics.stack import SecretReference, SecretResolver, SecretUnavailable

VALUE = "hunter2-hunter2"


def test_a_value_comes_from_the_environment_a_file_or_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_SECRET", VALUE)
    (tmp_path / "secret").write_text(VALUE + "\n")
    resolver = SecretResolver(tmp_path, {"shop": VALUE})
    for text in ("env:SHOP_SECRET", "file:secret", f"file:{tmp_path}/secret", "db:shop"):
        assert resolver.reveal(SecretReference.parse(text)) == VALUE
    assert VALUE not in repr(resolver)


@pytest.mark.parametrize(
    ("content", "value"), [(b"a\n", "a"), (b"a\r\n", "a"), (b"a\n\n", "a\n"), (b" a ", " a "), (b"", "")]
)
def test_one_trailing_newline_is_no_part_of_a_secret(tmp_path: Path, content: bytes, value: str) -> None:
    (tmp_path / "secret").write_bytes(content)
    assert SecretResolver(tmp_path).reveal(SecretReference("file", "secret")) == value


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("env:NOT_SET_ANYWHERE_HERE", "not set where the check runs"),
        ("file:missing", "No such file"),
        ("file:.", "a folder"),
        ("file:binary", "not UTF-8"),
        ("file:huge", "larger than"),
        ("file:/dev/zero", "a character device"),
        ("db:unknown", "set_stack_secret"),
    ],
)
def test_what_cannot_be_had_names_the_reference_and_what_to_do(tmp_path: Path, reference: str, says: str) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe" + VALUE.encode())
    (tmp_path / "huge").write_text(VALUE * 10_000)
    with pytest.raises(SecretUnavailable) as refused:
        SecretResolver(tmp_path, {"other": VALUE}).reveal(SecretReference.parse(reference))
    assert reference in str(refused.value)
    assert says in str(refused.value)
    assert VALUE not in str(refused.value)


def test_those_that_cannot_be_had_do_not_hide_those_that_can(tmp_path: Path) -> None:
    references = iter([SecretReference("db", "missing"), SecretReference("db", "shop")])
    assert SecretResolver(tmp_path, {"shop": VALUE}).revealed(references) == {"db:shop": VALUE}


def test_a_secret_file_that_is_a_named_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SecretUnavailable, match="named pipe"):
        SecretResolver(tmp_path).reveal(SecretReference("file", "pipe"))
