"""Certificates of real servers."""
