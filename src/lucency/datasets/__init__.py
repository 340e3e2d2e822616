"""Folder -> Manifest -> audited -> split -> prepared. Import from the modules; this one stays light."""
