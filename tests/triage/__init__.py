"""Tests of the triage desk."""
