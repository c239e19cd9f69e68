"""Give the log new keys."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from awe_incidents.actor import command, operating_system_user
from awe_incidents.audit.cosignature import now
from awe_incidents.audit.errors import AuditError
from awe_incidents.audit.programs import trail_folder
from awe_incidents.audit.rotating import prepare_log_keys, rotate_log_keys
from awe_incidents.env import env


class Command(BaseCommand):
    """`manage.py rotate_trail_key --because "once a year"`"""

    help = (
        "Make new keys of the log beside the old ones, and record an entry that both sign; from that entry on the "
        "signer signs with the new keys, and removes the old ones. Run it as the user of the signer, with its "
        "AWE_TRAIL_DIR and AWE_TRAIL_PASSPHRASE, and the application's DATABASE_URL. Broken off, run it again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the reason."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--because", help="rotate; the reason, for the audit trail")
        what.add_argument(
            "--prepare",
            action="store_true",
            help="make and print the keys only, so that witnesses have them by then",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate, and say what others have to be told."""
        passphrase = env.ENVIRON.get("AWE_TRAIL_PASSPHRASE", "")
        try:
            if options["prepare"]:
                vkeys = prepare_log_keys(folder=trail_folder(), passphrase=passphrase, clock=now)
                self.stdout.write(
                    "Nothing is changed yet. The next rotation brings these keys; give them to witnesses:"
                )
                self.stdout.write("\n".join(vkeys))
                return
            rotated = rotate_log_keys(
                folder=trail_folder(),
                passphrase=passphrase,
                clock=now,
                by=command(operating_system_user()),
                at=timezone.now(),
                because=options["because"],
            )
        except (AuditError, OSError) as error:
            raise CommandError(str(error)) from error
        if rotated.was_recorded:
            self.stdout.write("It was recorded before; the signer takes these keys when it comes to that entry:")
        else:
            self.stdout.write("Recorded. The signer takes these keys when it comes to that entry; witnesses need them:")
        self.stdout.write("\n".join(rotated.vkeys))
