"""The story, one file a verb; rooms meet only here."""
