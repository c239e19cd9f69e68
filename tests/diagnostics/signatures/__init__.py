"""Tests of signatures: catalogue, matcher, templates, and lines of programs that nobody knows."""
