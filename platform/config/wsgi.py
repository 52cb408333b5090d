"""What the web server runs. WSGI, not ASGI (docs/decisions/0008)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()

from config.startup import refuse_unsafe  # noqa: E402 - needs the apps that the line above has loaded

refuse_unsafe()
