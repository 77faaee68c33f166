"""Twilio's webhooks: inbound messages and receipts, believed only with a good signature."""
