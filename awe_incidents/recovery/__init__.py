"""Recovery actions: requested, approved, started at most once, verified, audited."""
