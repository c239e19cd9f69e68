"""A witness of other people's logs: a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from awe_incidents.audit import programs
from awe_incidents.audit.witness_site import WitnessOptions


class Command(BaseCommand):
    """`manage.py witness --folder FOLDER --name witness.example/w1 --log VKEY`"""

    help = (
        "Sign checkpoints of other people's logs (C2SP tlog-witness) until stopped. "
        "`python -m awe_incidents.audit witness` is the same, and needs no database and no settings."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take folder, name, logs and address."""
        parser.add_argument("--folder", type=Path, required=True, help="keys and what was signed last")
        parser.add_argument("--name", default="", help="such as witness.example/w1; only needed at the first start")
        parser.add_argument("--log", action="append", default=[], metavar="VKEY", help="a log's key (repeat)")
        parser.add_argument("--listen", default=programs.LISTEN, metavar="HOST:PORT")
        parser.add_argument("--prefix", default="", help="of the path, such as /w1")
        parser.add_argument("--with-mldsa", action="store_true", help="sign by ML-DSA-44, too")

    def handle(self, *args: Any, **options: Any) -> None:
        """Go on until SIGTERM or SIGINT."""
        chosen = WitnessOptions(
            folder=options["folder"],
            name=options["name"],
            logs=options["log"],
            prefix=options["prefix"],
            with_mldsa=options["with_mldsa"],
        )
        sys.exit(programs.witness(chosen, listen=options["listen"]))
