"""Tests that need a Docker Engine: `make test-docker`."""
