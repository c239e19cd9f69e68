from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.awe.certificates import Infrastructure, main
from deploy.awe.issuing import SERVER_NAMES, issue_client, make_ca, names_of, read_certificate


def findings(root: Path, **options: datetime) -> dict[str, str]:
    return {path.stem: finding for path, finding in Infrastructure(root=root).findings(**options)}


def test_setting_up_makes_three_certificates_that_belong_together(tmp_path: Path) -> None:
    made = Infrastructure(root=tmp_path).set_up()
    assert [str(path.relative_to(tmp_path)) for path in made] == [
        "certs/ca/ca.crt",
        "certs/server/server.crt",
        "certs/client/client.crt",
    ]
    assert findings(tmp_path) == {"ca": "", "server": "", "client": ""}


def test_setting_up_again_changes_nothing(tmp_path: Path) -> None:
    Infrastructure(root=tmp_path).set_up()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert Infrastructure(root=tmp_path).set_up() == []
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_regenerating_makes_all_anew_for_the_same_names(tmp_path: Path) -> None:
    Infrastructure(root=tmp_path, server_names=["gateway.example", "127.0.0.2"]).set_up()
    before = (tmp_path / "certs/ca/ca.crt").read_bytes()
    Infrastructure(root=tmp_path).regenerate()
    assert (tmp_path / "certs/ca/ca.crt").read_bytes() != before
    assert names_of(read_certificate(tmp_path / "certs/server/server.crt")) == ["gateway.example", "127.0.0.2"]
    assert findings(tmp_path) == {"ca": "", "server": "", "client": ""}


def test_regenerating_where_nothing_is_takes_the_usual_names(tmp_path: Path) -> None:
    Infrastructure(root=tmp_path).regenerate()
    assert names_of(read_certificate(tmp_path / "certs/server/server.crt")) == list(SERVER_NAMES)


def test_a_foreign_client_certificate_is_found(tmp_path: Path) -> None:
    files = Infrastructure(root=tmp_path)
    files.set_up()
    issue_client(make_ca()).write(files.client)
    assert "was not issued by" in findings(tmp_path)["client"]
    assert findings(tmp_path)["server"] == ""


def test_a_key_of_another_certificate_is_found(tmp_path: Path) -> None:
    files = Infrastructure(root=tmp_path)
    files.set_up()
    files.server.with_suffix(".key").write_bytes(files.client.with_suffix(".key").read_bytes())
    assert findings(tmp_path)["server"] == "the key beside it is of another certificate"


def test_certificates_are_judged_at_a_time(tmp_path: Path) -> None:
    Infrastructure(root=tmp_path).set_up()
    later, earlier = datetime.now(UTC) + timedelta(days=400), datetime.now(UTC) - timedelta(days=1)
    assert findings(tmp_path, at=later)["server"].startswith("it expired on")
    assert findings(tmp_path, at=later)["ca"] == ""
    assert findings(tmp_path, at=earlier)["client"].startswith("it is valid only from")


def test_the_command_line_sets_up_and_validates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["setup", "--root", str(tmp_path), "--name", "awe.local"]) == 0
    assert main(["validate", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "certs/client/client.crt: OK"
    (tmp_path / "certs/server/server.key").unlink()
    assert main(["validate", "--root", str(tmp_path)]) == 1
    assert "certs/server/server.crt: cannot read" in capsys.readouterr().out


def test_a_damaged_ca_is_a_plain_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["setup", "--root", str(tmp_path)])
    (tmp_path / "certs/ca/ca.key").write_text("damaged")
    (tmp_path / "certs/client/client.crt").unlink()
    assert main(["setup", "--root", str(tmp_path)]) == 1
    assert "ca.key holds no PEM private key" in capsys.readouterr().err


def test_the_servers_files_can_belong_to_the_proxy(tmp_path: Path) -> None:
    me = os.geteuid()
    proxy = 2000 if me == 0 else me  # only root may give files away
    main(["setup", "--root", str(tmp_path), "--owner-uid", str(proxy)])
    owners = {path.name: path.stat().st_uid for path in tmp_path.rglob("*.key")}
    assert owners == {"ca.key": me, "server.key": proxy, "client.key": me}
