"""What may be told beside a charge of a card, or a hold on it."""

from typing import Any

PROOF = "BwABBJQ1AgAAAAAgJDUCAAAAAAA="
PURCHASE: dict[str, Any] = {
    "customer_reference_number": "C" * 17, "sales_tax": 200, "customs_duty_amount": 0, "discount_amount": 1,
    "shipping_amount": 2, "tax_exempt": False, "destination_country_code": "USA",
    "destination_postal_code": "94404-1234", "ship_from_postal_code": "94404", "invoice_reference_number": "I" * 15,
    "order_date": {"day": 29, "month": 2, "year": 2024},
    "item_data": [
        {
            "item_description": "D" * 25, "quantity": 99, "cost_per_unit": 10, "unit_of_measure": "EAC",
            "commodity_code": "1" * 12, "merchant_product_code": "2" * 12, "item_discount_amount": 0,
            "amount_excluding_sales_tax": 990, "amount_including_sales_tax": 1089,
        },
        {"quantity": 1},
    ],
}  # fmt: skip


def proof(**changes: Any) -> dict[str, Any]:
    """`3d_secure_authentication` with other members, or without those that are `...`."""
    found = {"electronic_commerce_indicator": "AUTHENTICATED", "cardholder_authentication": PROOF} | changes
    return {"3d_secure_authentication": {name: value for name, value in found.items() if value is not ...}}
