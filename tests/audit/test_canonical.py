"""Entry bytes: one form only, and everything that two readers could read differently is refused."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from awe_incidents.audit import canonical, errors, verify_trail
from tests.audit import vectors

VECTORS = vectors.FOLDER / "jcs"
needs_vectors = vectors.needs("jcs")
JCS_NAMES = ["arrays", "french", "structures", "unicode", "values", "weird"]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=15
)
ENTRIES = st.dictionaries(TEXT, VALUES, max_size=5)


@given(ENTRIES)
def test_what_is_encoded_is_parsed_again(entry: dict[str, Any]) -> None:
    assert canonical.parse(canonical.encode(entry)) == entry


ANYTHING = st.recursive(
    SCALARS | st.floats() | st.integers() | st.text(st.characters(), max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(0, 3), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3) | st.integers(0, 3), ANYTHING, max_size=4))
def test_what_is_taken_for_usual_is_allowed_and_what_is_not_is_looked_at(entry: dict[Any, Any]) -> None:
    try:
        canonical._check(entry, place="", depth=1)
    except errors.EntryRefused:
        assert not canonical._is_usual(entry, depth=1)
        with pytest.raises(errors.EntryRefused):
            canonical.encode(entry)
    else:
        assert canonical.encode(entry) == rfc8785.dumps(entry)


@pytest.mark.parametrize("levels", [canonical.MAX_DEPTH, canonical.MAX_DEPTH + 1])
def test_what_is_usual_has_as_many_levels_as_any_other(levels: int) -> None:
    entry: dict[str, Any] = {}
    for _ in range(levels - 1):
        entry = {"a": entry}
    assert canonical._is_usual(entry, depth=1) == (levels == canonical.MAX_DEPTH)


@given(ENTRIES, st.sampled_from([{"indent": 1}, {"ensure_ascii": True}, {"separators": (", ", ":")}, {}]))
def test_any_other_way_to_write_the_same_is_refused(entry: dict[str, Any], style: dict[str, Any]) -> None:
    written = json.dumps(dict(reversed(entry.items())), **style).encode()
    if written == canonical.encode(entry):
        assert canonical.parse(written) == entry
    else:
        with pytest.raises(errors.NotCanonical):
            canonical.parse(written)


def test_keys_are_sorted_by_utf_16_units_and_nothing_is_escaped_without_need() -> None:
    entry = {"\ufb33": 1, "\U0001f602": 2, "a": [True, None, -5, "\u20ac\n\x0f/</script>"]}
    assert canonical.encode(entry) == (
        '{"a":[true,null,-5,"\u20ac\\n\\u000f/</script>"],"\U0001f602":2,"\ufb33":1}'.encode()
    )


@needs_vectors
@pytest.mark.parametrize("name", JCS_NAMES)
def test_our_encoder_agrees_with_the_published_vectors(name: str) -> None:
    content = json.loads((VECTORS / "input" / f"{name}.json").read_text("utf-8"))
    expected = (VECTORS / "output" / f"{name}.json").read_bytes()
    assert bytes.fromhex((VECTORS / "outhex" / f"{name}.txt").read_text()) == expected
    assert rfc8785.dumps(content) == expected


@needs_vectors
@pytest.mark.parametrize("name", JCS_NAMES)
def test_published_vectors_are_entries_unless_they_hold_floats_or_are_no_object(name: str) -> None:
    content = json.loads((VECTORS / "input" / f"{name}.json").read_text("utf-8"))
    expected = (VECTORS / "output" / f"{name}.json").read_bytes()
    if name in ("structures", "values"):
        with pytest.raises(errors.FloatNotAllowed):
            canonical.encode(content)
    elif not isinstance(content, dict):
        with pytest.raises(errors.NotCanonical, match="no JSON object"):
            canonical.parse(expected)
        assert canonical.encode({"data": content}) == b'{"data":' + expected + b"}"
    else:
        assert canonical.encode(content) == expected
        assert canonical.parse(expected) == content


@needs_vectors
def test_every_published_vector_is_tried() -> None:
    assert sorted(path.stem for path in (VECTORS / "input").iterdir()) == JCS_NAMES


def _nested(levels: int) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    for _ in range(levels - 1):
        entry = {"a": entry}
    return entry


@pytest.mark.parametrize(
    ("value", "refusal"),
    [
        (1.0, errors.FloatNotAllowed),
        (float("nan"), errors.FloatNotAllowed),
        ([0, {"x": 0.5}], errors.FloatNotAllowed),
        (2**53, errors.IntegerTooLarge),
        (-(2**53), errors.IntegerTooLarge),
        ({1: "x"}, errors.KeyNotText),
        ({None: "x"}, errors.KeyNotText),
        ("\ud800", errors.TextNotUnicode),
        ({"\udfff": 1}, errors.TextNotUnicode),
        (b"bytes", errors.TypeNotAllowed),
        ({"a", "b"}, errors.TypeNotAllowed),
        (datetime(2026, 11, 23, tzinfo=UTC), errors.TypeNotAllowed),
        (_nested(canonical.MAX_DEPTH), errors.NestedTooDeeply),
    ],
)
def test_what_readers_read_differently_is_refused_by_name_and_place(
    value: object, refusal: type[errors.EntryRefused]
) -> None:
    with pytest.raises(refusal, match=r"/data|levels"):
        canonical.encode({"data": value})


def test_the_limits_themselves_are_allowed() -> None:
    entry = {"high": canonical.MAX_INTEGER, "low": -canonical.MAX_INTEGER, "deep": _nested(canonical.MAX_DEPTH - 1)}
    assert canonical.parse(canonical.encode(entry)) == entry


@pytest.mark.parametrize("innermost", [{"a": "x"}, {"a": "é"}, {"é": 1}, {"a": None}, {}, ["x"], ["é"], []])
@pytest.mark.parametrize("levels", [canonical.MAX_DEPTH, canonical.MAX_DEPTH + 1])
def test_writer_and_verifier_count_levels_alike_whatever_is_in_them(levels: int, innermost: object) -> None:
    content: Any = innermost
    for _ in range(levels - 1):
        content = {"a": content}
    written = rfc8785.dumps(content)
    if levels == canonical.MAX_DEPTH:
        assert canonical.encode(content) == written
        assert canonical.parse(written) == verify_trail.parse_entry(written) == content
        return
    with pytest.raises(errors.NestedTooDeeply):
        canonical.encode(content)
    with pytest.raises(errors.NestedTooDeeply):
        canonical.parse(written)
    with pytest.raises(verify_trail.Refused, match="32 levels"):
        verify_trail.parse_entry(written)


def test_an_entry_has_at_most_65_535_bytes() -> None:
    overhead = len(canonical.encode({"a": ""}))
    full = "\u00e9" * ((65_535 - overhead) // 2) + "x" * ((65_535 - overhead) % 2)
    assert len(canonical.encode({"a": full})) == 65_535
    with pytest.raises(errors.EntryTooLarge, match="65,536"):
        canonical.encode({"a": full + "x"})
    with pytest.raises(errors.EntryTooLarge):
        canonical.parse(b'{"a":"' + b"x" * 65_530 + b'"}')


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"", errors.NotCanonical),
        (b"{", errors.NotCanonical),
        (b"null", errors.NotCanonical),
        (b'{"a":1}\n', errors.NotCanonical),
        (b'{"a": 1}', errors.NotCanonical),
        (b'{"b":1,"a":2}', errors.NotCanonical),
        (b'{"a":-0}', errors.NotCanonical),
        (b'{"a":"\\u0041"}', errors.NotCanonical),
        (b'{"a":"\\/"}', errors.NotCanonical),
        (b'\xef\xbb\xbf{"a":1}', errors.NotCanonical),
        ('{"a":1}'.encode("utf-16"), errors.NotCanonical),
        (b'{"a":"\xff"}', errors.NotCanonical),
        (b'{"a":"\xed\xa0\x80"}', errors.NotCanonical),
        (b'{"a":"\\ud800"}', errors.TextNotUnicode),
        (b'{"a":1,"a":1}', errors.DuplicateKey),
        (b'{"x":{"a":1,"\\u0061":2}}', errors.DuplicateKey),
        (b" " * 65_535 + b"{}", errors.EntryTooLarge),
        (b'{"a":1e999}', errors.FloatNotAllowed),
        (b'{"a":1.0}', errors.FloatNotAllowed),
        (b'{"a":1e2}', errors.FloatNotAllowed),
        (b'{"a":NaN}', errors.FloatNotAllowed),
        (b'{"a":-Infinity}', errors.FloatNotAllowed),
        (b'{"a":9007199254740992}', errors.IntegerTooLarge),
        (b'{"a":' + b"9" * 60_000 + b"}", errors.IntegerTooLarge),
        (b'{"a":' + b"[" * 60_000, errors.NestedTooDeeply),
        (b'{"a":' * 40 + b"1" + b"}" * 40, errors.NestedTooDeeply),
    ],
)
def test_other_bytes_are_refused_by_name(data: bytes, refusal: type[errors.AuditError]) -> None:
    with pytest.raises(refusal) as caught:
        canonical.parse(data)
    assert type(caught.value) is refusal


def test_a_refusal_names_the_place_as_a_json_pointer() -> None:
    with pytest.raises(errors.FloatNotAllowed, match=r"^/data/a~1b~0/1 "):
        canonical.encode({"data": {"a/b~": [1, 1.5]}})


def test_refusals_never_quote_the_value() -> None:
    with pytest.raises(errors.TextNotUnicode) as caught:
        canonical.encode({"data": {"because": "hunter2\ud800"}})
    assert "hunter2" not in str(caught.value)
    assert "/data/because" in str(caught.value)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 11, 23, 20, 0, tzinfo=UTC), "2026-11-23T20:00:00.000000Z"),
        (
            datetime(2026, 11, 23, 20, 0, 0, 7, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            "2026-11-23T14:30:00.000007Z",
        ),
        (datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=0), "2026-10-25T00:30:00.000000Z"),
        (datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1), "2026-10-25T01:30:00.000000Z"),
        (datetime(33, 4, 3, tzinfo=UTC), "0033-04-03T00:00:00.000000Z"),
    ],
)
def test_times_are_utc_with_six_digits(at: datetime, text: str) -> None:
    assert canonical.timestamp(at) == text


MOMENTS = st.datetimes(timezones=st.timezones()).filter(lambda at: 1 < at.year < 9999)


@given(MOMENTS, MOMENTS)
def test_a_written_time_is_the_same_moment_and_sorts_as_text(one: datetime, other: datetime) -> None:
    first, second = canonical.timestamp(one), canonical.timestamp(other)
    assert len(first) == 27
    assert datetime.fromisoformat(first) == one.astimezone(UTC)
    assert (first < second) == (one.astimezone(UTC) < other.astimezone(UTC))


@pytest.mark.parametrize("at", [datetime(2026, 11, 23), datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))])  # noqa: DTZ001
def test_a_time_that_is_no_moment_is_refused(at: datetime) -> None:
    with pytest.raises(errors.TimeNotAllowed):
        canonical.timestamp(at)


def test_a_commitment_can_be_recomputed_by_hand() -> None:
    salt = b"0123456789abcdef"
    expected = hashlib.sha256(b"\x02\x10" + salt + "tr\u00e8s".encode()).hexdigest()
    assert canonical.commitment(salt, "tr\u00e8s") == f"sha256:{expected}"


def test_salt_and_text_cannot_trade_bytes() -> None:
    assert canonical.commitment(b"s" * 16, "sa") != canonical.commitment(b"s" * 17, "a")


@pytest.mark.parametrize("length", [0, 15, 256])
def test_a_salt_that_is_too_short_or_too_long_is_refused(length: int) -> None:
    with pytest.raises(errors.SaltTooShort, match=str(length)):
        canonical.commitment(b"s" * length, "text")


def test_a_commitment_to_broken_text_is_refused() -> None:
    with pytest.raises(errors.TextNotUnicode):
        canonical.commitment(b"s" * 16, "\ud800")
