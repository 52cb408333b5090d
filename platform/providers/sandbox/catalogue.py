"""The test values in words, out of `scenarios`: what the portal shows, and what docs/sandbox.md is held against."""

from collections.abc import Iterator

from providers.failures import DISABLING, normalise
from providers.sandbox import scenarios
from providers.sandbox.scenarios import Card, CardUpdate, Inquiry, Profile, Underwriter
from providers.values_to_try import TestProfile, TestTable, TestValue

_FLAGS = {
    Card.ADDRESS_MISMATCH.value: scenarios.AMOUNTS[scenarios.ADDRESS_MISMATCH_AMOUNT],
    Card.SECURITY_CODE_MISMATCH.value: scenarios.AMOUNTS[scenarios.SECURITY_CODE_MISMATCH_AMOUNT],
}
_FLAGGING = frozenset({scenarios.ADDRESS_MISMATCH_AMOUNT, scenarios.SECURITY_CODE_MISMATCH_AMOUNT})
_STAYS = "Every later sale with the card fails the same way, unless the risk profile allows it."
_TYPES = {
    "CREDIT": "A credit card.",
    "DEBIT": "A debit card.",
    "HSA_FSA": "A card of a health account.",
    "NON_RELOADABLE_PREPAID": "A prepaid card that cannot be loaded again.",
    "RELOADABLE_PREPAID": "A prepaid card that can be loaded again.",
}
_KINDS = {"C": "Credit", "D": "Debit", "H": "Charge card", "P": "Prepaid", "R": "Deferred debit"}
_FAST_FUNDS = {"B": "fast funds", "D": "fast funds at home only", "N": "no fast funds"}
_ABROAD = {True: "", False: ", issued abroad"}
_AT_HOME = 840
_PROFILES = {
    Profile.REALISTIC: "Batches, later verdicts, issuers and voids take as long as live ones, and so does money until "
    "it may be settled; the values are the same.",
    Profile.FINIX_2026: "The pace is as without a profile; the values that name this profile are added.",
}


def tables() -> tuple[TestTable, ...]:
    """All of them, in the order in which one comes across them."""
    return (
        TestTable(
            "tax-ids",
            "Merchants",
            "Business tax id",
            "Tell it in the underwriting form of a merchant's identity. Every other one is approved at once.",
            tuple(_tax_ids()),
        ),
        TestTable(
            "amounts",
            "Amounts",
            "Amount",
            "Of a sale, an authorization, a capture, a push or a pull, in minor units. Every other amount succeeds.",
            tuple(_amounts()),
            are_amounts=True,
        ),
        TestTable(
            "cards",
            "Cards",
            "Card number",
            "Any expiry that has not passed, any security code. Numbers that are not listed are plain cards.",
            tuple(_cards()),
        ),
        TestTable(
            "refund-cards",
            "Refunds",
            "Card number",
            "Of a refund to the card; a sale with it succeeds. To every other card refunds succeed.",
            tuple(TestValue(number, _sentence(code), code=code) for number, code in scenarios.REFUND_CARDS.items()),
        ),
        TestTable(
            "push-cards",
            "Pushes and pulls",
            "Card number",
            "Of a push to the card or a pull from it, over VISA_V1; a sale with it succeeds.",
            tuple(_push_card(number, code) for number, code in scenarios.PUSH_CARDS.items()),
        ),
        TestTable(
            "bank-accounts",
            "Bank accounts",
            "Number",
            "Any routing number whose digits check, and any account number of 5 to 17 digits; all are taken.",
            (TestValue(scenarios.BANK_ACCOUNT, "A routing number, and an account number as well."),),
            outcome="What it is",
        ),
        TestTable(
            "returns",
            "Returned debits",
            "Account number",
            f"At the bank {scenarios.RETURN_BANK}. A debit succeeds with its batch, and is taken back soon after.",
            tuple(_return(number, code) for number, code in scenarios.RETURNS.items()),
        ),
        TestTable(
            "card-types",
            "Kinds of cards",
            "Card number",
            "For what depends on the kind of a card; every sale with them succeeds.",
            tuple(TestValue(number, _TYPES[kind], code=kind) for number, kind in scenarios.CARD_TYPES.items()),
            outcome="What it is",
        ),
        TestTable(
            "inquiries",
            "Verification of cards",
            "Card number",
            "What VISA_V1 tells of a card when it is verified. Other cards answer by their network and kind.",
            tuple(_inquiry(number, found) for number, found in scenarios.INQUIRIES.items()),
            outcome="What is told",
        ),
        TestTable(
            "updates",
            "Account updater",
            "Card number",
            "What the issuer answers when it is asked for a new card. Every other card has not changed.",
            tuple(_update(number, found) for number, found in scenarios.UPDATES.items()),
        ),
    )


