"""The partner API's grammar: authentication, the one error body, HAL documents, paging, strict input, OpenAPI."""
