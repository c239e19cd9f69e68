"""An action of the bench, whose effect tells when it happened."""
