"""Checks that hang, linger or do nothing, and the other way to look: threads with a watchdog (ADR 5)."""
