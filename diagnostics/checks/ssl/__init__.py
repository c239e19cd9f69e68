"""Checks of certificates and mutual TLS."""
