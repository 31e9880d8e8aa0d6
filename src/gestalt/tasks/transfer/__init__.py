"""Content moved between unpaired folders of pictures."""
