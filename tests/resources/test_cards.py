import pytest

from resources import cards


@pytest.mark.parametrize(
    ("number", "brand"),
    [
        ("4895142232120006", "VISA"),
        ("4111111111111111", "VISA"),
        ("5100000000000000", "MASTERCARD"),
        ("5599999999999999", "MASTERCARD"),
        ("2221000000000000", "MASTERCARD"),
        ("2720999999999999", "MASTERCARD"),
        ("2220999999999999", "UNKNOWN"),
        ("2721000000000000", "UNKNOWN"),
        ("5000000000000000", "UNKNOWN"),
        ("5600000000000000", "UNKNOWN"),
        ("340000000000000", "AMERICAN_EXPRESS"),
        ("379032000006086", "AMERICAN_EXPRESS"),
        ("6011000000004675", "DISCOVER"),
        ("6440000000000000", "DISCOVER"),
        ("6499999999999999", "DISCOVER"),
        ("6500000000000000", "DISCOVER"),
        ("6430000000000000", "UNKNOWN"),
        ("6012000000000000", "UNKNOWN"),
        ("30000000000000", "DINERS_CLUB"),
        ("30599999999999", "DINERS_CLUB"),
        ("30600000000000", "UNKNOWN"),
        ("30950000000000", "DINERS_CLUB"),
        ("36000000000000", "DINERS_CLUB"),
        ("38000000000000", "DINERS_CLUB"),
        ("39000000000000", "DINERS_CLUB"),
        ("3528000000000000", "JCB"),
        ("3589999999999999", "JCB"),
        ("3527999999999999", "UNKNOWN"),
        ("3590000000000000", "UNKNOWN"),
        ("6200000000000000", "CHINA_UNION_PAY"),
        ("8100000000000000", "CHINA_UNION_PAY"),
        ("9999999999999999", "UNKNOWN"),
        ("", "UNKNOWN"),
    ],
)
def test_brand_is_told_by_the_first_digits(number: str, brand: str) -> None:
    assert cards.brand(number) == brand


def test_what_may_be_shown_of_a_number() -> None:
    number = "4895142232120006"

    shown = cards.bank_identification_number(number), cards.last_four(number)

    assert shown == ("489514", "0006")
