"""The demonstration from start to verdict; every step goes through the doors that users have."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from awe_incidents.local.demonstration import report, screen
from awe_incidents.local.demonstration.client import Client
from awe_incidents.local.demonstration.errors import DemoFailed
from awe_incidents.local.layout import CHECKOUT

FAULT = "server-cert-expired"
# What the fault must look like: data of the fault bench, which nothing that diagnoses ever reads.
EXPECTATIONS = CHECKOUT / "tests" / "faults" / "process.toml"
RUN_SECONDS = 90.0
EXCERPT_LINES = 6


def command(*argv: str, environment: Mapping[str, str]) -> str:
    """Run one of our own commands and give its output.

    Raises: DemoFailed, with what the command printed.
    """
    done = subprocess.run(
        [sys.executable, *argv], cwd=CHECKOUT, env=dict(environment), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DemoFailed(f"`{' '.join(argv)}` failed: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def prepare_stack(root: Path, environment: Mapping[str, str]) -> None:
    """Start a fresh reference stack (the one of an earlier demonstration is removed) and break it."""
    if root.exists():
        command("-m", "deploy.awe", "down", "--delete", "--root", str(root), environment=environment)
    command("-m", "deploy.awe", "up", "--root", str(root), environment=environment)


def tell(*, url: str, root: Path, environment: Mapping[str, str]) -> bool:
    """Tell the story on a running service at `url` and a healthy stack at `root`; say whether it ended as expected."""
    screen.console.print("[bold]AWE Incidents[/]: a bug report in, evidence from a real stack out\n")
    with screen.step("The stack is described and two people have tokens"), ThreadPoolExecutor(2) as pool:
        described = pool.submit(command, "manage.py", "apply_stack", str(root / "stack.toml"), environment=environment)
        people = pool.submit(command, "manage.py", "demo_access", environment=environment)
        described.result()
        access = json.loads(people.result())
    with screen.step(f"The reference stack is broken on purpose: {FAULT}"):
        command("-m", "deploy.awe", "break", FAULT, "--root", str(root), environment=environment)
    return _file_and_follow(url, root, access)


def _file_and_follow(url: str, root: Path, access: dict[str, Any]) -> bool:
    description = tomllib.loads((root / "stack.toml").read_text())
    client = Client(url, access["tokens"]["demo-reporter"])
    with screen.step("The documented template is filed as Markdown over HTTP"):
        log = next(iter(root.glob("logs/api*.log")), None)
        lines = log.read_text(errors="replace").splitlines() if log else []
        endpoint = next(iter(description["endpoints"].values()))["url"]
        filed = client.file_markdown(report.markdown(url=endpoint, log_lines=lines), stack=description["name"])
    screen.console.print(f"  bug report {filed['id']}, incident {filed['incident']}\n")
    run = screen.show_run(client.follow(filed["run"], seconds=RUN_SECONDS))
    if run.get("state") != "finished":
        raise DemoFailed(f"the run did not finish within {RUN_SECONDS:g} s; look at .local/logs")
    for result in run["results"]:
        if result["state"] == "fail":
            screen.show_finding(result, _excerpts(client, result))
    _show_redaction(client, filed)
    screen.console.print("\n[bold]Look on[/]")
    desk = access["desk"]
    screen.show_links(
        {
            "triage desk": f"{url}admin/",
            "  log in as": f"{desk['user']} / {desk['password']}",
            "API": f"{url}api/docs/",
            "incident": filed["links"]["incident"],
            "bug report": filed["links"]["self"],
            "run": filed["run"],
            "token (operator, 1 day)": access["tokens"]["demo-operator"],
        }
    )
    return _as_expected(run, filed)


def _excerpts(client: Client, result: dict[str, Any]) -> list[tuple[str, str]]:
    """Fetch the evidence lines that the findings cite."""
    evidence = {piece["key"]: piece for piece in result["evidence"]}
    cited = [
        (evidence[citation["evidence"]], citation)
        for finding in result["findings"]
        if finding["state"] == "fail"
        for citation in finding["citations"]
    ]
    return [
        (
            f"{piece['kind']} {piece['source']}, lines {span['first_line']} to {span['last_line']}",
            "\n".join(
                client.text(piece["text_url"], first_line=span["first_line"], last_line=span["last_line"]).splitlines()[
                    :EXCERPT_LINES
                ]
            ),
        )
        for piece, span in cited
    ]


def _show_redaction(client: Client, filed: dict[str, Any]) -> None:
    stored = client.get(filed["links"]["self"])
    removed = ", ".join(
        f"{count} {rule}" for counts in stored["redactions"]["counts"].values() for rule, count in counts.items()
    )
    screen.console.print(f"\n[bold]The report is stored redacted[/] (removed: {removed})")
    for line in stored["container_logs"].splitlines()[-2:]:
        screen.console.print(f"  {line}", markup=False)


def _as_expected(run: dict[str, Any], filed: dict[str, Any]) -> bool:
    expected = tomllib.loads(EXPECTATIONS.read_text())[FAULT]
    found = {result["check_id"]: result for result in run["results"]}
    result = found.get(expected["check"], {"state": "missing", "code": ""})
    as_expected = result["state"] == "fail" and result["code"] == expected["code"]
    leaked = [secret for secret in report.PASTED_SECRETS if secret in json.dumps(filed)]
    screen.console.print(
        f"\n{'[green]✓' if as_expected else '[red]✗'} {expected['check']} says {result['code']}[/], "
        f"expected {expected['code']}; secrets left in the report: {len(leaked)}"
    )
    return as_expected and not leaked
