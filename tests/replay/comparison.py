"""How an answer of ours is held against a documented one: every member, by name, JSON type and value.

Not determined, and compared by form only: ids and fingerprints (each documented one stands for one of ours, the same
throughout a replay), moments, the secret of a new user, numbers at the processor, and host and scheme of links.
"""

import re
from dataclasses import dataclass, field
from typing import Any

DOCUMENTED_HOST = "https://finix.sandbox-payments-api.com"
OUR_HOST = "http://testserver"
MOMENTS = {"created_at", "updated_at", "expires_at"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\dZ")
ID = re.compile(r"(AP|AU|ID|US|PR|MP|PP|RP|PI|TK|MU|VI|TR|FPR)[1-9A-HJ-NP-Za-km-z]{20,22}")
AT_THE_PROCESSOR = {"mid", "trace_id", "systems_trace_audit_number", "transaction_identifier"}

# Members that the samples lack and we answer: (where, member) -> the reason.
ADDED = {
    ("identity.entity", "ach_max_transaction_amount"): "of the same form, in newer samples",
    ("identity", "additional_underwriting_data"): "sent by the official clients",
    ("application", "maker_checker_enabled"): "ours: whether a review needs two people",
    ("merchant", "rejection_reasons"): "ours: why the processor, or a person, rejected it",
    ("application", "idempotency_mode"): "ours: whether a repeated key is replayed, or refused as documented",
    ("application", "bank_account_required"): "ours: whether a merchant is provisioned without a bank account",
    ("merchant", "level_two_level_three_data_enabled"): "read by the official clients",
    ("merchant", "convenience_charges_enabled"): "read by the official clients",
    ("merchant", "rent_surcharges_enabled"): "read by the official clients",
    ("merchant", "surcharges_enabled"): "read by the official clients",
    ("merchant", "default_partial_authorization_enabled"): "read by the official clients",
    ("processor.application_config", "card_sale_submission_method"): "always in the answer",
    ("list of identities", "page"): "the sample is cut off before it; the sibling list has it",
    ("payment_instrument", "enabled"): "read by the official clients",
    ("payment_instrument", "created_via"): "read by the official clients",
    ("payment_instrument", "payload_type"): "read by the official clients",
    ("payment_instrument", "issuer_country"): "read by the official clients",
    ("payment_instrument", "fast_funds_indicator"): "read by the official clients",
    ("payment_instrument", "push_funds_block_indicator"): "read by the official clients",
    ("payment_instrument", "online_gambing_block_indicator"): "read by the official clients; so spelt",
    ("verification", "merchant_identity"): "of a merchant; null for a card",
    ("verification", "payment_instrument_verification_details"): "of newer samples",
    ("payment_instrument", "bank_account_validation_check"): "read by the official clients",
    ("transfer", "merchant"): "the newer name of whose sale it is, beside the documented one",
    ("transfer", "amount_requested"): "read by the official clients",
    ("transfer", "operation_key"): "of newer samples: whether it is a push or a pull",
    ("transfer", "parent_transfer"): "of newer samples: what a reversal gives back",
    ("transfer", "parent_transfer_trace_id"): "read by the official clients",
    ("transfer", "failure_code"): "of a decline, in newer samples",
    ("transfer", "failure_message"): "of a decline, in newer samples",
    ("transfer", "address_verification"): "read by the official clients",
    ("transfer", "security_code_verification"): "read by the official clients",
    ("transfer", "additional_purchase_data"): "read by the official clients",
    ("transfer", "externally_funded"): "read by the official clients",
    ("authorization", "merchant"): "the newer name of whose authorization it is, beside the documented one",
    ("authorization", "amount_requested"): "read by the official clients",
    ("authorization", "capture_amount"): "of newer samples",
    ("authorization", "fee"): "ours: of a capture that names none",
    ("authorization", "statement_descriptor"): "ours: of the capture",
    ("authorization", "failure_code"): "of a decline, in newer samples",
    ("authorization", "failure_message"): "of a decline, in newer samples",
    ("authorization", "address_verification"): "read by the official clients",
    ("authorization", "security_code_verification"): "read by the official clients",
    ("authorization", "additional_purchase_data"): "read by the official clients",
    ("user", "last_used_at"): "ours: whether a key is still in use",
    ("user", "previous_password_until"): "ours: until when a rotated secret still opens",
}
# Documented members that belong to an app that does not exist yet.
MEMBERS_TO_COME = {("application_profile", "fee_profile"): "fees"}
# Documented links to what does not exist yet, with what they wait for.
LINKS_TO_COME = {
    "application": {
        "disputes": "disputes", "webhooks": "webhooks",
    },
    "identity": {"disputes": "disputes"},
    "transfer": {"fees": "fees", "disputes": "disputes", "fee_profile": "fees"},
}  # fmt: skip
# What is registered now. An app that adds a link moves it here from above.
LINKS = {
    "application": {
        "self", "processors", "users", "owner_identity", "identities", "application_profile", "merchants",
        "payment_instruments", "transfers", "authorizations", "reversals", "settlements",
        "tokens",
    },
    "identity": {
        "self", "application", "verifications", "merchants", "payment_instruments", "transfers",
        "authorizations", "settlements", "associated_identities",
    },
    "user": {"self", "applications", "application"},
    "processor": {"self", "application"},
    "application_profile": {"self", "application", "risk_profile"},
    "payment_instrument": {
        "self", "application", "identity", "transfers", "authorizations", "verifications", "updates",
    },
    "verification": {"self", "application", "merchant", "payment_instrument"},
    "merchant": {"self", "application", "identity", "verifications", "verification", "merchant_profile"},
    "transfer": {
        "self", "application", "merchant_identity", "payment_instruments", "reversals", "source", "destination",
    },
    "authorization": {"self", "application", "merchant_identity", "transfer"},
    "list of applications": {"self", "last"},
    "list of authorizations": {"self", "last"},
    "list of identities": {"self", "last"},
}  # fmt: skip
# Documented nowhere, and there: a sibling of a documented link.
LINKS_OF_OURS = {
    "transfer": {
        "merchant": "the newer name of whose sale it is",
        "parent": "of a reversal: the sale that it gives back",
    },
    "authorization": {"merchant": "the newer name of whose authorization it is"},
}


@dataclass
class Comparison:
    """One replay: `ids` maps documented ids to ours, `instead` (kind, member) to our value where a sample drifted."""

    ids: dict[str, str] = field(default_factory=dict)
    instead: dict[tuple[str, str], Any] = field(default_factory=dict)

    def translated(self, documented: Any) -> Any:
        """A documented path or body with our ids in it."""
        if isinstance(documented, dict):
            return {name: self.translated(value) for name, value in documented.items()}
        if isinstance(documented, str):
            return ID.sub(lambda found: self.ids.get(found[0], found[0]), documented)
        return documented

    def differences(self, documented: Any, ours: Any, kind: str) -> list[str]:
        if isinstance(documented, dict):
            return self._object(documented, ours, kind) if isinstance(ours, dict) else [f"{kind}: no object"]
        if isinstance(documented, list):
            if not isinstance(ours, list) or len(ours) != len(documented):
                return [f"{kind}: no list of {len(documented)}"]
            return [text for pair in zip(documented, ours, strict=True) for text in self.differences(*pair, kind)]
        return self._value(documented, ours, kind)

    def _object(self, documented: dict[str, Any], ours: dict[str, Any], kind: str) -> list[str]:
        missing = {name for name in documented.keys() - ours.keys() if (kind, name) not in MEMBERS_TO_COME}
        added = {name for name in ours.keys() - documented.keys() if (kind, name) not in ADDED}
        found = [f"{kind}.{name}: missing" for name in missing] + [f"{kind}.{name}: not documented" for name in added]
        for name in sorted(documented.keys() & ours.keys(), reverse=True):  # `_links` last: they use the ids learnt
            if name == "_links":
                found += self._links(documented[name], ours[name], kind)
            elif name == "_embedded":
                (key,) = documented[name]
                found += self.differences(documented[name], ours[name], SINGULAR[key])
            elif (kind, name) in self.instead:
                if ours[name] != self.instead[kind, name]:
                    found.append(f"{kind}.{name}: {ours[name]!r} for {self.instead[kind, name]!r}")
            else:
                inner = f"{kind}.{name}" if isinstance(documented[name], dict) else kind
                found += [
                    text if isinstance(documented[name], dict | list) else text.replace(kind, f"{kind}.{name}", 1)
                    for text in self._member(name, documented[name], ours[name], inner)
                ]
        return found

    def _member(self, name: str, documented: Any, ours: Any, kind: str) -> list[str]:
        if name in MOMENTS:
            return [] if isinstance(ours, str) and MOMENT.fullmatch(ours) else [f"{kind}: {ours!r} is no moment"]
        if name in AT_THE_PROCESSOR and documented is not None:
            return [] if isinstance(ours, str) and len(ours) >= 12 else [f"{kind}: {ours!r} is no number of theirs"]
        if name == "password":
            return [] if isinstance(ours, str) and len(ours) >= 32 else [f"{kind}: no secret"]
        return self.differences(documented, ours, SINGULAR.get(name, kind))

    def _value(self, documented: Any, ours: Any, kind: str) -> list[str]:
        if is_id(documented) and is_id(ours) and ours[:2] == documented[:2]:
            documented = self.ids.setdefault(documented, ours)
        if type(ours) is not type(documented) or ours != documented:
            return [f"{kind}: {ours!r} for {documented!r}"]
        return []

    def _links(self, documented: dict[str, Any], ours: dict[str, Any], kind: str) -> list[str]:
        expected = documented.keys() - LINKS_TO_COME.get(kind, {}).keys()
        wrong = (expected - ours.keys()) | (ours.keys() - LINKS[kind] - LINKS_OF_OURS.get(kind, {}).keys())
        found = [f"{kind}._links.{rel}: missing or unknown" for rel in wrong]
        for rel in expected & ours.keys():
            href = self.translated(documented[rel]["href"]).replace(DOCUMENTED_HOST, OUR_HOST).replace("/?", "?")
            if ours[rel] != {"href": href}:
                found.append(f"{kind}._links.{rel}: {ours[rel]} for {href}")
        return found


def is_id(value: Any) -> bool:
    return isinstance(value, str) and bool(ID.fullmatch(value))


SINGULAR = {"applications": "application", "authorizations": "authorization", "identities": "identity"}
