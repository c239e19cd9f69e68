"""Checks of ports, containers, files and logs."""
