"""What all resources share: ids, timestamps, tags, base model, refusals and row security. Knows no other package."""
