"""The tamper-evident record of what was done, and by whom."""
