"""What the memory of our programs is measured against: Django and Celery with nothing of ours in them."""
