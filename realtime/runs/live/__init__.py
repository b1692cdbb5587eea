"""Live runs: captured, analysed, drawn and recorded on threads that never wait for each other."""
