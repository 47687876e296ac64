"""Small classifiers of all kinds, built in PyTorch, exported both ways, with PyTorch's own derivatives beside them."""

from .convolutional import CONVOLUTIONAL
from .published import PUBLISHED
from .unusual import UNUSUAL

NETS = {net.name: net for net in (*CONVOLUTIONAL, *UNUSUAL, *PUBLISHED)}