def profiles() -> tuple[TestProfile, ...]:
    return tuple(TestProfile(profile.value, _PROFILES[profile]) for profile in Profile)


def _tax_ids() -> Iterator[TestValue]:
    for tax_id, underwriter in scenarios.PROVISIONING.items():
        yield TestValue(tax_id, _fate(underwriter))


def _fate(underwriter: Underwriter) -> str:
    if underwriter.is_held:
        return "Held for review: a person of the platform decides."
    verdict = "Approved" if underwriter.is_approving else "Rejected"
    return f"{verdict} later; until then it is provisioning." if underwriter.waits else f"{verdict} at once."


def _amounts() -> Iterator[TestValue]:
    for amount, code in scenarios.AMOUNTS.items():
        yield TestValue(str(amount), _of_an_amount(amount, code), code=code)
    for amount, code in scenarios.AMOUNTS_OF_2026.items():
        meaning = "The sale is cancelled." if code else "The answer is lost; the sale succeeds, and shows as pending."
        yield TestValue(str(amount), meaning, code=code, profile=Profile.FINIX_2026.value)


def _of_an_amount(amount: int, code: str) -> str:
    if not code:
        return "The sale succeeds."
    return f"{_sentence(code)} {_STAYS}" if amount in _FLAGGING else _sentence(code)


def _cards() -> Iterator[TestValue]:
    for number, name in scenarios.CARDS.items():
        code = _FLAGS.get(name, name)
        yield TestValue(number, " ".join([_sentence(code), *_consequences(name, code)]), code=code)
        if name in scenarios.CARDS_OF_2026:
            code = scenarios.CARDS_OF_2026[name]
            meaning = " ".join([_sentence(code), *_consequences("", code)])
            yield TestValue(number, meaning, code=code, profile=Profile.FINIX_2026.value)


def _consequences(name: str, code: str) -> Iterator[str]:
    if name in _FLAGS:
        yield _STAYS
    if code in DISABLING:
        yield "The card is disabled."


def _push_card(number: str, word: str) -> TestValue:
    """Under the code that the transfer shows, whatever the network's word for it is."""
    if not word:
        return TestValue(number, "The push or pull succeeds.")
    code, sentence = normalise(word)
    return TestValue(number, " ".join([sentence, *_consequences("", code)]), code=code)


def _return(number: str, code: str) -> TestValue:
    return TestValue(number, _sentence(scenarios.RETURN_CODES[code]), code=code, profile=Profile.FINIX_2026.value)


def _inquiry(number: str, found: Inquiry) -> TestValue:
    pushes = "takes no payouts" if found.push_funds == "N" else "takes payouts"
    gambling = ", but none from gambling" if found.gambling == "Y" else ""
    kind = f"{_KINDS[found.card_type]}{_ABROAD[found.country == _AT_HOME]}"
    return TestValue(number, f"{kind}: {_FAST_FUNDS[found.fast_funds]}, {pushes}{gambling}.")


def _update(number: str, found: CardUpdate) -> TestValue:
    return TestValue(number, found.message, code="SUCCEEDED" if found.is_answered else "FAILED")


def _sentence(code: str) -> str:
    return normalise(code)[1]
