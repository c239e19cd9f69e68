"""What the redactor of a stack takes, and what it leaves."""

from __future__ import annotations

from pathlib import Path

from diagnostics.looking.redacting import stack_redactor
from diagnostics.stack import Database
from tests.diagnostics.looks import KEY, stack


def test_names_of_the_stack_stay_and_its_secrets_go(tmp_path: Path) -> None:
    database = Database(name="main", service="store", host="db.internal", port=5432, dbname="till", user="cashier")
    config = stack(tmp_path, databases={"main": database})
    redactor = stack_redactor(config, key=KEY, secrets={"db:main": "seven-lean-cows"})

    text = redactor.text("user cashier on db.internal/till said seven-lean-cows; password=cashier").text

    assert "seven-lean-cows" not in text
    assert text.startswith("user cashier on db.internal/till said ")


def test_a_secret_that_is_also_a_name_does_not_wreck_every_line(tmp_path: Path) -> None:
    database = Database(name="main", service="store", host="db.internal", port=5432, dbname="till", user="cashier")
    config = stack(tmp_path, databases={"main": database})
    redactor = stack_redactor(config, key=KEY, secrets={"db:main": "cashier"})

    assert redactor.text("role cashier logged in").text == "role cashier logged in"
    assert "password=cashier" not in redactor.text("password=cashier").text
