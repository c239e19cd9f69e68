"""A token looked into at the desk: told once, kept nowhere."""

from __future__ import annotations

from pathlib import Path

import jwt
import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Disclosure, Entry
from awe_incidents.triage.facts import address
from diagnostics.models import Stack
from diagnostics.operations import apply_stack, set_stack_secret
from diagnostics.stack import parse_toml
from tests.conftest import PLAIN_STACK, SETUP
from tests.triage.world import signed_in

KEY = "a signing key of the plain stack, with enough bytes"
CANARY = "canary4711value"
TOKENS = '[tokens]\n[[tokens.keys]]\nservice = "api"\nvalue = "db:jwt"\n'


@pytest.fixture
def stack(db: None, tmp_path: Path) -> Stack:
    config = parse_toml(PLAIN_STACK + TOKENS, folder=tmp_path)
    stack = apply_stack(config=config, by=SETUP, at=timezone.now()).stack
    set_stack_secret(stack=stack, name="jwt", value=KEY, by=SETUP, at=timezone.now())
    return Stack.objects.get(pk=stack.pk)


def token() -> str:
    return jwt.encode({"sub": CANARY, "exp": 1}, KEY, algorithm="HS256", headers={"kid": "<script>one"})


def test_an_operator_is_told_what_stands_in_it_and_whose_key_fits(operator: User, stack: Stack) -> None:
    client = signed_in(operator)
    assert "Inspect a token" in client.get(address(stack)).content.decode()
    page = client.post(address(stack, part="inspect-token"), {"token": token()})
    shown = page.content.decode()
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    for text in ("HS256", "exp, sub", "db:jwt", "fits", "token.expired", "&lt;script&gt;one"):
        assert text in shown, text
    assert "<script>one" not in shown
    assert CANARY not in shown
    assert token() not in shown
    entry = Entry.objects.get(verb="stack:token_inspected")
    kept = bytes(entry.body) + repr(list(Disclosure.objects.values_list("value", flat=True))).encode()
    assert CANARY.encode() not in kept
    assert token().encode() not in kept


def test_a_refused_token_is_not_sent_back(operator: User, stack: Stack) -> None:
    client = signed_in(operator)
    too_long = token() * 800
    page = client.post(address(stack, part="inspect-token"), {"token": too_long})
    assert page.status_code == 400
    assert token() not in page.content.decode()
    Stack.objects.filter(pk=stack.pk).update(document={**stack.document, "vantage": "moon"}, digest="0" * 64)
    page = client.post(address(stack, part="inspect-token"), {"token": token()})
    assert page.status_code == 409
    assert "apply_stack" in page.content.decode()
    assert token() not in page.content.decode()


def test_who_does_not_triage_may_not(auditor: User, stack: Stack) -> None:
    client = signed_in(auditor)
    assert "Inspect a token" not in client.get(address(stack)).content.decode()
    assert client.post(address(stack, part="inspect-token"), {"token": token()}).status_code == 403
