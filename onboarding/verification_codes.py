"""What the codes of an inquiry about a card mean, table by table."""

ADDRESS = {
    "D": "Address verified",
    "F": "Address verified",
    "M": "Address verified",
    "Y": "Address verified",
    "A": "Address not verified",
    "B": "Address not verified",
    "C": "Address not verified",
    "G": "Address not verified",
    "I": "Address not verified",
    "N": "Address not verified",
    "P": "Address not verified",
    "R": "Address not verified",
    "S": "Address not verified",
    "U": "Address not verified",
    "W": "Address not verified",
    "Z": "Postal/ZIP match, street addresses do not match or street address not included in request",
}
SECURITY_CODE = {
    "M": "CVV and expiration verified",
    "N": "Either CVV or expiration date is incorrect",
    "P": "Either CVV or expiration date is incorrect",
    "S": "Either CVV or expiration date is incorrect",
    "U": "Issuer does not participate in CVV2 service",
}
CARD_TYPE = {
    "C": "Credit",
    "D": "Debit",
    "H": "Charge Card",
    "P": "Prepaid",
    "R": "Deferred Debit",
}
FAST_FUNDS = {
    "B": "Fast Funds eligible for all transactions",
    "D": "Fast Funds eligible for only domestic transactions",
    "N": "Not eligible for Fast Funds",
}
PUSH_FUNDS = {
    "A": "Accepts push-to-card payments",
    "B": "Accepts push-to-card payments",
    "C": "Accepts push-to-card payments",
    "N": "Does not accept push-to-card payments",
}
GAMBLING = {
    "Y": "Blocked for online gambling payouts",
    "N": "Not blocked for online gambling payouts",
}
PRODUCT = {
    "A": "Visa Traditional", "AX": "American Express", "B": "Visa Traditional Rewards", "C": "Visa Signature",
    "D": "Visa Signature Preferred", "DI": "Discover", "DN": "Diners", "E": "Proprietary ATM", "F": "Visa Classic",
    "G": "Visa Business", "G1": "Visa Signature Business", "G2": "Visa Business Check Card",
    "G3": "Visa Business Enhanced", "G4": "Visa Infinite Business", "G5": "Visa Business Rewards",
    "I": "Visa Infinite", "I1": "Visa Infinite Privilege", "I2": "Visa UHNW", "J3": "Visa Healthcare", "JC": "JCB",
    "K": "Visa Corporate T&E", "K1": "Visa Government Corporate T&E", "L": "Visa Electron", "M": "MasterCard",
    "N": "Visa Platinum", "N1": "Visa Rewards", "N2": "Visa Select", "P": "Visa Gold", "Q": "Private Label",
    "Q1": "Private Label Prepaid", "Q2": "Private Label Basic", "Q3": "Private Label Standard",
    "Q4": "Private Label Enhanced", "Q5": "Private Label Specialized", "Q6": "Private Label Premium",
    "R": "Proprietary", "S": "Visa Purchasing", "S1": "Visa Purchasing with Fleet",
    "S2": "Visa Government Purchasing", "S3": "Visa Government Purchasing with Fleet",
    "S4": "Visa Commercial Agriculture", "S5": "Visa Commercial Transport", "S6": "Visa Commercial Marketplace",
    "U": "Visa Travel Money", "V": "Visa V PAY",
}  # fmt: skip
PRODUCT_SUBTYPE = {
    "AC": "Agriculture Maintenance Account", "AE": "Agriculture Debit Account/Electron", "AG": "Agriculture",
    "AI": "Agriculture Investment Loan", "CG": "Brazil Cargo", "CS": "Construction", "DS": "Distribution",
    "HC": "Healthcare", "LP": "Visa Large Purchase Advantage", "MA": "Visa Mobile Agent",
    "MB": "Interoperable Mobile Branchless Banking", "MG": "Visa Mobile General", "VA": "Visa Vale - Supermarket",
    "VF": "Visa Vale - Fuel", "VR": "Visa Vale - Restaurant",
}  # fmt: skip
CARD_SUBTYPE = {
    "N": "Non-Reloadable",
    "R": "Reloadable",
}
VERIFIED_ADDRESS = frozenset("DFMY")
ACCEPTS_PUSH = frozenset("ABC")
