"""Command line of the trail's programs, without Django: `python -m awe_incidents.audit sign`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from awe_incidents.audit import programs
from awe_incidents.audit.witness_site import WitnessOptions


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run a program of the audit trail; `manage.py sequence_trail` and `manage.py sign_trail` are the same."""


@main.command()
def sequence() -> None:
    """Give entries their places in the tree until stopped; DATABASE_URL is the application's."""
    sys.exit(programs.sequence())


@main.command()
def sign() -> None:
    """Sign the tree until stopped; DATABASE_URL is the signer's, AWE_TRAIL_DIR its folder."""
    sys.exit(programs.sign())


@main.command()
@click.option("--clear", metavar="NAME", help="clear an alarm that you have looked into, and end")
def anchor(clear: str | None) -> None:
    """Bring checkpoints to witnesses and others until stopped; DATABASE_URL and AWE_TRAIL_DIR are the signer's."""
    sys.exit(programs.clear(clear) if clear else programs.anchor())


@main.command()
def follow() -> None:
    """Write entries into AWE_SECURITY_LOG as OCSF, a line of JSON each; DATABASE_URL is the application's."""
    sys.exit(programs.write_security_log())


@main.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="keys and what was signed last")
@click.option("--name", default="", help="such as witness.example/w1; for ever, so only needed at the first start")
@click.option("--log", "logs", multiple=True, metavar="VKEY", help="a log that may be signed, by its key (repeat)")
@click.option("--listen", default=programs.LISTEN, show_default=True, metavar="HOST:PORT")
@click.option("--prefix", default="", help="of the path, such as /w1")
@click.option("--with-mldsa", is_flag=True, help="sign by ML-DSA-44, too, which quantum computers do not break")
def witness(listen: str, **options: Any) -> None:
    """Sign checkpoints of other people's logs (C2SP tlog-witness) until stopped; needs no database."""
    sys.exit(programs.witness(WitnessOptions(**options), listen=listen))


if __name__ == "__main__":
    programs.configure_log()
    main(prog_name="python -m awe_incidents.audit")
