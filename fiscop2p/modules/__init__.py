"""What speaks through the service: topics, node status, and modules that applications add."""
