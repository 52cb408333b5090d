"""The two histories: `event` rows (what changed: outbox, timeline) and `audit` rows (who did what). Append-only."""
