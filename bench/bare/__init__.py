"""What filing is measured against: a table with the seven fields, and the plainest DRF view that fills it."""
