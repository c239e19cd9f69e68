"""The WSGI application; `rsgi` puts it behind granian."""

import os

from django.core.wsgi import get_wsgi_application

from awe_incidents.log.output import guard_output

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "awe_incidents.settings")
guard_output()

application = get_wsgi_application()
