"""Probes: one adapter per outside thing; they look with deadlines, never write, and classify what they see."""
