"""What anatomies are drawn of: boxes, what their words are, and how the parts of each kind of model lie."""
