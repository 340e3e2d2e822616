"""From numbers to figures and pages; knows nothing of models."""
