"""Lines of keys in TOML text."""

from __future__ import annotations

import pytest

from diagnostics.stack.positions import line_of

TEXT = '''\
name = "x"
[services.api]
role = "api"
"pid file" = "a"
[services."odd.name"]
role = "worker"
[[contacts]]
name = "one"
[[contacts]]
name = "two"
[tokens]
note = """
name = "not a key"
[not.a.table]
"""
inline = { a = 1 }
dotted.key = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 1),
        (("services", "api"), 2),
        (("services", "api", "role"), 3),
        (("services", "api", "pid file"), 4),
        (("services", "odd.name", "role"), 6),
        (("contacts", 0, "name"), 8),
        (("contacts", 1, "name"), 10),
        (("tokens", "inline", "a"), 16),
        (("tokens", "dotted", "key"), 17),
        (("services", "api", "missing"), 2),
        (("services",), 2),
        (("nothing", "of", "it"), None),
        ((), None),
    ],
)
def test_the_line_of_a_key_or_of_its_nearest_parent(path: tuple[str | int, ...], line: int | None) -> None:
    assert line_of(TEXT, path) == line
