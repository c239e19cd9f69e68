"""What a bench's fork server loads besides the library: the bench's own checks."""

from bench.looking.checks import register

register()
