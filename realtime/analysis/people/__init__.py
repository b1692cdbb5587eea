"""Who is who through time, at what resolution they are looked for, how well they are seen."""
