"""What was seen: the store that the watches fill, and the world of one object read from it. Reads only."""
