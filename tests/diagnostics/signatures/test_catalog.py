"""The catalogue proves itself: every sample is hit, no counter-sample is, and what it names exists."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from diagnostics.checks.registry import all_checks
from diagnostics.redaction import Redactor
from diagnostics.signatures import (
    CatalogInvalid,
    Signature,
    UnknownSignature,
    all_signatures,
    known_lines,
    read_catalog,
)
from diagnostics.signatures.catalog import CATEGORIES, signature

DESIGN = Path(os.environ.get("AWE_DESIGN_DIR", Path(__file__).resolve().parents[3] / "../shared/design"))
GIVEN = DESIGN / "signatures.json"
EVERY = [pytest.param(one, id=one.id) for one in all_signatures().values()]


def ids_in(text: str) -> set[str]:
    return {one for _, ids in known_lines().hits(text) for one in ids}


@pytest.mark.parametrize("one", EVERY)
def test_every_sample_hits_its_own_signature(one: Signature) -> None:
    assert [sample for sample in one.samples if one.id not in ids_in(sample)] == []


@pytest.mark.parametrize("one", EVERY)
def test_every_sample_is_still_hit_after_redaction(one: Signature) -> None:
    redactor = Redactor(b"k" * 32)
    assert [sample for sample in one.samples if one.id not in ids_in(redactor.text(sample).text)] == []


@pytest.mark.parametrize("one", EVERY)
def test_no_counter_sample_is_hit_by_anything(one: Signature) -> None:
    assert {sample: ids_in(sample) for sample in one.counter_samples if ids_in(sample)} == {}


@pytest.mark.parametrize("one", EVERY)
def test_what_confirms_a_signature_exists_and_samples_differ(one: Signature) -> None:
    assert one.confirmed_by
    assert set(one.confirmed_by) <= set(all_checks())
    assert len(set(one.confirmed_by)) == len(one.confirmed_by)
    assert len(set(one.samples)) == len(one.samples)


def test_the_categories_are_those_of_checks() -> None:
    assert {one.category for one in all_checks().values()} == CATEGORIES
    assert {one.category for one in all_signatures().values()} == CATEGORIES


@pytest.mark.skipif(not GIVEN.exists(), reason=f"the given signatures are not at {GIVEN}; set AWE_DESIGN_DIR")
def test_every_given_signature_is_there_and_its_sample_is_hit() -> None:
    given = json.loads(GIVEN.read_text())
    assert len(given) >= 98
    missing = [one["id"] for one in given if one["id"] not in all_signatures()]
    assert missing == []
    assert [one["id"] for one in given if one["id"] not in ids_in(one["sample"])] == []


def test_an_unknown_signature_is_refused() -> None:
    assert signature("PG-01").program == "PostgreSQL"
    with pytest.raises(UnknownSignature, match="XX-99"):
        signature("XX-99")


WHOLE = """
program = "Till"
[[signature]]
id = "TI-01"
pattern = 'drawer is stuck'
where = "log"
category = "startup"
hints_at = "The drawer is stuck."
confirm = "Look."
confirmed_by = ["startup.logs"]
fix = "Pull."
samples = ["drawer is stuck", "ERROR drawer is stuck"]
counter_samples = ["drawer is open"]
"""


def test_a_file_that_is_whole_is_read(tmp_path: Path) -> None:
    (tmp_path / "till.toml").write_text(WHOLE)
    (one,) = read_catalog(tmp_path).values()
    assert (one.id, one.program, one.versions, one.ordinary) == ("TI-01", "Till", "any", False)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('program = "Till"', "", "holds `program`"),
        ("[[signature]]", "[[signatures]]", "holds `program`"),
        ('id = "TI-01"', 'id = "till-1"', "an id is"),
        ('id = "TI-01"', "", "a signature without id: without id"),
        ("'drawer is stuck'", "'drawer (is stuck'", "no RE2 pattern"),
        ("'drawer is stuck'", "'(?:drawer)?'", "in every line"),
        ('"startup"', '"cellar"', "category is one of"),
        ('fix = "Pull."', 'fix = " "', "fix says nothing"),
        ('fix = "Pull."', "fix = 7", "fix must be str"),
        ('fix = "Pull."', 'fix = "Pull."\nfixx = "x"', "unknown field fixx"),
        ('fix = "Pull."', 'fix = "Pull."\nversions = "new ones"', "versions is"),
        ('fix = "Pull."', 'fix = "Pull."\nordinary = "yes"', "ordinary must be bool"),
        ('samples = ["drawer is stuck", "ERROR drawer is stuck"]', 'samples = ["x"]', "needs 2 samples"),
        ('counter_samples = ["drawer is open"]', "counter_samples = []", "1 counter-sample"),
        ('counter_samples = ["drawer is open"]', "counter_samples = [1]", "counter_samples must be"),
        ('program = "Till"', "program = ", "till.toml: "),
    ],
)
def test_a_flaw_is_named_with_its_place(tmp_path: Path, before: str, after: str, said: str) -> None:
    assert before in WHOLE
    (tmp_path / "till.toml").write_text(WHOLE.replace(before, after, 1))
    with pytest.raises(CatalogInvalid) as refused:
        read_catalog(tmp_path)
    assert "till.toml" in str(refused.value)
    assert said in str(refused.value)


def test_an_id_that_is_there_twice_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogInvalid, match="no signatures"):
        read_catalog(tmp_path)
    (tmp_path / "a.toml").write_text(WHOLE)
    (tmp_path / "b.toml").write_text(WHOLE)
    with pytest.raises(CatalogInvalid, match="TI-01 is there twice"):
        read_catalog(tmp_path)
