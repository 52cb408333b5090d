"""The settings of a test run, its servers apart. `python -m tests.environment COMMAND` runs a command with them."""

import base64
import os
import sys

KEY = base64.b64encode(bytes(range(32))).decode()

# Known to everybody: nothing they protect outlives a test.
TEST_SETTINGS = {
    "ENVIRONMENT": "sandbox",
    "DEBUG": "false",
    "SECRET_KEY": "only-for-tests-" + "k" * 50,
    "API_KEY_PEPPER": "only-for-tests-" + "p" * 50,
    "VAULT_KEYS": f"k1:{KEY}",
    "VAULT_INDEX_KEY": base64.b64encode(bytes(range(32, 64))).decode(),
    "ALLOWED_HOSTS": "127.0.0.1,localhost,testserver",
    "PUBLIC_URL": "http://testserver",
    "PORTAL_OVER_HTTP": "true",
    "REQUIRE_SECOND_FACTOR": "false",
}

# For reading the settings without connecting anywhere.
NO_SERVERS = {
    "DATABASE_URL": "postgresql://nobody@/none?host=/nonexistent",
    "DATABASE_OWNER_URL": "postgresql://nobody@/none?host=/nonexistent",
    "CELERY_BROKER_URL": "redis+socket:///nonexistent",
    "CACHE_URL": "unix:///nonexistent?db=1",
}

if __name__ == "__main__":
    os.environ.update({**NO_SERVERS, **TEST_SETTINGS, **os.environ})
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - from our Makefile
