"""Where proxies pass requests to, in every form that their configurations have, and what programs say of bad ones."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.probes.proxy_configuration import (
    NO_RIGHT,
    OF_FILES,
    UNKNOWN_HOST,
    Upstreams,
    complaints,
    document_in,
    last_words,
    of_caddy,
    of_caddyfile,
    of_nginx,
)

ADAPTED = {
    "apps": {
        "http": {
            "servers": {
                "srv0": {
                    "routes": [
                        {
                            "handle": [
                                {"handler": "reverse_proxy", "upstreams": [{"dial": "till:8000"}, {"dial": "b:81"}]}
                            ]
                        },
                        {
                            "handle": [
                                {"handler": "subroute", "routes": [{"handle": [{"upstreams": [{"dial": ":9000"}]}]}]}
                            ]
                        },
                        {"handle": [{"upstreams": [{"dial": "unix//run/app.sock"}, {"dial": "{env.HOST}:80"}]}]},
                        {"handle": [{"dynamic_upstreams": {"source": "a", "name": "pool"}}]},
                    ]
                }
            }
        }
    }
}
CADDYFILE = """\
{
	auto_https off
}
shop.example { # the shop
	reverse_proxy /orders/* till:8000 till-2:8000 {
		lb_policy round_robin
	}
	reverse_proxy @api {
		to https://api.internal
		to {$EXTRA}
	}
	php_fastcgi 127.0.0.1:9000
}
"""
NGINX = """\
# configuration file /etc/nginx/nginx.conf:
user nginx;
events { worker_connections 1024; }
http {
  log_format main '$remote_addr; "$request" {not a block}';
  upstream tills {
    server till:8000 weight=2;  # server ghost:1;
    server 10.0.0.9;
    server old:8000 down;
    server unix:/run/till.sock;
  }
  server {
    listen 80;
    location / { proxy_pass http://tills/v1; }
    location /same/ { proxy_pass http://tills/v1; }
    location /plain { proxy_pass https://pay.example; }
    location /six { proxy_pass http://[fd00::7]:8080; }
    location /php { fastcgi_pass 127.0.0.1:9000; }
    location /late { proxy_pass http://$backend; }
  }
}
"""


def addresses(upstreams: Upstreams) -> list[str]:
    return [one.address for one in upstreams.found]


def test_what_caddy_makes_of_its_file() -> None:
    found = of_caddy(ADAPTED)
    assert addresses(found) == ["till:8000", "b:81", "localhost:9000"]
    assert found.left_out == 3
    assert found.found[0].group == found.found[1].group != found.found[2].group


def test_a_caddyfile_as_it_stands() -> None:
    found = of_caddyfile(CADDYFILE)
    assert addresses(found) == ["till:8000", "till-2:8000", "api.internal:443", "127.0.0.1:9000"]
    assert found.left_out == 1
    assert [one.group for one in found.found] == [0, 0, 1, 2]


def test_nginx_s_own_form() -> None:
    found = of_nginx(NGINX)
    assert addresses(found) == ["till:8000", "10.0.0.9:80", "pay.example:443", "[fd00::7]:8080", "127.0.0.1:9000"]
    assert found.left_out == 2


def test_very_many_addresses_are_cut_and_counted() -> None:
    dials = [{"dial": f"till-{number}:80"} for number in range(50)]
    found = of_caddy({"upstreams": dials})
    assert (len(found.found), found.left_out) == (20, 30)


@pytest.mark.parametrize(
    "text", ["", ":", "till:0", "till:70000", "ftp://till", "a b", "http://", "[::1", "till:80:80"]
)
def test_what_is_no_address_is_left_out(text: str) -> None:
    assert of_caddy({"upstreams": [{"dial": text}]}) == Upstreams((), 1)


@given(st.text())
def test_no_text_breaks_the_readers(text: str) -> None:
    assert len(of_nginx(text).found) <= 20
    assert len(of_caddyfile(text).found) <= 20
    assert last_words(text)


def test_the_document_is_found_between_lines_of_a_log() -> None:
    log = '{"level":"warn","ts":1.5,"msg":"Caddyfile input is not formatted"}'
    assert document_in(f"2026/11/29 INFO using config\n{log}\n{{broken\n{json.dumps(ADAPTED)}\n") == ADAPTED
    assert document_in(log) is None


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("Error: adapting config: Caddyfile:5: unrecognized directive: reverse_prxy\n", "Error: adapting config"),
        ('nginx: [emerg] unknown directive "prxy" in /a:5\nnginx: test failed\n', "nginx: [emerg] unknown"),
        ('{"level":"info","msg":"x"}\nvalidate: no such thing\n', "validate: no such"),
        ("something\nin two lines\n", "in two lines"),
        ("", "it gave no reason"),
    ],
)
def test_the_line_that_says_what_is_refused(output: str, words: str) -> None:
    assert last_words(output).startswith(words)


def test_complaints_are_told_from_the_configuration() -> None:
    printed = "nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\nproxy_set_header X-Key secret;\n"
    assert list(complaints(printed)) == ["nginx: the configuration file /etc/nginx/nginx.conf syntax is ok"]


def test_what_a_refusal_is_about() -> None:
    unknown = UNKNOWN_HOST.search('nginx: [emerg] host not found in upstream "till:8000" in /etc/nginx/nginx.conf:9')
    assert unknown is not None
    assert unknown["host"] == "till"
    assert OF_FILES.search("loading certificates: tls: private key does not match public key")
    assert OF_FILES.search('cannot load certificate "/certs/server.crt": BIO_new_file() failed')
    assert not OF_FILES.search("unrecognized directive: reverse_prxy")
    assert NO_RIGHT.search('open() "/run/nginx.pid" failed (13: Permission denied)')
