"""Who did it."""

from __future__ import annotations

import getpass
import os

import pytest

from awe_incidents.actor import operating_system_user


def test_a_user_that_the_machine_has_no_name_for_is_named_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", fail)
    assert operating_system_user() == f"uid-{os.getuid()}"
