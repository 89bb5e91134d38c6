"""The outside world: the only tree that opens sockets, reads the clock or sleeps. It decides nothing."""
