"""A linear layer that is not trained: its matrix as a file has it, or in codes (`model.quantised`), and made for each
product."""

from __future__ import annotations

from torch import Tensor, nn

from ontogeny.model.matrix import Matrix, times
from ontogeny.model.quantised import quantise
from ontogeny.model.quantised_kinds import QuantisedForm


class FrozenLinear(nn.Module):
    """A linear layer with a frozen matrix. Gradients go through it, and none are its own.

    `weight` and `bias` are parameters, the weight of any floating type and perhaps mapped from a file. Where there are
    `scales`, it holds codes.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.weight, self.bias = weight, bias
        self.scales: nn.Parameter | None = None
        self.blocks: nn.Parameter | None = None

    @property
    def is_plain(self) -> bool:
        """Whether `matrix` is all there is to it."""
        return self.bias is None

    @property
    def base(self) -> Matrix:
        """The frozen matrix."""
        return Matrix(self.weight, scales=self.scales, blocks=self.blocks)

    @property
    def matrix(self) -> Matrix:
        """What it multiplies with."""
        return self.base

    def keep_in(self, form: QuantisedForm) -> None:
        """Keep codes of the matrix from now on, and nothing else of it.

        Raises:
            UsageError: see `quantise`.
        """
        codes, scales, blocks = quantise(self.base.whole().detach().contiguous(), form)
        self._put(codes, scales, blocks)

    def give_back(self, weight: Tensor) -> None:
        """Have `weight` (out, in) for a matrix again."""
        self._put(weight)

    def _put(self, weight: Tensor, scales: Tensor | None = None, blocks: Tensor | None = None) -> None:
        # Parameters, and no buffers: copies of a model share their parameters.
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.scales = None if scales is None else nn.Parameter(scales, requires_grad=False)
        self.blocks = None if blocks is None else nn.Parameter(blocks, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) to (..., out)."""
        out = times(x, self.matrix)
        return out if self.bias is None else out + self.bias
