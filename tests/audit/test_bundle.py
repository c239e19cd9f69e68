"""Bundles: written at once or in pieces they are the same, and what a crash leaves is cut."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from awe_incidents.audit.bundle import BundleWriter
from awe_incidents.audit.errors import ExportRefused
from tests.audit import logs


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_bundle_that_was_interrupted_is_the_same_in_the_end(tmp_path: Path) -> None:
    log = logs.usual()
    whole = contents(log.export(tmp_path / "whole"))
    for stop in (0, 1, 256, 300, 699):
        folder = tmp_path / f"stopped-{stop}"
        writer = BundleWriter(folder)
        for record in log.records[:stop]:
            writer.add(record)
        assert writer.size == stop
        writer.close()  # nothing of the last pieces is there, as after a crash
        again = BundleWriter(folder)
        assert again.size == stop // 256 * 256
        again.close()
        assert contents(log.export(folder)) == whole


def test_lines_of_entries_that_are_not_there_are_cut(tmp_path: Path) -> None:
    log = logs.usual()
    whole = contents(log.export(tmp_path / "whole"))
    for torn in (b'{"index":999', b'{"index":256,"more":1}\n{"index":257'):
        folder = tmp_path / f"torn-{len(torn)}"
        writer = BundleWriter(folder)
        for record in log.records[:256]:
            writer.add(record)
        writer.close()
        with (folder / "projection.jsonl").open("ab") as file:
            file.write(torn)
        assert contents(log.export(folder)) == whole


def test_a_bundle_grows_with_its_log(tmp_path: Path) -> None:
    log = logs.usual(400)
    folder = log.export(tmp_path / "bundle")
    assert log.verify(folder).verdict == "OK"
    log.record(400)
    log.sign(witnessed=True)
    report = log.verify(log.export(folder))
    assert (report.verdict, report.size) == ("OK", 800)


@pytest.mark.parametrize("name", ["projection", "disclosures"])
def test_texts_and_columns_stay_at_home_where_nobody_asks_for_them(tmp_path: Path, name: str) -> None:
    folder = logs.usual(300).export(tmp_path / "bundle", **{f"with_{name}": False})
    assert not (folder / f"{name}.jsonl").exists()
    assert len(list(folder.glob("*.jsonl"))) == 1


@pytest.mark.parametrize("stop", [1, 300])
@pytest.mark.parametrize("is_begun_with", [True, False])
@pytest.mark.parametrize("name", ["projection", "disclosures"])
def test_a_bundle_is_not_continued_with_the_other_choice(
    tmp_path: Path, name: str, stop: int, is_begun_with: bool
) -> None:
    log, folder = logs.usual(600), tmp_path / "bundle"
    writer = BundleWriter(folder, **{f"with_{name}": is_begun_with})
    for record in log.records[:stop]:
        writer.add(record)
    writer.close()
    before = contents(folder)
    if stop == 1 and not is_begun_with:  # nothing is there yet
        assert log.verify(log.export(folder)).verdict == "OK"
        return
    how = "with" if is_begun_with else "without"
    with pytest.raises(ExportRefused, match=f"begun {how} {name}"):
        log.export(folder, **{f"with_{name}": not is_begun_with})
    assert contents(folder) == before
    assert log.verify(log.export(folder, **{f"with_{name}": is_begun_with})).verdict == "OK"


def test_the_files_are_those_of_the_page(tmp_path: Path) -> None:
    folder = logs.usual(300).export(tmp_path / "bundle")
    assert {path.name for path in folder.iterdir()} == {
        "checkpoint",
        "checkpoints",
        "tile",
        "projection.jsonl",
        "disclosures.jsonl",
    }
    first = json.loads((folder / "disclosures.jsonl").read_text().splitlines()[0])
    assert first == {"index": 0, "texts": {"because": ["00" * 16, "reason 0"]}}
    page = (Path(__file__).parents[2] / "docs" / "audit-bundle.md").read_text()
    for path in folder.iterdir():
        assert f"`{path.name}" in page
