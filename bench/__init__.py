"""What `make bench` runs: one module a family of figures, each with `figures(quick)`; see README.md."""
