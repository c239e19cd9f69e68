"""What recovery announces to whoever stands above it."""

from django.dispatch import Signal

# Sent inside the transaction that breaks the glass: review=Review, at=datetime. For notifications, which queue
# what they send; a receiver that fails refuses the break-glass.
glass_broken = Signal()
