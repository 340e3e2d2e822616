"""Speed of Lucency against the field's usual way, as ratios measured side by side in one run."""
