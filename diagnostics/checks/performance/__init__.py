"""Checks of room, load and speed."""
