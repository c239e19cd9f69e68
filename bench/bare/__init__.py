"""What filing is measured against: a table of what a client sends, and the plainest DRF view that fills it."""
