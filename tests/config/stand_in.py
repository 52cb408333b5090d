"""A project of a few lines with the same commands as the real one, so that supervising can be tested by itself."""

import shutil
from pathlib import Path

from tests.plugin import ROOT

MANAGE = """
import sys, os
if sys.argv[1] == "migrate":
    import psycopg
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS visit (number bigint GENERATED ALWAYS AS IDENTITY)")
        connection.execute("GRANT SELECT, INSERT ON visit TO merchantry_app")
if sys.argv[1] == "demo":
    with open(sys.argv[3], "w") as file:
        file.write("MERCHANTRY_ADMIN_EMAIL=admin@demo.example\\nMERCHANTRY_ADMIN_PASSWORD='a b$c'\\n")
if os.environ.get("FAIL") == sys.argv[1]:
    sys.exit("It went wrong on purpose.")
"""

WSGI = """
import os, psycopg

print("The web server speaks.", flush=True)

def application(environ, start_response):
    if environ["PATH_INFO"] == "/environment":
        body = "\\n".join(f"{name}={value}" for name, value in os.environ.items())
    else:
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            if environ["PATH_INFO"] == "/visit":
                connection.execute("INSERT INTO visit DEFAULT VALUES")
            body = str(connection.execute("SELECT count(*) FROM visit").fetchone()[0])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body.encode()]
"""

CELERY = """
import os
from celery import Celery

app = Celery("stand_in", broker=os.environ["CELERY_BROKER_URL"])
"""


def write_stand_in(root: Path) -> Path:
    package = root / "config"
    package.mkdir(parents=True)
    (root / "manage.py").write_text(MANAGE)
    (package / "__init__.py").write_text("")
    (package / "wsgi.py").write_text(WSGI)
    (package / "celery.py").write_text(CELERY)
    shutil.copy(ROOT / "platform/config/gunicorn.py", package)
    return root
