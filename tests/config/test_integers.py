"""No number is cut to the width of its column on its way to PostgreSQL."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import DataError, connection
from django.db.models import F, IntegerField, SmallIntegerField, Value

pytestmark = pytest.mark.django_db

EDGES = [2**15 - 1, 2**15, -(2**15), -(2**15) - 1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 5_454_459_336]


@pytest.mark.parametrize("number", EDGES)
@pytest.mark.parametrize("field", [SmallIntegerField(), IntegerField()])
def test_number_in_a_sum_is_all_there(field, number):
    ContentType.objects.create(app_label="nobody", model="nothing")

    row = ContentType.objects.annotate(sum=Value(0) + Value(number, field)).filter(model="nothing")

    assert row.values_list("sum", flat=True).get() == number


def test_amount_is_added_whole():
    first = ContentType.objects.earliest("pk")
    big = 2**31 + 7

    assert (
        ContentType.objects.annotate(sum=F("id") + big).values_list("sum", flat=True).get(pk=first.pk) == first.pk + big
    )


def test_column_too_narrow_refuses():
    number = IntegerField().get_db_prep_value(2**31, connection)

    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE narrow (number integer)")
        with pytest.raises(DataError, match="out of range"):
            cursor.execute("INSERT INTO narrow VALUES (%s)", [number])
