"""What detectors and bad cameras do to faces, on any device."""

from __future__ import annotations

import torch
from emotion_net import SIZE
from torch import Tensor
from torch.nn import functional as F

SMALLEST, LARGEST = 12, 40
"""px of faces that are shrunk: those of people at the back of a room."""


class Augment:
    """Turns, shifts, scales, shrinks, darkens, blurs with noise and covers faces.

    Args:
        strength: 0 to 1.
        device: Where the faces are.
        seed: Of its random numbers.
    """

    def __init__(self, strength: float, device: torch.device, seed: int) -> None:
        self.strength, self.device = strength, device
        self.generator = torch.Generator(device).manual_seed(seed)

    def __call__(self, faces: Tensor) -> Tensor:
        """Faces (N, 1, 48, 48) in 0..255, changed; the shape stays."""
        return self._covered(self._noisy(self._exposed(self._shrunk(self._moved(faces)))))

    def _uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, device=self.device, generator=self.generator)

    def _moved(self, x: Tensor) -> Tensor:
        n, much = len(x), 0.5 + 0.5 * self.strength
        angle = much * self._uniform(-0.3, 0.3, n)
        scale = 1 + much * self._uniform(-0.2, 0.2, n)
        aspect = self._uniform(0.92, 1.08, n)
        flip = torch.where(self._uniform(0, 1, n) < 0.5, -1.0, 1.0)
        theta = torch.zeros(n, 2, 3, device=self.device)
        theta[:, 0, 0] = flip * scale * aspect * angle.cos()
        theta[:, 0, 1] = -scale * angle.sin() * flip
        theta[:, 1, 0] = scale * angle.sin()
        theta[:, 1, 1] = scale / aspect * angle.cos()
        theta[:, :, 2] = much * self._uniform(-0.12, 0.12, n, 2)
        grid = F.affine_grid(theta, [n, 1, SIZE, SIZE], align_corners=False)
        return F.grid_sample(x, grid, padding_mode="border", align_corners=False)

    def _shrunk(self, x: Tensor) -> Tensor:
        chosen = torch.randperm(len(x), device=self.device, generator=self.generator)
        for part in chosen[: round(0.4 * self.strength * len(x))].chunk(8):
            side = int(self._uniform(SMALLEST, LARGEST, 1))
            small = F.interpolate(x[part], (side, side), mode="bilinear", antialias=True)
            x[part] = F.interpolate(small, (SIZE, SIZE), mode="bilinear")
        return x

    def _exposed(self, x: Tensor) -> Tensor:
        gamma = (self.strength * self._uniform(-0.4, 0.4, len(x))).exp()[:, None, None, None]
        return 255 * (x.clamp(0, 255) / 255) ** gamma

    def _noisy(self, x: Tensor) -> Tensor:
        noise = torch.randn(x.shape, device=self.device, generator=self.generator)
        often = self._uniform(0, 1, len(x)) < 0.3 * self.strength
        return x + (often * self._uniform(0, 12, len(x)))[:, None, None, None] * noise

    def _covered(self, x: Tensor) -> Tensor:
        n = len(x)
        across = torch.arange(SIZE, device=self.device).float()[None]
        sides = []
        for _ in range(2):
            side = self._uniform(6, 20, n)
            start = self._uniform(0, 1, n) * (SIZE - side)
            sides.append((across >= start[:, None]) & (across < (start + side)[:, None]))
        often = self._uniform(0, 1, n) < 0.35 * self.strength
        inside = (sides[0][:, :, None] & sides[1][:, None, :] & often[:, None, None])[:, None]
        return torch.where(inside, 255 * self._uniform(0, 1, n)[:, None, None, None], x)
