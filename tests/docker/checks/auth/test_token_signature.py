from __future__ import annotations

import pytest

from deploy.awe.compose import ComposeStack
from diagnostics.checks.result import State
from diagnostics.stack import read_stack
from tests.diagnostics.looks import codes, found, look
from tests.docker.checks.breaking import broken

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_the_keys_of_containers_agree(lab: ComposeStack) -> None:
    assert codes(look("auth.token_signature", read_stack(lab.description))) >= {"signature.keys_agree"}


def test_a_key_that_differs_is_found_in_the_containers_themselves(lab: ComposeStack) -> None:
    with broken(lab, "jwt-secret-mismatch") as config:
        result = look("auth.token_signature", config)
    assert found(result, "signature.keys_differ").state is State.FAIL
