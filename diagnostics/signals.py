"""What diagnostics announce to whoever stands above them."""

from django.dispatch import Signal

# Sent inside the transaction that finishes a run: run=Run, at=datetime. A receiver that fails keeps the run open, and
# the sweeper tries again.
run_finished = Signal()

# Sent in every round of the sweeper, outside of transactions: at=datetime. For rows of other apps that wait for a
# doorbell; a receiver that fails is told of, and costs the others nothing.
sweeping = Signal()
