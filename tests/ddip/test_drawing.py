"""The overview shows the images it is given."""

import matplotlib.pyplot as plt
import numpy as np
import torch

from petrecon.ddip import draw_overview


def test_every_image_of_the_chain_is_drawn_under_its_label():
    chain = {f"$x_{k}$": torch.full((6, 5), float(k)) + torch.eye(6, 5) for k in range(4)}
    fig = draw_overview(chain, torch.eye(6, 5) * 7, torch.eye(6, 5) * 8, torch.rand(9, 4))
    shown = [(ax.get_title(), ax.images[0].get_array()) for ax in fig.axes]
    for label, picture in chain.items():
        assert any(title == label and np.array_equal(a, picture.T.numpy()) for title, a in shown)
    assert sum(title == "MR" for title, _ in shown) == 2
    assert {"counts $y$", r"$\hat x_0$"} <= {title for title, _ in shown}
    assert {t.get_text() for t in fig.texts} >= {"(a) adapt, twice per level", "(b) sample, once per level"}
    plt.close(fig)
