from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from diagnostics.checks.result import Result, State
from diagnostics.stack import Endpoint, TlsFiles
from tests.diagnostics.checks.certificates import SERVER, Shop
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found, look, stack
from tests.diagnostics.servers import hanging, server_context, serving, tls_handler

SLUG = "ssl.names"


def looked(files: TlsFiles, *names: str, url: str = "https://localhost:1") -> Result:
    endpoint = Endpoint(name="shop", service="till", url=url, names=names, tls="shop")
    return look(SLUG, stack(files.ca.parent, tls={"shop": files}, endpoints={"shop": endpoint}))


def with_names(folder: Path, *names: str, common_name: str = "localhost") -> TlsFiles:
    shop = Shop(folder)
    return shop.write(server=shop.root.issue(common_name, names=names, usages=[SERVER]))


def test_a_certificate_with_all_names_passes(tmp_path: Path) -> None:
    files = with_names(tmp_path, "localhost", "*.shop.test", "10.0.0.7")
    result = looked(files, "till.shop.test", "10.0.0.7")
    assert codes(result) == {"names.all_present"}
    shows(HEALTHY, result)


def test_a_stack_without_https_is_skipped(tmp_path: Path) -> None:
    endpoint = Endpoint(name="shop", service="till", url="http://localhost:80")
    assert codes(look(SLUG, stack(tmp_path, endpoints={"shop": endpoint}))) == {"not_applicable"}


def test_a_missing_name_fails_and_is_named_but_does_not_block(tmp_path: Path) -> None:
    result = looked(with_names(tmp_path, "localhost"), "shop.test")
    finding = found(result, "names.missing")
    assert "shop.test" in finding.message
    shows(fault("a name that clients use is missing"), result)
    assert not result.is_blocking
    assert "missing shop.test" in result.evidence[0].content
    assert "present localhost" in result.evidence[0].content


def test_the_name_of_the_url_blocks_when_it_is_missing(tmp_path: Path) -> None:
    assert looked(with_names(tmp_path, "elsewhere.test")).is_blocking


def test_a_common_name_alone_is_a_warning(tmp_path: Path) -> None:
    result = looked(with_names(tmp_path))
    shows(fault("no alternative names"), result)
    finding = found(result, "names.common_name_only")
    assert finding.state is State.WARN


def test_the_served_certificate_is_compared_too(tmp_path: Path) -> None:
    served = with_names(tmp_path, "elsewhere.test")
    with serving(tls_handler(server_context(served))) as port:
        files = with_names(tmp_path, "localhost")
        finding = found(looked(files, url=f"https://localhost:{port}"), "names.missing")
    assert f"localhost:{port}" in finding.message


def test_nothing_to_be_seen_is_a_skip(tmp_path: Path) -> None:
    files = replace(Shop(tmp_path).write(), server_certificate=None, server_key=None)
    with serving(hanging) as port:
        result = looked(files, url=f"https://localhost:{port}")
    assert found(result, "names.nothing_seen").state is State.SKIP
    shows(HANGING, result)
