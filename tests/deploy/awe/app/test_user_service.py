from __future__ import annotations

import pytest
from shared.services.user_service import UserService


def test_a_password_belongs_to_its_hash_only() -> None:
    password_hash = UserService.hash("correct horse")
    assert UserService.check("correct horse", password_hash)
    assert not UserService.check("battery staple", password_hash)
    assert "correct" not in password_hash


def test_a_password_that_bcrypt_would_cut_is_never_right() -> None:
    password_hash = UserService.hash("x" * 72)
    assert UserService.check("x" * 72, password_hash)
    assert not UserService.check("x" * 73, password_hash)
    with pytest.raises(ValueError, match="72 bytes"):
        UserService.hash("x" * 73)
