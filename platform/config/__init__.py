"""How an installation is put together: settings, urls, celery, wsgi, supervisor. Knows everyone; nobody imports it."""
