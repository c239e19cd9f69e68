"""Running reference stacks."""

from tests.stacks import awe_stack  # noqa: F401  a fixture
