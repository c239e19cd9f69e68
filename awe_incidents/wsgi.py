"""The WSGI application; `rsgi` puts it behind granian."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

from awe_incidents.header_parameters import set_aside_unusable
from awe_incidents.log.output import guard_output

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "awe_incidents.settings")
guard_output()

_framework = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request, once nothing in its head is left that the framework fails at before it has made a request."""
    set_aside_unusable(environ)
    return _framework(environ, start_response)
