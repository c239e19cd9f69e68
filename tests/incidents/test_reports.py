"""The digest of a report: what RFC 8785 says, by faster means."""

from __future__ import annotations

import hashlib

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from awe_incidents.incidents.models import TEMPLATE_FIELDS
from awe_incidents.incidents.reports import digest_of

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)


@given(st.fixed_dictionaries(dict.fromkeys(TEMPLATE_FIELDS, TEXTS)))
def test_the_digest_is_over_the_canonical_form(texts: dict[str, str]) -> None:
    assert digest_of(texts) == hashlib.sha256(rfc8785.dumps(dict(texts))).hexdigest()
