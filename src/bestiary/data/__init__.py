"""What goes into a model and comes out of it: text as token ids, images, trajectories, and readers of them."""
