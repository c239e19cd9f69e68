"""Every rule, in the order in which they are tried, and the version of the set."""

from __future__ import annotations

import hashlib

from diagnostics.redaction.rule import Rule
from diagnostics.redaction.rules import (
    clouds,
    commands,
    connections,
    hashes,
    headers,
    keyed,
    keys,
    notations,
    persons,
    records,
    vendors,
)

# Rules of one group share one search for their anchors; larger groups would need automatons that outgrow their memory.
GROUPS: tuple[tuple[Rule, ...], ...] = (
    (*keys.RULES, *hashes.RULES, *vendors.RULES, *headers.RULES, *commands.RULES, *persons.RULES),
    clouds.RULES,
    connections.RULES,
    (*keyed.RULES, *notations.RULES, *records.RULES),
)
RULES: tuple[Rule, ...] = tuple(rule for group in GROUPS for rule in group)
OPTIONAL_RULES = {"email": "emails", "card-number": "cards"}


def _version() -> str:
    digest = hashlib.sha256()
    for rule in RULES:
        fields = (rule.id, rule.pattern, rule.inner, rule.keep_keys, rule.keep_values, *rule.needs)
        digest.update("\0".join(fields).encode())
    return f"1.{digest.hexdigest()[:8]}"


RULE_SET_VERSION = _version()
