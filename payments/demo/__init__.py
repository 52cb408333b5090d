"""The demo's payments: planned, and then made through the services."""

from payments.demo.making import Plan, make, plan
from payments.demo.sales import SALES, WAITING_MINUTES

__all__ = ["SALES", "WAITING_MINUTES", "Plan", "make", "plan"]
