"""Checks: each looks at one thing of a stack and says what it found, with evidence. One check a file."""
