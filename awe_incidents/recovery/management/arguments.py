"""The command line: one word for each step, each with its help."""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from awe_incidents.recovery.management.ending import CODES
from awe_incidents.recovery.operations.reconciling import RESOLUTIONS
from awe_incidents.recovery.states import ReviewVerdict

TYPED = "tier 3 only: the stack's name, typed"
BECAUSE = "why; the trail keeps it"
WHOSE = "file with your API token, mode 0600; - or nothing: it is asked for, or a line of standard input"


def add_all(parser: ArgumentParser) -> None:
    """Take every step."""
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP", title="steps")

    def step(name: str, told: str, *, is_by_person: bool = True) -> ArgumentParser:
        made = steps.add_parser(
            name,
            help=told,
            description=told,
            epilog=CODES,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,  # nobody shall type a token behind --token
        )
        made.add_argument("--json", action="store_true", help="for programs")
        if is_by_person:
            made.add_argument("--token-file", metavar="FILE", help=WHOSE)
        return made

    step("actions", "list what can be done, with the parameters")
    for name, told in (
        ("plan", "say what an action would do; nothing is changed or stored"),
        ("request", "ask for an action; tiers 0 and 1 are queued at once"),
    ):
        made = step(name, told)
        made.add_argument("stack", help="its name")
        made.add_argument("action", help="see `actions`")
        made.add_argument("parameters", nargs="*", metavar="NAME=VALUE", help="lists as JSON")
        if name == "request":
            _because(made)
            made.add_argument("--incident", type=int, help="number of the incident that it is for")
            made.add_argument("--retry-of", type=int, help="number of the request that this one tries again")
    _add_decisions(step)
    _add_executions(step)
    _add_times(step)
    _add_records(step)


def _add_decisions(step: Any) -> None:
    for name, told in (
        ("approve", "approve what another person asked for; your password is asked for"),
        ("deny", "deny it for good; your password is asked for"),
    ):
        made = _on_request(step(name, told))
        _because(made)
        made.add_argument("--digest", help="of the request as you read it; without it you see it and are asked")
        if name == "approve":
            made.add_argument("--stack", default="", help=TYPED)
    made = _on_request(step("withdraw", "take back an own request that nobody has decided on"))
    made.add_argument("--because", default="", help=BECAUSE)
    _because(_on_request(step("cancel", "stop what is approved: at once while it waits, else before its next step")))
    made = _on_request(step("break-glass", "go past the approval for an incident; asks for your password"))
    _because(made)
    made.add_argument("--stack", default="", help=TYPED)
    made = _on_request(step("review", "say whether another person's break-glass was in order; asks for your password"))
    made.add_argument(
        "--verdict", required=True, choices=[one.value for one in ReviewVerdict], help="what you found it to be"
    )
    made.add_argument("--findings", required=True, help=BECAUSE)


def _add_executions(step: Any) -> None:
    made = step("status", "show a request, or list those that are open")
    made.add_argument("request", nargs="?", type=int, help="number of the request")
    made.add_argument("--stack", help="of this stack only")
    which = made.add_mutually_exclusive_group()
    which.add_argument("--waiting", action="store_true", help="only what waits for an approval")
    which.add_argument("--due", action="store_true", help="broken glass that nobody has reviewed, however it ended")
    made = _on_request(step("follow", "tell what happens to a request, with its output, until it ends"))
    made.add_argument("--for", dest="seconds", type=float, metavar="SECONDS", help="no longer than this")
    _on_request(step("execute", "carry out an approved request here, as the worker would; only where that is away"))
    _on_request(step("probe", "look at the target what a lost worker did; only where the workers are away"))
    made = _on_request(step("resolve", "say how an execution ended whose outcome is unknown"))
    made.add_argument(
        "--state", required=True, choices=[one.value for one in RESOLUTIONS], help="as you saw it at the target"
    )
    _because(made)


def _add_times(step: Any) -> None:
    made = step("times", "list freezes and maintenance windows")
    made.add_argument("stack", nargs="?", help="of this stack only")
    made = step("freeze", "let nothing start on a stack for a time; what is approved waits")
    made.add_argument("stack", help="its name")
    made.add_argument("--from", dest="starts_at", metavar="TIME", help="such as 2026-11-25T08:30:00Z; default now")
    made.add_argument("--until", dest="ends_at", metavar="TIME", required=True, help="as --from; within 90 days")
    made.add_argument("--from-tier", type=int, choices=range(4), default=0, help="and above; 0 is everything")
    _because(made)
    made = step("lift", "end a freeze early")
    made.add_argument("freeze", type=int, help="its number, see `times`")
    _because(made)
    made = step("declare-window", "declare a time of the week (UTC) in which tiers 2 and 3 may start")
    made.add_argument("stack", help="its name")
    made.add_argument("--weekday", type=int, choices=range(1, 8), required=True, help="1 is Monday")
    made.add_argument("--opens", dest="opens_at", metavar="HH:MM", required=True, help="such as 02:30, in UTC")
    made.add_argument("--minutes", type=int, required=True, help="how long it is open, up to a week")
    _because(made)
    made = step("close-window", "take a maintenance window back")
    made.add_argument("window", type=int, help="its number, see `times`")
    _because(made)


def _add_records(step: Any) -> None:
    made = step("record", "record what was done by hand; into the journal while our database does not answer")
    made.add_argument("stack", help="its name")
    _because(made)
    made.add_argument("--done-by", default="", metavar="NAME", help="yourself where left out")
    made.add_argument("--done-at", metavar="TIME", help="default now")
    made.add_argument("--incident", type=int, help="number of the incident that it was for")
    made.add_argument("--commands-file", metavar="FILE", help="what was typed; - is standard input")
    made.add_argument("--output-file", metavar="FILE", help="what came of it; - is standard input")
    for name, what in (("--screenshot", "a picture"), ("--attachment", "a text, such as a log")):
        told = f"{what}; may be given again; the journal takes no files"
        made.add_argument(name, action="append", default=[], metavar="FILE", help=told)
    made.add_argument("--to-journal", action="store_true", help="write into the journal without asking the database")
    made.add_argument("--stack-file", metavar="FILE", help="stack.toml: the journal redacts its secrets by value")
    _folder(made)
    made = step("journal", "show and verify the journal; --take-in puts it into manual actions and the trail, once")
    made.add_argument("--take-in", action="store_true", help="once the database answers again; marked late")
    _folder(made)


def _folder(parser: ArgumentParser) -> None:
    parser.add_argument("--folder", metavar="FOLDER", help="of the journal; default AWE_RECOVERY_JOURNAL, or your home")


def _on_request(parser: ArgumentParser) -> ArgumentParser:
    parser.add_argument("request", type=int, help="number of the request")
    return parser


def _because(parser: ArgumentParser) -> None:
    parser.add_argument("--because", required=True, help=BECAUSE)
