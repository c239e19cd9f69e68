"""Actions on the certificates of a stack's doors and clients."""
