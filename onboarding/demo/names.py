"""Who is in the demo: tables without a rule."""

OWNERS = [
    ("Harbor Market", "harbormarket.example", "marketplace for makers"),
    ("Fieldnote", "fieldnote.example", "scheduling for clinics"),
    ("Lanterna POS", "lanterna.example", "point of sale for cafés"),
]

# By owner: name, kind of business, MCC, and what becomes of it at the processor.
BUSINESSES = [
    [
        ("Juniper & Rye Bakery", "LIMITED_LIABILITY_COMPANY", "5462", "APPROVED"),
        ("Blue Heron Cycles", "CORPORATION", "5940", "APPROVED"),
        ("Sable Street Books", "INDIVIDUAL_SOLE_PROPRIETORSHIP", "5942", "APPROVED"),
        ("Pine & Porcelain", "INDIVIDUAL_SOLE_PROPRIETORSHIP", "5719", "APPROVED"),
        ("Larkspur Florists", "LIMITED_LIABILITY_COMPANY", "5992", "CORRECTED"),
        ("Kiln Works Studio", "PARTNERSHIP", "5970", "APPROVED"),
        ("Saltbox Ceramics", "INDIVIDUAL_SOLE_PROPRIETORSHIP", "5970", "APPROVED"),
        ("Granite Peak Outfitters", "CORPORATION", "5941", "HELD"),
        ("Foxglove Apothecary", "LIMITED_LIABILITY_COMPANY", "5912", "REJECTED"),
        ("Velvet Hour Records", "LIMITED_LIABILITY_COMPANY", "5735", "SWITCHED_OFF"),
        ("Wild Thread Weavers", "PARTNERSHIP", "5949", "NOT_SENT"),
        ("Ember & Ash Candles", "LIMITED_LIABILITY_COMPANY", "5719", "ADMITTED"),
        ("Hollow Reed Luthiers", "INDIVIDUAL_SOLE_PROPRIETORSHIP", "5970", "TURNED_DOWN"),
    ],
    [
        ("Northgate Dental", "PARTNERSHIP", "8021", "APPROVED"),
        ("Tidewater Veterinary", "CORPORATION", "0742", "APPROVED"),
        ("Meridian Optics", "CORPORATION", "8043", "APPROVED"),
        ("Halcyon Yoga", "LIMITED_LIABILITY_COMPANY", "7997", "APPROVED"),
        ("Sundial Physiotherapy", "CORPORATION", "8049", "APPROVED"),
        ("Wren Music School", "TAX_EXEMPT_ORGANIZATION", "8299", "APPROVED"),
        ("Orchard Lane Preschool", "TAX_EXEMPT_ORGANIZATION", "8351", "REJECTED"),
        ("Quill & Ledger", "PARTNERSHIP", "8931", "NOT_SENT"),
        ("Cobalt Hearing Centre", "CORPORATION", "8049", "HELD"),
    ],
    [
        ("Corvid Coffee Roasters", "LIMITED_LIABILITY_COMPANY", "5499", "APPROVED"),
        ("The Copper Ladle", "LIMITED_LIABILITY_COMPANY", "5812", "APPROVED"),
        ("Tin Whistle Espresso", "LIMITED_LIABILITY_COMPANY", "5814", "APPROVED"),
        ("Early Bird Diner", "PARTNERSHIP", "5812", "APPROVED"),
        ("Marrow & Thyme", "CORPORATION", "5812", "APPROVED"),
        ("Second Crack Coffee", "INDIVIDUAL_SOLE_PROPRIETORSHIP", "5814", "APPROVED"),
        ("Paper Crane Noodles", "LIMITED_LIABILITY_COMPANY", "5812", "HELD"),
        ("Night Market Tacos", "PARTNERSHIP", "5814", "HELD"),
    ],
]  # fmt: skip

PEOPLE = [
    ("Amara", "Okafor"), ("Jonas", "Lindqvist"), ("Priya", "Raman"), ("Mateo", "Alvarez"), ("Hana", "Sato"),
    ("Eleanor", "Whitcombe"), ("Tomasz", "Nowak"), ("Leila", "Haddad"), ("Samuel", "Osei"), ("Ingrid", "Halvorsen"),
    ("Daphne", "Kline"), ("Rosa", "Marchetti"), ("Theo", "Lambert"), ("Nadia", "Petrova"), ("Callum", "Fraser"),
    ("Yara", "Mendes"), ("Viktor", "Sokolov"), ("Grace", "Adeyemi"), ("Felix", "Baumann"), ("Mei", "Chen"),
]  # fmt: skip
CITIES = [
    ("Portland", "OR", "97209"), ("Duluth", "MN", "55802"), ("Asheville", "NC", "28801"), ("Santa Fe", "NM", "87501"),
    ("Burlington", "VT", "05401"), ("Boise", "ID", "83702"), ("Savannah", "GA", "31401"), ("Madison", "WI", "53703"),
]  # fmt: skip
STREETS = ["Alder St", "Mill Road", "Front St", "Harbor Ave", "Second St", "Juniper Lane", "Canal St", "Orchard Row"]
TITLES = ["Owner", "CEO", "Managing Partner", "Director", "Founder"]
ROUTING_NUMBERS = ["122105278", "021000021", "011401533", "091000019", "322271627", "121042882"]

PLAIN_CARDS = [
    "4895142232120006", "4111111111111111", "4957030420210454", "5123280115058611", "5200820000007201",
    "6011000000004675", "4393420000002680", "5223100000008423", "379032000006086", "4815070000000018",
    "4835070000000014", "4895047700003297",
]  # fmt: skip
DECLINED_CARDS = [
    "4000000000000069", "4000000000000002", "4000000000009979", "4000000000000036", "4000056655665556",
    "4000000000000127", "4242424242424242", "4000000000009987", "4000000000000119",
]  # fmt: skip
LAST_USED_ONCE = "4000000000000119"
"""The issuer wants this card back, so the sandbox disables it."""
