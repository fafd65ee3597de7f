"""What people look at in a terminal: the table of `status` and the screen of `top`, both made of overview's rows."""
