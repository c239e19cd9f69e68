"""Tests of the redaction library."""
