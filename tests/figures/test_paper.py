"""The paper's table and figures, from whatever models there are."""

import csv

import numpy as np

from alphagan import figures
from alphagan.figures import paper
from alphagan.metrics.pca import joint_pca

SIZE = 16
AFFINE = np.diag([5.0, 6.0, 5.0, 1.0])


def brains(*names, n=6):
    import torch

    generator = torch.Generator().manual_seed(0)
    grid = torch.stack(torch.meshgrid(*3 * [torch.linspace(-1, 1, SIZE)], indexing="ij"))
    inside = grid.square().sum(0) < 0.8
    return {name: torch.where(inside, torch.rand(n, SIZE, SIZE, SIZE, generator=generator), -1.0) for name in names}


def estimate(value):
    return {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 32}


def test_table_1_has_the_papers_rows_in_its_order(tmp_path):
    names = ["real", "alpha_wgan_gp", "mean_brain", *[name for name in paper.TABLE_1 if name != "real"]]
    metrics = {name: {metric: estimate(0.5) for metric in paper.COLUMNS} for name in names}
    rows = paper.table_1(metrics, {"alpha_wgan_gp": 128}, "x (simulated)")
    assert [row["model"] for row in rows] == [
        *("WGAN-GP", "VAE-GAN", "α-GAN", "α-WGAN-GP, short code", "α-WGAN-GP", "α-WGAN-GP, long code"),
        *("α-WGAN-GP, detail", "Real"),
    ]
    assert [row["paper: MMD, ×10⁻⁴"] for row in rows] == [
        "0.327",
        "0.075",
        "0.131",
        "0.211",
        "0.072",
        "0.108",
        "-",
        "-",
    ]
    assert [row["paper: MS-SSIM"] for row in rows] == [
        "0.996",
        "0.972",
        "0.843",
        "0.927",
        "0.829",
        "0.867",
        "-",
        "0.846",
    ]
    assert (rows[4]["paper: z"], rows[4]["z"], rows[7]["z"]) == ("1000", "128", "-")
    assert rows[0]["MS-SSIM"] == "0.5 [0.4, 0.6], n = 32"
    paper.save_table(rows, tmp_path / "new" / "table_1")
    with open(tmp_path / "new" / "table_1.csv", newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == rows
    lines = (tmp_path / "new" / "table_1.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 + 8
    assert {line.count("|") for line in lines} == {len(rows[0]) + 1}


def labels(figure):
    return [text.get_text() for text in figure.texts]


def test_figure_2_is_in_the_papers_order():
    names = "wgan_gp", "alpha_wgan_gp_detail", "alpha_wgan_gp_z100", "alpha_gan", "alpha_wgan_gp", "real"
    figure = paper.figure_2(brains(*names), AFFINE)
    assert [text for text in labels(figure) if text not in ("Sagittal", "Coronal", "Axial", "Figure 2")] == [
        *("Real", "α-WGAN-GP", "α-WGAN-GP\ndetail", "α-GAN", "WGAN-GP"),
    ]


def test_figures_without_their_models_are_none():
    alone, explained = brains("real", "alpha_wgan_gp_small"), [0.5, 0.2]
    projections = {name: np.zeros((3, 2)) for name in alone}
    assert paper.figure_2(alone, AFFINE) is None
    assert paper.figure_s1(alone, AFFINE) is None
    assert paper.figure_3("a", projections, explained) is None
    assert paper.figure_s3("tumour_t2", projections, explained) is None
    assert paper.figure_4("stroke", brains("real", "wgan_gp"), AFFINE) is None
    assert paper.figure_s4_to_s6("stroke", brains("real", "wgan_gp"), AFFINE) is None


def test_figure_3_shows_its_models_on_common_axes():
    sets = brains("real", "alpha_wgan_gp", "wgan_gp", "vae_gan", "alpha_gan", "alpha_wgan_gp_z100")
    assert paper.parts_of_3(sets) == ["a", "b", "c"]
    assert paper.parts_of_3(brains("real", "alpha_wgan_gp")) == ["a"]
    projections, explained = joint_pca(sets)
    shown = {}
    for part in "abc":
        axes = paper.figure_3(part, projections, explained).axes[0]
        shown[part] = [text.get_text().partition(" (n")[0] for text in axes.get_legend().get_texts()]
        assert f"{100 * explained[0]:.1f} %" in axes.get_xlabel()
    assert shown == {
        "a": ["Real", "WGAN-GP", "VAE-GAN", "α-WGAN-GP"],
        "b": ["Real", "α-GAN", "α-WGAN-GP"],
        "c": ["Real", "α-WGAN-GP, short code", "α-WGAN-GP"],
    }


def test_figure_4_is_yellow_and_blue_for_tumours_and_grey_for_strokes():
    maps = {}
    for cohort in paper.DISEASED:
        figure = paper.figure_4(cohort, brains("real", "alpha_wgan_gp"), AFFINE)
        maps[cohort] = {image.get_cmap().name for axes in figure.axes for image in axes.images} - {"viridis"}
    assert maps == {"tumour_flair": {"yellow_blue"}, "tumour_t2": {"yellow_blue"}, "stroke": {"gray"}}


def test_figure_4_goes_through_the_lesion():
    sets = brains("real", "alpha_wgan_gp")
    sets = {name: np.full((2, 16, 16, 16), 120, np.uint8) for name in sets}
    for volumes in sets.values():
        volumes[:, 3:6, 9:12, 5:8] = 60
    shown = [image for axes in paper.figure_4("stroke", sets, AFFINE).axes for image in axes.images]
    shown = [image for image in shown if image.get_array().ndim == 2]  # without the ground that nilearn lays below
    assert len(shown) == 2 * 2 * 3
    for image, axis in zip(shown, [0, 1, 2] * 4, strict=True):
        picture = image.get_array()[:: 1 if image.origin == "lower" else -1]
        cut = sets["real"][0].take([4, 10, 6][axis], axis).T.astype(np.float32) / 127.5 - 1
        np.testing.assert_allclose(picture, cut, atol=1e-6)


def test_figure_s1_has_a_panel_for_each_model():
    figure = paper.figure_s1(brains("real", "vae_gan", "alpha_wgan_gp"), AFFINE)
    assert [text for text in labels(figure) if text.startswith("(")] == ["(a) Real", "(b) α-WGAN-GP", "(c) VAE-GAN"]
    assert [text for text in labels(figure) if text in ("SAG", "COR", "AXI")] == ["SAG", "COR", "AXI"] * 3


def test_figure_s2_is_the_baselines_of_diseased_cohorts():
    alone = {"stroke": brains("real", "alpha_wgan_gp")}
    assert paper.figure_s2(alone, {"stroke": AFFINE}, {"stroke": "s"}) is None
    some = {"stroke": brains("real", "wgan_gp"), "tumour_t2": brains("real")}
    figure = paper.figure_s2(some, {"stroke": AFFINE}, {"stroke": "s (simulated)"})
    assert "stroke\nWGAN-GP" in labels(figure)
    assert figure.get_suptitle() == "Figure S2: s (simulated)"


def test_figures_s3_to_s6(tmp_path):
    sets = brains("real", "alpha_wgan_gp")
    assert "S3 (b)" in paper.figure_s3("tumour_t2", *joint_pca(sets)).axes[0].get_title()
    for cohort, place in paper.DISEASED.items():
        figure = paper.figure_s4_to_s6(cohort, sets, AFFINE, "x")
        assert figure.get_suptitle() == f"Figure {place.supplement.upper()}: x"
    figures.save(figure, tmp_path / "s6")
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".pdf"}
