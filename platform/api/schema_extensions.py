"""What drf-spectacular cannot see by itself."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension


class BasicScheme(OpenApiAuthenticationExtension):
    target_class = "api.authentication.ApiUserAuthentication"
    name = "apiUser"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        del auto_schema
        return {"type": "http", "scheme": "basic", "description": "User id (US...) and secret of an API user."}


class LinksShape(OpenApiSerializerFieldExtension):
    target_class = "api.documents.LinksField"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        del auto_schema, direction
        href = {"type": "object", "properties": {"href": {"type": "string", "format": "uri"}}}
        return {"type": "object", "additionalProperties": href}
