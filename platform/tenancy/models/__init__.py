from tenancy.models.api_users import ApiUser
from tenancy.models.applications import Application
from tenancy.models.people import Person
from tenancy.models.processors import Processor
from tenancy.models.profiles import ApplicationProfile, MerchantProfile, RiskProfile

__all__ = [
    "ApiUser",
    "Application",
    "ApplicationProfile",
    "MerchantProfile",
    "Person",
    "Processor",
    "RiskProfile",
]
