"""Slack's way in: buttons and commands, over HTTP or Socket Mode, and what is done about them."""
