"""What drf-spectacular cannot see of this app's fields by itself."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension


class DayShape(OpenApiSerializerFieldExtension):
    target_class = "onboarding.serializers.entities.DayField"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        del auto_schema, direction
        parts = {"day": (1, 31), "month": (1, 12), "year": (1800, 2200)}
        return {
            "type": "object",
            "required": list(parts),
            "properties": {
                name: {"type": "integer", "minimum": lowest, "maximum": highest}
                for name, (lowest, highest) in parts.items()
            },
        }
