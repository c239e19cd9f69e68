"""What grows by the month: the months of tables, and what of them is forgotten."""
