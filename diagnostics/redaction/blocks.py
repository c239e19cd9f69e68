"""Which line opens which block of lines; `stream.py` keeps the open ones.

Every line gives exactly one line, so that evidence keeps its line numbers.
"""

from __future__ import annotations

from diagnostics.redaction import argument_block, key_block
from diagnostics.redaction.argument_block import ArgumentBlock
from diagnostics.redaction.key_block import KeyBlock
from diagnostics.redaction.patterns import compile_pattern
from diagnostics.redaction.rules.commands import ARGUMENT_LINES
from diagnostics.redaction.rules.spanning import KEY_BLOCK, KUBERNETES, NEXT_LINE, YAML_BLOCK
from diagnostics.redaction.value_blocks import DATA, SECRET_KIND, IndentBlock, Manifest, NextLine, indented

Block = KeyBlock | IndentBlock | NextLine | Manifest | ArgumentBlock


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
    return _opened_by_name(line, depth)


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
