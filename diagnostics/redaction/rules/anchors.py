# ruff: noqa: E501, S105 (a pattern reads best in one piece; these are names of secrets, not secrets)
"""The anchor that all rules for named values share: one automaton for the names, whatever may follow them.

Written once, for every copy of the names would multiply the automaton's states, and with them memory and time.
"""

from __future__ import annotations

from diagnostics.redaction.rules import names

# A sign of assignment after the name and its quotes, escapes or brackets: plain, encoded or of full width (in UTF-8).
SIGN = r"""[\w.\\%&#;"'`\]\[-]*[ \t]*(?:[=:,|>?+!(]|\.=|%3|-|\xef\xbc[\x9a\x9d])"""
# What follows is more than a number of up to five digits.
NOT_A_COUNT = r"""\W*(?:\d{6}|\d{0,5}(?:[^\d\s,;})&|\]"']|[)\]}]{1,2}\w))"""
_DECLARATION = r"[\w.-]*[ \t]+[A-Za-z][\w.<>\[\]?|]*[ \t]*=[ \t]*[@\w\[]{0,3}[\"'`\\]"
_DIRECTIVE = r"[\w.-]*[ \t]*[\"'][^\"'\n]*[\"'];"
_SENTENCE = r"(?: for (?:the )?(?:user |role )?\S+)?(?: (?:is|was|of|to|set|reset|changed|now|has|been|as|value|being))*[ \t]+\S*\d"
_PAIR = r"[\w.-]*\\*[\"'](?:[\s,;]*\\*[\"']?value|[ \t]*[}/>])"
_SQL = r"(?: for \S+)?(?:[ \t]+|[ \t]*=[ \t]*)(?:(?:[en]|u&)?\\*'|\$)"
_LINE_END = r"[\w.-]*[\"'>]?\]?[ \t]*(?::|=>?)?[ \t]*(?:![\w!]+[ \t]+)?(?:[|>][+-]?\d?)?[ \t\r]*(?:/?>|,|#.*)?$"
_TAILS = f"{_DECLARATION}|{_DIRECTIVE}|{_SENTENCE}|{_SQL}|{_PAIR}|{_LINE_END}"

_PASSWORD_NAMES = r"(?:pass(?:[_.-]?(?:wor[dt]|phrase|code)|wd)?|pwd|pw|totp|otp|cvv|masterauth)"
_FOR = r"(?: for [^\n:=]{0,40}:)"
NAMED = rf"(?i:{_PASSWORD_NAMES}(?:{SIGN}|{_FOR}|{_TAILS})|{names.SECRET}(?:{SIGN}{NOT_A_COUNT}|{_TAILS}))"
