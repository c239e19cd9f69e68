#!/usr/bin/env python
"""Run a management command of AWE Incidents."""

import os
import sys


def main() -> None:
    """Hand over to Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "awe_incidents.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("Django is not installed here. Run `make install`, then use .venv/bin/python manage.py ...")
    from awe_incidents.log.output import guard_errors

    guard_errors()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
