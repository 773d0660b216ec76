"""The networks as a drawing (paper, figure 1)."""

from math import log2

from matplotlib.patches import FancyBboxPatch, Polygon

from alphagan.errors import InputError
from alphagan.figures.common import Figure, style

OPS = {
    "conv": ("3D convolution", "#56B4E9"),
    "cube_to_code": ("3D convolution, cube to code", "#0072B2"),
    "code_to_cube": ("Transposed 3D convolution, code to cube", "#E69F00"),
    "resize_conv": ("Nearest-neighbour ×2, 3D convolution", "#009E73"),
    "haar_conv": ("3D convolution to Haar bands, inverse transform", "#F0E442"),
    "linear": ("Fully connected", "#CC79A7"),
}
TITLES = {"E": "Encoder E", "G": "Generator G", "D": "Discriminator D", "C": "Code discriminator C"}
SYMBOLS = {
    "x_real": r"$x_\mathrm{real}$", "x_rec": r"$x_\mathrm{rec}$", "x_rand": r"$x_\mathrm{rand}$",
    "z_e": "$z_e$", "z_r": "$z_r$", "D_score": "$D(x)$", "C_score": "$C(z)$",
}  # fmt: skip
COLOURS = {"x": "#dddddd", "z": "#f7e39c", "D": "#ffffff", "C": "#ffffff"}  # by the first letter of a node

# Inches.
ROW, PITCH, NODE, ARROW, PAD = 3.2, 0.82, 0.7, 0.42, 0.12


@style(grid=False)
def architecture(networks: dict, title: str | None = None) -> Figure:
    """Draw the networks layer by layer, and what goes in and out of them.

    Parameters
    ----------
    networks : dict of str to list of dict
        Layers of "G" and "D", and of "E" and "C" where the model has them, as `alphagan.models.description.describe`
        lists them: `op` (a key of `OPS`), `n` (channels or units out), and where they apply `k`, `s`, `p` (kernel,
        stride, padding) and `cube` (side of the output, voxels; absent where the output is a code).
    title : str, optional
        Put above the drawing.

    Raises
    ------
    InputError
        If G or D is missing, or a layer is incomplete or unknown.
    """
    networks = {name: list(layers) for name, layers in networks.items()}
    _check(networks)
    codes = ["z_e", "z_r"] if "E" in networks else ["z_r"]
    images = ["x_rec", "x_rand"] if "E" in networks else ["x_rand"]
    rows = [[*(["x_real"], "E") * ("E" in networks), codes, "G", images], [["x_real", *images], "D", ["D_score"]]]
    if "C" in networks:
        rows[1] += [None, codes, "C", ["C_score"]]

    widths = [sum(_width(item, networks) for item in row) + ARROW * (len(row) - 1) for row in rows]
    header = 0.5 if title else 0.1
    width = max(7.0, max(widths) + 0.4)  # the legend needs 7
    ops = [op for op in OPS if any(layer["op"] == op for layers in networks.values() for layer in layers)]
    n_columns = int(width / 3.1)  # of the legend
    footer = 0.55 + 0.24 * -(-len(ops) // n_columns)
    height = header + 2 * ROW + footer
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height), aspect="equal")
    axes.axis("off")
    for number, row in enumerate(rows):
        _draw_row(axes, row, networks, (width - widths[number]) / 2, height - header - (number + 0.5) * ROW)
    _legend(axes, ops, n_columns, footer)
    if title:
        axes.text(width / 2, height - 0.2, title, ha="center", va="top", fontsize=14)
    return figure


def _check(networks):
    if missing := {"G", "D"} - set(networks):
        raise InputError(f"networks: lacks {', '.join(sorted(missing))}")
    for name, layers in networks.items():
        if name not in TITLES or not layers:
            raise InputError(f"networks[{name!r}]: expected G, E, D or C with at least one layer")
        for number, layer in enumerate(layers):
            needed = {"n"} if layer.get("op") == "linear" else {"n", "k", "s", "p"}
            if layer.get("op") not in OPS or not needed <= set(layer):
                raise InputError(f"networks[{name!r}][{number}]: expected op ({', '.join(OPS)}) and {sorted(needed)}")


def _width(item, networks):
    if item is None:
        return 0.0
    return NODE if isinstance(item, list) else PITCH * len(networks[item]) + 2 * PAD


