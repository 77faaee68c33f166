"""Twilio: text messages, WhatsApp, RCS and Messenger by its REST interface and webhooks."""
