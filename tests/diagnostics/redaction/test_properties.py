"""What holds for any text: cuts do not matter, a second pass is idle, planted secrets are gone, lines stay."""

# ruff: noqa: E501 (lists of texts read best in few lines)

from __future__ import annotations

import random
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diagnostics.redaction import KnownSecret, Options, Redactor
from diagnostics.redaction.rule import Rule
from diagnostics.redaction.rules import RULES
from diagnostics.redaction.rules.spanning import BLOCK_RULES
from tests.diagnostics.redaction.cases import own_cases

KEY = b"k" * 32
REDACTOR = Redactor(KEY, [KnownSecret("db", "kn0wn-s3cret-value"), KnownSecret("s", "a1b2")], Options(cards=True))
TEXTS = [case.text for case in own_cases()] + [text for rule in (*RULES, *BLOCK_RULES) for text, _ in rule.finds]
QUIET = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

PIECES = st.sampled_from(
    [
        "password", "token", "secret", "api_key", "auth", "key", "=", ": ", ":", "'", '"', "\\", "\\n", "\n", " ", "\t", "@",
        "://", "u:", "postgresql://", "Bearer ", "Authorization: ", "Cookie: a=", "; ", "&", "?", "[REDACTED:password:0a1b2c3d]",
        "-----BEGIN PRIVATE KEY-----\n", "-----END PRIVATE KEY-----\n", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDA",
        "Ks14IReLcYgADhoXk56ZzXIwggSjAgEAAoIBAQDAC4AW\n", "eyJhbGciOiJIUzI1NiJ9.", "eyJzdWIiOiJib2IifQ", "hunter22", "kn0wn-s3cret-value",
        "\x1b[31m", "\x1b[0m", "\x00", "%22", "%3D", "&quot;", "{", "}", "[", "]", "|\n  ", "a1b2", "alice@example.org", "é", "x" * 40,
        "kind: Secret\n", "data:\n", "  k: cGFzc3dvcmQ=\n", "--password ", "AUTH ", "PASSWORD '", "$2b$12$eImiTXuWVxfM37uY4JANjQ",
    ]
)  # fmt: skip
ODD_TEXT = st.lists(st.one_of(PIECES, st.text(max_size=6)), max_size=25).map("".join)


def whole(data: bytes) -> tuple[bytes, str]:
    stream = REDACTOR.stream()
    out = stream.feed(data) + stream.finish()
    return out, stream.receipt.as_json()


@QUIET
@given(
    data=st.one_of(ODD_TEXT.map(lambda text: text.encode("utf-8", "replace")), st.binary(max_size=300)), cuts=st.data()
)
def test_any_split_gives_the_same_output_and_receipt(data: bytes, cuts: st.DataObject) -> None:
    places = sorted(cuts.draw(st.lists(st.integers(0, len(data)), max_size=8)))
    stream = REDACTOR.stream()
    parts = [stream.feed(data[begin:end]) for begin, end in zip([0, *places], [*places, len(data)], strict=True)]
    out = b"".join(parts) + stream.finish()
    assert (out, stream.receipt.as_json()) == whole(data)


@pytest.mark.parametrize("text", TEXTS)
def test_byte_by_byte_gives_the_same_output(text: str) -> None:
    data = text.encode()
    stream = REDACTOR.stream()
    out = b"".join(stream.feed(data[index : index + 1]) for index in range(len(data))) + stream.finish()
    assert (out, stream.receipt.as_json()) == whole(data)


@QUIET
@given(text=ODD_TEXT)
def test_a_second_pass_changes_nothing(text: str) -> None:
    once = REDACTOR.text(text).text
    assert REDACTOR.text(once).text == once


@QUIET
@given(text=st.one_of(ODD_TEXT, st.text(max_size=200)))
def test_the_number_of_lines_stays(text: str) -> None:
    assert REDACTOR.text(text).text.count("\n") == text.count("\n")


