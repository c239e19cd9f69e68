"""The HTTP API: serializers, then views; domain errors become RFC 9457 problems."""
