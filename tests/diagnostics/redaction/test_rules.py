"""Every rule, by the texts that it carries."""

from __future__ import annotations

import pytest

from diagnostics.redaction import Options, Redactor
from diagnostics.redaction.finder import RuleFinder
from diagnostics.redaction.patterns import compile_pattern, union
from diagnostics.redaction.rule import Rule
from diagnostics.redaction.rules import OPTIONAL_RULES, RULE_SET_VERSION, RULES
from diagnostics.redaction.rules.spanning import BLOCK_RULES
from diagnostics.redaction.views import views_of
from tests.diagnostics.redaction.cases import own_cases

EVERY_RULE = (*RULES, *BLOCK_RULES)
FINDS = [(rule, text, secret) for rule in EVERY_RULE for text, secret in rule.finds]
LEAVES = [(rule, text) for rule in EVERY_RULE for text in rule.leaves]


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(b"k" * 32, options=Options(cards=True))


@pytest.mark.parametrize(("rule", "text", "secret"), FINDS, ids=lambda value: getattr(value, "id", None))
def test_a_rule_finds_its_true_positives(redactor: Redactor, rule: Rule, text: str, secret: str) -> None:
    assert secret in text
    redacted = redactor.text(text)
    assert secret not in redacted.text
    assert redactor.text(redacted.text).text == redacted.text


@pytest.mark.parametrize(("rule", "text"), LEAVES, ids=lambda value: getattr(value, "id", None))
def test_a_rule_leaves_its_false_positives(redactor: Redactor, rule: Rule, text: str) -> None:
    assert redactor.text(text).text == text


@pytest.mark.parametrize("rule", EVERY_RULE, ids=lambda rule: rule.id)
def test_a_rule_says_why_and_proves_itself(rule: Rule) -> None:
    assert rule.why
    assert rule.finds
    assert rule.leaves
    assert all(keyword == keyword.lower() for keyword in rule.keywords)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_alone_finds_its_first_text(rule: Rule) -> None:
    """No rule may live on what its neighbors find."""
    text, secret = rule.finds[0]
    found = [
        view.text[start:end]
        for line in text.encode().split(b"\n")
        for view in views_of(line)
        for start, end in RuleFinder(rule).find(view.text)
    ]
    assert any(secret.encode() in part or part in secret.encode() for part in found)


def test_rule_ids_are_unique() -> None:
    ids = [rule.id for rule in RULES]
    assert len(set(ids)) == len(ids)


def test_every_find_holds_a_keyword_and_an_anchor() -> None:
    """Keywords and anchors are shortcuts: a line without them is never shown to the rule."""
    lines = {line.encode() for case in own_cases() for line in case.text.split("\n")}
    lines |= {line.encode() for rule in RULES for text, _ in rule.finds for line in text.split("\n")}
    for rule in RULES:
        finder = RuleFinder(rule)
        anchor = compile_pattern(union(rule.all_anchors()), within_lines=True)
        for line in lines:
            if list(finder.find(line)):
                assert any(word.encode() in line.lower() for word in rule.keywords), (rule.id, line)
                assert anchor.search(line), (rule.id, line)


def test_options_leave_rules_out() -> None:
    text = "mail carol@example.org card 4111 1111 1111 1111"
    assert Redactor(b"k" * 32).text(text).receipt.counts == {"email": 1}
    assert Redactor(b"k" * 32, options=Options(emails=False, cards=True)).text(text).receipt.counts == {
        "card-number": 1
    }
    assert set(OPTIONAL_RULES) <= {rule.id for rule in RULES}


def test_the_version_names_the_rules() -> None:
    assert RULE_SET_VERSION.startswith("1.")
    assert Redactor(b"k" * 32).text("x").receipt.rule_set_version == RULE_SET_VERSION
