"""The versions below which a known hole is open: dependency floors of November 2026."""

from importlib.metadata import version

import pytest
from django.db import connection
from packaging.version import Version

FLOORS = {
    "django": "5.2.17",  # SQL injection through aliases and order_by, body limit bypass, header injection
    "djangorestframework": "3.17.2",  # the memory limit of uploads holds for request.data
    "django-allauth": "65.16.1",  # limits bypassed by X-Forwarded-For, limits reset
    "celery": "5.7",  # consumers that stop after a broker reconnect
    "kombu": "5.7",
}
# Statistics that leak past row security, and code execution on restore.
POSTGRESQL = {15: 15_0014, 16: 16_0010, 17: 17_0006, 18: 18_0000}


@pytest.mark.parametrize(("package", "floor"), FLOORS.items())
def test_installed_version_is_not_below_its_floor(package: str, floor: str) -> None:
    assert Version(version(package)) >= Version(floor)


def test_django_is_of_the_series_with_long_support() -> None:
    assert Version(version("django")).release[:2] == (5, 2)


@pytest.mark.django_db
def test_postgresql_is_not_below_its_floor() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        number = int(cursor.fetchone()[0])

    assert number >= POSTGRESQL[number // 10_000]
