"""From results to ranked causes, each with the evidence that it is cited by: pure, no clock, no network, no Django."""
