"""The doors on the web: an API for a program and a page for a person."""
