"""One file for each concern of HTTP that holds for every route, as plain ASGI classes."""
