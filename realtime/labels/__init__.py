"""Label files of several programs, read into one record and written from it."""
