"""What the number of a card tells: its network, and the digits that may be shown."""

_NETWORKS = (
    # First digits from and to, of the same length; the longer ranges stand before the shorter ones that hold them.
    ("300", "305", "DINERS_CLUB"),
    ("309", "309", "DINERS_CLUB"),
    ("34", "34", "AMERICAN_EXPRESS"),
    ("3528", "3589", "JCB"),
    ("36", "36", "DINERS_CLUB"),
    ("37", "37", "AMERICAN_EXPRESS"),
    ("38", "39", "DINERS_CLUB"),
    ("4", "4", "VISA"),
    ("2221", "2720", "MASTERCARD"),
    ("51", "55", "MASTERCARD"),
    ("6011", "6011", "DISCOVER"),
    ("644", "649", "DISCOVER"),
    ("65", "65", "DISCOVER"),
    # Part of 62 is taken by Discover's acquirers too; the card says UnionPay.
    ("62", "62", "CHINA_UNION_PAY"),
    ("81", "81", "CHINA_UNION_PAY"),
)

BRANDS = ["VISA", "MASTERCARD", "AMERICAN_EXPRESS", "DISCOVER", "DINERS_CLUB", "JCB", "CHINA_UNION_PAY", "UNKNOWN"]


def brand(number: str) -> str:
    """The network of a card by the first digits of its number; UNKNOWN for a number that belongs to none."""
    for first, last, network in _NETWORKS:
        if first <= number[: len(first)] <= last:
            return network
    return "UNKNOWN"


def bank_identification_number(number: str) -> str:
    """The first six digits, which name the issuer and may be kept and shown."""
    return number[:6]


def last_four(number: str) -> str:
    """The last four digits of a card or bank account."""
    return number[-4:]
