"""Reconciliation: what engines tell, against what was approved."""
