"""Known secrets: removed by value in every form, and weak ones only where a secret stands."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from diagnostics.redaction import KnownSecret, Options, Redactor

VALUE = "nV7&k<2 /ö\"q'z%"
LONG_VALUE = "sk-" + "".join(hashlib.sha256(bytes([part])).hexdigest() for part in range(2))


def redactor(*values: str, keep_words: frozenset[str] = frozenset()) -> Redactor:
    secrets = [KnownSecret(f"s{index}", value) for index, value in enumerate(values)]
    return Redactor(b"k" * 32, secrets, Options(keep_words=keep_words))


FORMS = {
    "plain": VALUE,
    "json": json.dumps(VALUE)[1:-1],
    "json-unicode": json.dumps(VALUE, ensure_ascii=False)[1:-1],
    "json-twice": json.dumps(json.dumps(VALUE))[1:-1],
    "json-html-safe": json.dumps(VALUE)[1:-1].replace("&", "\\u0026").replace("<", "\\u003c"),
    "url": quote(VALUE, safe=""),
    "url-lower": quote(VALUE, safe="").replace("%C3%B6", "%c3%b6").lower().replace("nv7", "nV7"),
    "form": quote_plus(VALUE),
    "url-twice": quote(quote(VALUE, safe=""), safe=""),
    "url-lower-twice": quote(quote(VALUE, safe="").replace("%C3%B6", "%c3%b6").lower().replace("nv7", "nV7"), safe=""),
    "form-twice": quote_plus(quote_plus(VALUE)),
    "url-every-byte": "".join(f"%{byte:02X}" for byte in VALUE.encode()),
    "url-every-byte-lower": "".join(f"%{byte:02x}" for byte in VALUE.encode()),
    "json-every-character": "".join(f"\\u{ord(sign):04x}" for sign in VALUE),
    "c-every-byte": "".join(f"\\x{byte:02x}" for byte in VALUE.encode()),
    "html-every-character": "".join(f"&#{ord(sign)};" for sign in VALUE),
    "html-every-character-hex": "".join(f"&#x{ord(sign):X};" for sign in VALUE),
    "html": html.escape(VALUE),
    "hex": VALUE.encode().hex(),
    "base64": base64.b64encode(VALUE.encode()).decode(),
    "base64-basic": base64.b64encode(f"user:{VALUE}".encode()).decode(),
    "base64-shift-1": base64.b64encode(f"a{VALUE}b".encode()).decode(),
    "base64-shift-2": base64.b64encode(f"ab{VALUE}cd".encode()).decode(),
    "base64-url": base64.urlsafe_b64encode(f"abc{VALUE}>>>???".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_known_secret_goes(form: str) -> None:
    text = f"sees {FORMS[form]} here"
    redacted = redactor(VALUE).text(text)
    assert redacted.receipt.counts == {"known-secret": 1}
    assert redacted.text.startswith("sees ")
    assert redacted.text.endswith(" here")


def test_every_form_gets_the_same_token() -> None:
    redacted = redactor(VALUE).text(f"a {VALUE} b {quote(VALUE, safe='')} c").text
    tokens = [word for word in redacted.split() if word.startswith("[REDACTED:known-secret:")]
    assert len(tokens) == 2
    assert len(set(tokens)) == 1


@pytest.mark.parametrize("before", range(60))
@pytest.mark.parametrize("value", [VALUE, LONG_VALUE], ids=["short", "over-three-lines"])
def test_base64_with_a_line_end_within_the_secret_keeps_no_share_of_eight_characters(value: str, before: int) -> None:
    data = b"x" * before + value.encode() + b"y" * 200
    text = f"$ base64 file\n{base64.encodebytes(data).decode()}$ exit\n"
    redacted = redactor(value).text(text)
    first, last = (before * 8 + 5) // 6, (before + len(value.encode())) * 8 // 6
    core = base64.b64encode(data)[first:last].decode()
    assert [core[at : at + 8] for at in range(len(core) - 7) if core[at : at + 8] in redacted.text] == []
    assert set(redacted.receipt.counts) == {"known-secret"}
    assert redacted.text.count("\n") == text.count("\n")
    assert base64.b64encode(data).decode()[-60:-4] in redacted.text.replace("\n", "")


def test_a_short_secret_goes_where_it_is_a_whole_word() -> None:
    assert "pw7!" not in redactor("pw7!").text("found pw7! in env").text
    assert redactor("a1b2").text("id xa1b2y stays, a1b2 goes").text.startswith("id xa1b2y stays, [REDACTED:")


@pytest.mark.parametrize("weak", ["admin", "postgres", "12345", "redis", "changeme"])
def test_a_weak_secret_goes_only_from_a_secrets_place(weak: str) -> None:
    tool = redactor(weak)
    sentence = f"role {weak} of database {weak} on host {weak}"
    assert tool.text(sentence).text == sentence
    assert tool.text(f"password={weak} host=db").text.endswith(" host=db")
    assert f":{weak}@" not in tool.text(f"postgresql://u:{weak}@db/x").text
    assert f"={weak}" not in tool.text(f"password={weak} host=db").text
    assert tool.weak_secret_names == ("s0",)


def test_a_word_that_must_stay_stays() -> None:
    tool = redactor("ai_workflow", keep_words=frozenset({"ai_workflow"}))
    assert tool.text("database ai_workflow").text == "database ai_workflow"


def test_a_key_file_is_removed_line_by_line() -> None:
    body = "Ks14IReLcYgADhoXk56ZzXIwggSjAgEAAoIBAQDAC4AW"
    tool = redactor(f"-----BEGIN X-----\n{body}\n-----END X-----\n")
    assert body not in tool.text(f"line {body} alone").text
    assert tool.text("-----BEGIN X-----").text == "-----BEGIN X-----"


def test_a_known_secret_in_a_colored_line_goes() -> None:
    redacted = redactor("kn0wn-value").text("\x1b[1mkn0wn\x1b[0m-\x1b[31mvalue\x1b[0m!").text
    assert "kn0wn" not in redacted
    assert "value" not in redacted.replace("[REDACTED:known-secret", "")


def test_no_repr_shows_a_value() -> None:
    assert VALUE not in repr(KnownSecret("name", VALUE))
    assert VALUE not in repr(redactor(VALUE))
