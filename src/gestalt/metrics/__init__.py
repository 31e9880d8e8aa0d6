"""Pure measures of pictures: structure kept, appearance reached, diversity, detection."""
