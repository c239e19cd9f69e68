"""Words of texts, and the vectors and queries that are made of them."""

from __future__ import annotations

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from awe_incidents.incidents import vectors
from awe_incidents.incidents.template import TemplateFields
from awe_incidents.incidents.words import MAX_WORD, telling_words, words_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Certificate has EXPIRED!", ["certificate", "expired"]),
        ("psycopg.OperationalError: port 5432", ["psycopg", "operationalerror", "port", "5432"]),
        ("2026-11-23T15:01:12.123Z api_1 | x509", ["api", "1", "x509"]),
        ("\uff37ide \ufb01le straße", ["wide", "file", "strasse"]),
        ("token [REDACTED:jwt:ab12cd] refused", ["token", "refused"]),
        ("画面が真っ白", ["画面", "面が", "が真", "真っ", "っ白"]),
        ("n" * 100, ["n" * MAX_WORD]),
    ],
)
def test_words_are_those_that_one_would_search_for(text: str, expected: list[str]) -> None:
    assert list(words_of(text)) == expected


def test_telling_words_have_neither_ids_nor_numbers() -> None:
    text = "worker12 job 4711 of 9f3a77c1-aa01 at 0xdeadbeef failed: 502 after 30.0 s"
    assert list(telling_words(text)) == ["worker", "job", "failed", "502"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200), st.text(max_size=200))
def test_postgresql_reads_every_vector_and_query(db: None, said: str, logs: str) -> None:
    report = TemplateFields(actual_behavior=said, container_logs=f"error {logs}")
    profile = vectors.profile_of_report(report)
    vector = vectors.vector_of(report, profile, stack_id=7)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tsvector_to_array(ts_filter(v, '{a}')), tsvector_to_array(ts_filter(v, '{b}')),"
            " tsvector_to_array(ts_filter(v, '{c}')), v @@ %s::tsquery, v @@ %s::tsquery"
            " FROM (SELECT %s::tsvector) AS t(v)",
            [vectors.query_of_any(profile), vectors.query_of_telling(profile, stack_id=7), vector],
        )
        said_words, logged, marks, any_found, telling_found = cursor.fetchone()
        assert vectors.profile_of_arrays(said_words, logged, marks) == profile
        assert any_found is True  # at least the word error
        assert telling_found is True
        if query := vectors.query_of_search(said):
            cursor.execute("SELECT %s::tsvector @@ %s::tsquery", [vector, query])
            assert cursor.fetchone() == (True,)


def test_a_query_of_nothing_is_empty() -> None:
    assert vectors.query_of_search("the & of | !") == ""


def test_a_query_cannot_be_written_by_who_searches() -> None:
    assert vectors.query_of_search("a' | 'b <-> c:* @7 =ab") == "'b' & 'c' & '7' & 'ab'"
