"""The filter panels of this app's lists, where they read otherwise than the API's filters."""

from typing import Any

from api.filters import ValueFilter
from onboarding.filters import InstrumentSearch
from onboarding.portal.facts import brand_in_words
from resources.cards import BRANDS


class BrandFilter(ValueFilter):
    """A card's network, by the name it goes by."""

    class field_class(ValueFilter.field_class):  # noqa: N801 - the name is django-filter's
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.choices = self.widget.choices = [("", "All"), *((brand, brand_in_words(brand)) for brand in BRANDS)]

    def __init__(self, **options: Any) -> None:
        super().__init__(values=BRANDS, **options)


class InstrumentPanel(InstrumentSearch):
    """The documented filters as the portal asks for them."""

    brand = BrandFilter(label="Brand")
