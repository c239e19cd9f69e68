"""Checks of names, connections and timing."""
