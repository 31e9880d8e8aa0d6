"""Content, such as glasses, moved from picture to picture, learned from two folders that show no pairs."""
