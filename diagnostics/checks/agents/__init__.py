"""Checks of workers and queues."""
