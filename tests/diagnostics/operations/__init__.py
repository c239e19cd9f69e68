"""Tests of the operations of diagnostics, by module."""
