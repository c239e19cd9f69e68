"""What recording is measured against: the same row with nothing, with our trail, and with three packages of others."""
