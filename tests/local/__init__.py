"""Tests of the embedded servers and the supervisor, on real processes."""
