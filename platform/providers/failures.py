"""Why a payment failed: our normal set of codes, a sentence for each, and the names that providers have for them."""

_MESSAGES = {
    "ADDRESS_VERIFICATION_FAILED_RISK_RULES": "The billing address does not match the card, and the merchant's risk "
    "rules refuse that.",
    "ALLOWABLE_NUMBER_OF_PIN_ENTRY_TRIES_EXCEEDED": "The PIN was entered wrongly too often.",
    "AUTHORIZATION_EXPIRED_OR_ALREADY_CAPTURED": "The authorization has expired or was captured already.",
    "BANK_ACCOUNT_CLOSED": "The bank account is closed.",
    "BANK_ACCOUNT_FROZEN": "The bank account is frozen.",
    "CALL_ISSUER": "Please contact card issuer for more information.",
    "CANCELLATION_VIA_API": "The payment was cancelled by the program that asked for it.",
    "CANCELLATION_VIA_DEVICE": "The payment was cancelled at the terminal.",
    "CANNOT_VERIFY_PIN": "The PIN could not be verified.",
    "CARDHOLDER_PREVENTED_RECURRING_TRANSACTION": "The cardholder has stopped recurring payments to this merchant.",
    "CARD_ACCOUNT_CLOSED": "The account behind the card is closed.",
    "CARD_AUTHENTICATION_FAILED": "The card could not be authenticated.",
    "CARD_NETWORK_ERROR": "The card network could not process the payment. Try again later.",
    "CARD_NOT_ACTIVATED_OR_BLOCKED": "The card is not activated yet, or blocked.",
    "CARD_NOT_SUPPORTED": "The merchant cannot take this kind of card.",
    "COMMUNICATION_ERROR": "The terminal lost its connection during the payment.",
    "CRYPTOGRAPHIC_ERROR_FOUND_IN_PIN": "The PIN arrived unreadable.",
    "CVV_FAILED_RISK_RULES": "The security code is wrong, and the merchant's risk rules refuse that.",
    "DEVICE_IN_USE": "The terminal is busy with another payment.",
    "DEVICE_NOT_CONNECTED": "The terminal is not connected.",
    "DEVICE_UNREACHABLE": "The terminal cannot be reached.",
    "DO_NOT_HONOR": "The issuer declined the payment without a reason. The cardholder can ask the issuer.",
    "DUPLICATE_TRANSACTION": "The same payment was sent a moment ago.",
    "ERROR": "The payment could not be processed. Try again, and later if it fails once more.",
    "EXCEEDED_CARDHOLDER_INPUT_TIME_LIMIT": "Nobody presented a card or entered a PIN in time.",
    "EXCEEDS_APPROVAL_LIMIT": "The amount is above what the issuer approves for this card.",
    "EXCEEDS_WITHDRAWAL_FREQUENCY_LIMIT": "The card was used too often within a period.",
    "EXPIRED_CARD": "The card has expired.",
    "FILE_TEMPORARILY_NOT_AVAILABLE": "The issuer's records are not available for the moment.",
    "FRAUD_DETECTED": "The payment was declined on suspicion of fraud.",
    "FRAUD_DETECTED_BY_FINIX": "The payment was declined on suspicion of fraud by the provider.",
    "FRAUD_DETECTED_BY_ISSUER": "The payment was declined on suspicion of fraud by the issuer.",
    "GENERIC_DECLINE": "The payment was declined.",
    "INACTIVE_CARD": "The card is not active.",
    "INCOMPLETE_TRANSACTION": "The payment was begun and not finished.",
    "INCORRECT_PIN": "The PIN is wrong or missing.",
    "INSUFFICIENT_FUNDS": "There is not enough money on the account.",
    "INVALID_ACCOUNT_NUMBER": "No account has this number.",
    "INVALID_AMOUNT": "The amount or its currency is not accepted.",
    "INVALID_BANK_ACCOUNT_NUMBER": "No bank account has this number.",
    "INVALID_BANK_ACCOUNT_VALIDATION_CHECK": "The bank account did not pass its validation.",
    "INVALID_CARD": "The card is not valid.",
    "INVALID_CARD_NUMBER_OR_EXPIRED_CARD": "The card's number is wrong, or the card has expired.",
    "INVALID_CVV": "The security code is wrong.",
    "INVALID_ISSUER": "No bank issues cards under this number.",
    "INVALID_MERCHANT": "The merchant is not permitted for this kind of payment.",
    "INVALID_ROUTING_NUMBER": "No bank has this routing number.",
    "INVALID_TRANSACTION": "The issuer does not know this kind of payment.",
    "ISSUER_INOPERATIVE": "The issuer could not be reached. Try again later.",
    "ISSUER_POLICY_VIOLATION": "The payment is against the issuer's rules.",
    "LOST_OR_STOLEN_CARD": "The card was reported as lost or stolen.",
    "MAX_TRANSACTION_AMOUNT_EXCEEDED": "The amount is above the merchant's maximum for one payment.",
    "NON_TRANSACTION_ACCOUNT": "The bank account does not allow payments.",
    "NOT_SENT": "The payment was certainly not executed.",
    "NO_ACTION_TAKEN": "The issuer took no action.",
    "NO_BANK_ACCOUNT_FOUND": "The bank account was not found.",
    "NO_CHECKING_ACCOUNT": "The card has no checking account behind it.",
    "NO_CREDIT_ACCOUNT": "The card has no credit account behind it.",
    "NO_SAVINGS_ACCOUNT": "The card has no savings account behind it.",
    "PAYMENT_STOPPED": "The account holder has stopped the payment.",
    "PICK_UP_CARD": "The issuer wants the card back.",
    "PROVIDER_UNREACHABLE": "The provider could not be reached. Nothing was sent.",
    "RESTRICTED_CARD": "The issuer does not allow this payment with the card.",
    "RESUBMIT_TRANSACTION": "The payment could not be processed. Send it again.",
    "SURCHARGE_AMOUNT_NOT_SUPPORTED": "The issuer does not accept the surcharge.",
    "TRANSACTION_AMOUNT_EXCEEDS_PREAUTHORIZED_APPROVAL_AMOUNT": "The amount is above what was approved before.",
    "TRANSACTION_NOT_COMPLETED_LAW_VIOLATION": "The payment would violate a law.",
    "TRANSACTION_NOT_PERMITTED": "This payment is not permitted for the card or the merchant.",
}
_ALIASES = {
    "COMPLIANCE_VIOLATION": "ISSUER_POLICY_VIOLATION",
    "DECLINE": "DO_NOT_HONOR",
    "EXCEEDS_APPROVAL_AMOUNT_LIMIT": "EXCEEDS_APPROVAL_LIMIT",
    "EXCEEDS_ISSUER_AMOUNT_LIMIT": "EXCEEDS_APPROVAL_LIMIT",
    "EXCEEDS_ISSUER_COUNT_LIMIT": "EXCEEDS_WITHDRAWAL_FREQUENCY_LIMIT",
    "FINANCIAL_INSTITUTION_NOT_FOUND": "INVALID_ISSUER",
    "INVALID_AMOUNT_OR_CURRENCY": "INVALID_AMOUNT",
    "INVALID_INSTRUMENT": "INVALID_ACCOUNT_NUMBER",
    "NEGATIVE_RESULTS": "INVALID_CVV",
    "NOT_SUFFICIENT_FUNDS": "INSUFFICIENT_FUNDS",
    "NO_SUCH_ISSUER": "INVALID_ISSUER",
    "REFER_TO_CARD_ISSUER": "CALL_ISSUER",
    "RE_ENTER_TRANSACTION": "RESUBMIT_TRANSACTION",
    "STOP_PAYMENT_ORDER": "PAYMENT_STOPPED",
    "SUSPECTED_FRAUD": "FRAUD_DETECTED",
    "TRANSACTION_DOES_NOT_FULFILL_AML_REQUIREMENT": "ISSUER_POLICY_VIOLATION",
    "UNABLE_TO_LOCATE_RECORD": "INVALID_ACCOUNT_NUMBER",
}
_FAMILIES = {
    "LOST_CARD_": "LOST_OR_STOLEN_CARD",
    "PICK_UP_CARD_": "PICK_UP_CARD",
    "STOLEN_CARD_": "LOST_OR_STOLEN_CARD",
}
_ASK_THE_ISSUER = "Please contact card issuer for more information."
_OF_CARDS = {
    "ALLOWABLE_NUMBER_OF_PIN_ENTRY_TRIES_EXCEEDED": "The maximum permitted number of PIN entry attempts has been "
    "exceeded. Please use another payment method.",
    "CALL_ISSUER": _ASK_THE_ISSUER,
    "CANNOT_VERIFY_PIN": "The PIN is invalid or missing. Please try again with the correct PIN.",
    "CARD_AUTHENTICATION_FAILED": _ASK_THE_ISSUER,
    "CRYPTOGRAPHIC_ERROR_FOUND_IN_PIN": "The supplied PIN is invalid.",
    "DO_NOT_HONOR": _ASK_THE_ISSUER,
    "ERROR": "Please attempt transaction again but if it still cannot be processed try again at a later time",
    "EXCEEDS_APPROVAL_LIMIT": "Transaction violates issuer amount limit. Please contact card issuer for more "
    "information or try with another card.",
    "EXCEEDS_WITHDRAWAL_FREQUENCY_LIMIT": "Please attempt with another card or contact card issuer for more "
    "information.",
    "EXPIRED_CARD": "The expiration date is expired or missing. Please correct and try again.",
    "FILE_TEMPORARILY_NOT_AVAILABLE": _ASK_THE_ISSUER,
    "FRAUD_DETECTED": _ASK_THE_ISSUER,
    "INCORRECT_PIN": "The PIN is invalid or missing. Please try again with the correct PIN.",
    "INSUFFICIENT_FUNDS": "Card issuer has declined the transaction as it does not have sufficient funds.",
    "INVALID_ACCOUNT_NUMBER": "The account number does not exist. Please make sure the account number is correct or "
    "contact your issuer.",
    "INVALID_AMOUNT": "Transaction violates network amount limit.",
    "INVALID_CVV": "Invalid security code.",
    "INVALID_ISSUER": "The issuer can not be found. Please check card number to ensure it is valid.",
    "INVALID_MERCHANT": "Merchant not permitted for this transaction type",
    "INVALID_TRANSACTION": "Issuing bank does not support this transaction type on this card. Please contact card "
    "issuer for more information.",
    "ISSUER_INOPERATIVE": "Please attempt transaction again and contact card issuer if it still cannot be processed.",
    "ISSUER_POLICY_VIOLATION": "This transaction does not fulfill compliance requirements and cannot be processed.",
    "LOST_OR_STOLEN_CARD": _ASK_THE_ISSUER,
    "NO_ACTION_TAKEN": _ASK_THE_ISSUER,
    "NO_CHECKING_ACCOUNT": "The card is not tied to a checking account and thus cannot be processed. Please try "
    "another card.",
    "NO_CREDIT_ACCOUNT": "Issuer has declined the transaction because the card is not a credit account. Please try "
    "another card.",
    "NO_SAVINGS_ACCOUNT": "The card is not tied to a savings account and thus cannot be processed. Please try another "
    "card.",
    "PAYMENT_STOPPED": _ASK_THE_ISSUER,
    "PICK_UP_CARD": _ASK_THE_ISSUER,
    "RESTRICTED_CARD": "Card not supported in this region or country. Please contact card issuer for more information.",
    "RESUBMIT_TRANSACTION": "Please attempt transaction again and contact card issuer if it still cannot be processed.",
    "SURCHARGE_AMOUNT_NOT_SUPPORTED": "The supplied surcharge amount is not supported by the issuer.",
    "TRANSACTION_AMOUNT_EXCEEDS_PREAUTHORIZED_APPROVAL_AMOUNT": "Transaction violates amount limit.",
    "TRANSACTION_NOT_COMPLETED_LAW_VIOLATION": "The transaction cannot be completed because it violates a law.",
    "TRANSACTION_NOT_PERMITTED": "Transaction not permitted to cardholder. Please contact card issuer for more "
    "information.",
}
"""By our code, the documented words for a push that fails, or a pull."""

CODES = frozenset(_MESSAGES)
DISABLING = frozenset({"CARD_ACCOUNT_CLOSED", "INVALID_ACCOUNT_NUMBER", "LOST_OR_STOLEN_CARD", "PICK_UP_CARD"})
"""The instrument is of no use any more: it is disabled with the payment that failed."""


def normalise(code: str) -> tuple[str, str]:
    """Our code for a provider's, and a sentence for a person. A code that we do not know keeps its name."""
    ours = _ALIASES.get(code) or _family(code) or code
    return ours, _MESSAGES.get(ours, _MESSAGES["GENERIC_DECLINE"])


def documented(code: str) -> str:
    """What is documented to be said of a push or pull that fails with a provider's code; empty where nothing is."""
    return _OF_CARDS.get(normalise(code)[0], "")


def _family(code: str) -> str | None:
    return next((ours for start, ours in _FAMILIES.items() if code.startswith(start)), None)
