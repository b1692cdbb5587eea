"""Reference figures of group photos, to compare one's own with.

They come from an exploratory notebook on group emotion: 3,083 group photos from the web, faces
detected by RetinaFace and classified by DeepFace. Other photos and other networks than these, so
shapes of curves can be compared, single figures cannot.
"""

from __future__ import annotations

STABILITY = {
    2: (0.0896, 124),
    4: (0.0426, 95),
    6: (0.0274, 75),
    8: (0.0217, 57),
    10: (0.0163, 48),
    15: (0.0092, 36),
    20: (0.0060, 23),
}
"""By faces drawn: the mean JSD to the whole group (nats), and the photos with that many faces."""

ENTROPY = {
    (1, 2): (0.562, 0.446, 0.774),
    (3, 5): (1.139, 0.214, 0.491),
    (6, 10): (1.206, 0.380, 0.483),
    (11, 20): (1.352, 0.287, 0.420),
    (21, 50): (1.390, 0.262, 0.428),
}
"""By faces used: mean and standard deviation of the entropy (nats), and the mean peak."""

ENTROPY_ALL = (1.059, 0.468, 1.708)
"""Mean, standard deviation and maximum of the entropy (nats), over 150 of the photos."""