def _draw_row(axes, row, networks, x, middle):
    """Draw nodes (lists), networks (letters) and arrows between them; None leaves a gap."""
    outlets = []  # right edges that the next item is fed from
    for item in row:
        width = _width(item, networks)
        if item is None:
            outlets = []
        elif isinstance(item, list):
            heights = [middle + 0.5 * (len(item) - 1) - 1.0 * number for number in range(len(item))]
            for name, y in zip(item, heights, strict=True):
                _node(axes, x, y, name)
                if name != "z_r":  # z_r is drawn at random, and comes from no network
                    _arrows(axes, outlets, (x, y))
            outlets = [(x + width, y) for y in heights]
        else:
            _network(axes, x, middle, item, networks)
            _arrows(axes, outlets, (x, middle))
            outlets = [(x + width, middle)]
        x += width + ARROW


def _arrows(axes, starts, end):
    for start in starts:
        arrow = {"arrowstyle": "-|>", "color": "#333333", "linewidth": 1.2, "shrinkA": 2, "shrinkB": 2}
        axes.annotate("", end, start, arrowprops=arrow)


def _node(axes, x, y, name):
    box = FancyBboxPatch(
        (x + 0.06, y - 0.2), NODE - 0.12, 0.4, boxstyle="round,pad=0.02,rounding_size=0.1",
        facecolor=COLOURS[name[0]], edgecolor="#333333", linewidth=1,
    )  # fmt: skip
    axes.add_patch(box)
    axes.text(x + NODE / 2, y, SYMBOLS[name], ha="center", va="center", fontsize=12)


def _network(axes, x, middle, name, networks):
    layers = networks[name]
    largest = max(layer.get("cube", 2) for layers in networks.values() for layer in layers)
    width, bottom, top = PITCH * len(layers) + 2 * PAD, middle - ROW / 2 + 0.1, middle + ROW / 2 - 0.1
    look = {"boxstyle": "round,pad=0,rounding_size=0.12", "facecolor": "#f6f6f6", "edgecolor": "#cccccc"}
    axes.add_patch(FancyBboxPatch((x, bottom), width, top - bottom, **look))
    axes.text(x + width / 2, top - 0.08, TITLES[name], ha="center", va="top", fontsize=12, fontweight="bold")
    for number, layer in enumerate(layers):
        centre = x + PAD + (number + 0.5) * PITCH
        _block(axes, centre, middle + 0.18, layer, largest)
        lines = [f"n {layer['n']}"]
        if layer["op"] != "linear":
            lines += ["k{k} s{s} p{p}".format_map(layer)]
        if "cube" in layer:
            lines += [f"{layer['cube']}³"]
        axes.text(centre, bottom + 0.62, "\n".join(lines), ha="center", va="top", fontsize=9, linespacing=1.15)


def _block(axes, x, y, layer, largest):
    """Box whose height and depth grow with the cube's edge and whose width grows with the channels."""
    cube = layer.get("cube")
    height = 0.2 + 1.4 * log2(cube) / log2(largest) if cube else 0.1 + 0.1 * log2(layer["n"])
    depth = 0.16 * height if cube else 0.0
    width = 0.08 + 0.025 * log2(layer["n"]) if cube else 0.14
    left, right = x - (width + depth) / 2, x + (width - depth) / 2
    low, high = y - (height + depth) / 2, y + (height - depth) / 2
    faces = {
        1.0: [(left, low), (right, low), (right, high), (left, high)],
        0.75: [(right, low), (right + depth, low + depth), (right + depth, high + depth), (right, high)],
        0.55: [(left, high), (right, high), (right + depth, high + depth), (left + depth, high + depth)],
    }
    for alpha, corners in faces.items():
        axes.add_patch(Polygon(corners, facecolor="white", edgecolor="none"))
        axes.add_patch(Polygon(corners, facecolor=OPS[layer["op"]][1], edgecolor="none", alpha=alpha))
        axes.add_patch(Polygon(corners, fill=False, edgecolor="#333333", linewidth=0.7, joinstyle="round"))


def _legend(axes, ops, n_columns, height):
    middle = axes.get_xlim()[1] / 2
    patches = [Polygon([(0, 0)], facecolor=OPS[op][1], edgecolor="#333333", linewidth=0.7) for op in ops]
    axes.legend(
        patches, [OPS[op][0] for op in ops], loc="upper center", bbox_to_anchor=(middle, height),
        bbox_transform=axes.transData, ncols=n_columns, fontsize=10, columnspacing=1.4,
    )  # fmt: skip
    text = "Below each layer: n channels or units, k kernel, s stride, p padding; side of the output cube in voxels"
    axes.text(middle, 0.17, text, ha="center", fontsize=9.5)
