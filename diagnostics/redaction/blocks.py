"""Which line opens which block of lines; `stream.py` keeps the open ones.

Every line gives exactly one line, so that evidence keeps its line numbers.
"""

from __future__ import annotations

import re

from diagnostics.redaction import argument_block, key_block, record_blocks
from diagnostics.redaction.argument_block import ArgumentBlock
from diagnostics.redaction.key_block import KeyBlock
from diagnostics.redaction.patterns import compile_pattern
from diagnostics.redaction.record_blocks import Answer, FormPart, SqlParameters, SqlRows, Table
from diagnostics.redaction.rules import names
from diagnostics.redaction.rules.commands import ARGUMENT_LINES
from diagnostics.redaction.rules.spanning import (
    ANSWER,
    FORM_PART,
    KEY_BLOCK,
    KUBERNETES,
    NEXT_LINE,
    SQL_NEXT_LINE,
    TABLE,
    YAML_BLOCK,
)
from diagnostics.redaction.value_blocks import DATA, SECRET_KIND, IndentBlock, Manifest, NextLine, indented

Block = (
    KeyBlock | IndentBlock | NextLine | Manifest | ArgumentBlock | Answer | FormPart | SqlParameters | SqlRows | Table
)


def opened_by(line: bytes) -> tuple[str, Block] | None:
    """Give the block that a line opens, with its rule's id; the line itself is for the ordinary rules."""
    if key := key_block.opened_by(line):
        return KEY_BLOCK.id, key
    if arguments := argument_block.opened_by(line):
        return ARGUMENT_LINES.id, arguments
    _, depth, content = indented(line)
    if SECRET_KIND.match(content):
        return KUBERNETES.id, Manifest(is_secret=True)
    if DATA.match(content):
        return KUBERNETES.id, Manifest(is_secret=False, data_indent=depth)
    return _opened_by_record(line) or _opened_by_name(line, depth)


_OPENERS = [(rule, compile_pattern(rule.pattern), compile_pattern(rule.keep_keys)) for rule in (YAML_BLOCK, NEXT_LINE)]


def _opened_by_name(line: bytes, depth: int) -> tuple[str, Block] | None:
    for rule, pattern, keep in _OPENERS:
        match = pattern.search(line)
        if match is None:
            continue
        places = [(name, match[index]) for name, index in pattern.groupindex.items() if name.startswith(b"key")]
        name, key = next((name, key) for name, key in places if key is not None)
        if keep.search(key):
            return None
        if rule is YAML_BLOCK:
            return rule.id, IndentBlock(indent=depth)
        return rule.id, NextLine(indent=depth, needs_value=name == b"key4", key=key)
    return None


_ANSWER, _STATEMENT, _FORM, _TABLE = (
    compile_pattern(rule.pattern) for rule in (ANSWER, SQL_NEXT_LINE, FORM_PART, TABLE)
)
_KEPT = compile_pattern(TABLE.keep_keys)
_KEY = compile_pattern(rf"(?i){names.PASSWORD_KEY}|{names.SECRET_KEY}")


def _opened_by_record(line: bytes) -> tuple[str, Block] | None:
    if match := _ANSWER.search(line):
        return ANSWER.id, Answer(record_blocks.FOLDED if match[b"folded"] else record_blocks.SMTP_LINE)
    if match := _STATEMENT.search(line):
        if match[b"password"]:
            return SQL_NEXT_LINE.id, Answer(record_blocks.SQL_LITERAL)
        if match[b"columns"]:
            return SQL_NEXT_LINE.id, SqlRows()
        numbers = re.findall(rb"\$(\d+)$", match[b"number"] or b"")
        return SQL_NEXT_LINE.id, SqlParameters(frozenset(numbers))
    if (match := _FORM.search(line)) and not _KEPT.search(match[b"key"]):
        return FORM_PART.id, FormPart()
    if _TABLE.search(line) and (table := record_blocks.table_below(line, _KEY, _KEPT)):
        return TABLE.id, table
    return None
