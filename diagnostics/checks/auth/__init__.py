"""Checks of health, login and tokens."""
