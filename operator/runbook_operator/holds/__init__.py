"""The rules for held fields that switches and enforced probes share."""
