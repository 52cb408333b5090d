"""The demo's applications, and the businesses and buyers on them: planned, and then made through the services."""

from onboarding.demo.making import Made, began_at, make
from onboarding.demo.plan import BUSIEST, Business, Buyer, Card, Fate, Plan, plan

__all__ = ["BUSIEST", "Business", "Buyer", "Card", "Fate", "Made", "Plan", "began_at", "make", "plan"]