@QUIET
@given(
    before=st.text(string.ascii_letters + " .,()", max_size=30),
    after=st.text(string.ascii_letters + " .,()", max_size=30),
    data=st.data(),
)
def test_a_planted_secret_never_survives(before: str, after: str, data: st.DataObject) -> None:
    """Between words, after log prefixes, in quotes of several depths: what a rule finds alone it finds there."""
    rule: Rule = data.draw(
        st.sampled_from(
            [rule for rule in RULES if not rule.pattern.startswith(("^", r"^\s*", "(?i)^")) and rule.id != "pass"]
        )
    )
    text, secret = data.draw(st.sampled_from(rule.finds))
    prefix = data.draw(
        st.sampled_from(["", "api_1  | ", "2026-01-02T03:04:05.678Z ", "INFO:     ", "[7] LOG:  ", "\t", "> "])
    )
    if rule.id in {"curl-user", "pgpass", "userlist", "redis-auth", "dsn-password", "directive"}:
        before, after = "", ""  # these stand at the beginning or the end of a line
    gap_before, gap_after = (" " if before else ""), (" " if after else "")
    redacted = REDACTOR.text(f"{prefix}{before}{gap_before}{text}{gap_after}{after}").text
    assert secret not in redacted


NAMES = [
    "password",
    "DB_PASSWORD",
    "passwd",
    "secret",
    "client_secret",
    "api_key",
    "apiKey",
    "access_token",
    "jwtSecret",
    "PGPASSWORD",
]
NOTATIONS = [
    "{n}={v}", "{n}: {v}", '{n}="{v}"', "{n} = '{v}'", '"{n}": "{v}"', "'{n}': '{v}'", "--{n}={v}", "--{n} {v}", "x=1&{n}={v}&y=2", "{n} := `{v}`",
    '{{"a":1,"{n}":"{v}","b":2}}', '{{\\"{n}\\": \\"{v}\\"}}', '{{\\\\\\"{n}\\\\\\":\\\\\\"{v}\\\\\\"}}', "%22{n}%22%3A%22{v}%22", "<{n}>{v}</{n}>",
    "export {n}={v}", "  - {n}={v}", "Settings(user='ai', {n}='{v}', port=1)", '"Env":["{n}={v}","TZ=UTC"]', "\x1b[36m{n}\x1b[0m=\x1b[35m{v}\x1b[0m",
    "{n}: |\n  {v}\nnext: 1", '"{n}":\n  "{v}"', "&quot;{n}&quot;: &quot;{v}&quot;", "('{n}', '{v}')", "host=db {n}={v} sslmode=require",
]  # fmt: skip


@QUIET
@given(
    name=st.sampled_from(NAMES),
    notation=st.sampled_from(NOTATIONS),
    seed=st.integers(0, 2**32),
    prefix=st.sampled_from(["", "api_1 | ", "2026-01-02T03:04:05Z ", "DEBUG x ", "cmd: "]),
)
def test_a_random_value_under_a_secrets_name_never_survives(name: str, notation: str, seed: int, prefix: str) -> None:
    pick = random.Random(seed)
    value = "".join(pick.choices(string.ascii_letters + string.digits + "!+-_.~^", k=pick.randrange(6, 24))) + "x9"
    value = pick.choice(string.ascii_letters) + value
    redacted = REDACTOR.text(prefix + notation.format(n=name, v=value)).text
    assert value not in redacted


@QUIET
@given(
    password=st.text(string.ascii_letters + string.digits + "!#$%&*+,-.:;=?@^_~()", min_size=6, max_size=24),
    data=st.data(),
)
def test_a_password_in_a_url_never_survives(password: str, data: st.DataObject) -> None:
    scheme = data.draw(st.sampled_from(["postgresql+asyncpg", "redis", "amqp", "mongodb", "smtp", "https"]))
    password = "p" + password + "9z"
    redacted = REDACTOR.text(f"url {scheme}://ai_user:{password}@db:5432/x?y=1 end").text
    assert password not in redacted
    if not set(password) & set("&;?=:"):
        assert "@db:5432/x?y=1 end" in redacted
