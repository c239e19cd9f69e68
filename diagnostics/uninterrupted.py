"""Imported by the fork server alone: Ctrl-C is for the one who waits, and not for those who look.

The fork server gives its children what it found SIGINT to be when it began (Python's multiprocessing/forkserver.py). A
mask is not handed down: whoever starts the server's resource tracker, which is on the way, takes SIGINT out of it.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
