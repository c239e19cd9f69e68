"""Certificates of the deployment in containers."""
