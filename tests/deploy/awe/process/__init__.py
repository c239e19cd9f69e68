"""Tests of the process form."""
