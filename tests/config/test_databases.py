"""What every test of this suite stands on: the app role, on a migrated copy, with nothing left from other tests."""

from pathlib import Path

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import ProgrammingError, connection

from tests import databases

pytestmark = pytest.mark.django_db


def test_tests_connect_as_the_app_role():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")

        assert cursor.fetchone() == (connection.settings_dict["USER"], False, False)
        cursor.execute("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole")
        assert cursor.fetchone() == (0,)


def test_app_role_cannot_empty_a_table():
    with connection.cursor() as cursor, pytest.raises(ProgrammingError, match="permission denied"):
        cursor.execute("TRUNCATE django_content_type")


@pytest.mark.parametrize("_", range(2))
def test_rows_of_a_test_are_gone_in_the_next(_):
    assert not ContentType.objects.filter(app_label="nobody").exists()

    ContentType.objects.create(app_label="nobody", model="nothing")


def test_template_has_another_name_when_a_migration_changes(monkeypatch):
    before = databases.fingerprint()
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + (b"#" if path.name == "0001_initial.py" else b""))

    assert databases.fingerprint() != before
