"""Tests of bug reports and incidents."""
