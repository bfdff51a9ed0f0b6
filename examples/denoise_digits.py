"""Train a denoising model on handwritten digits, and let a Gibbs array generate new ones: some minutes on two cores.

    python examples/denoise_digits.py --help

Four Boltzmann machines of 20 × 20 cells learn to undo a quarter of the noise each. Then two machines generate digits of
each class: an ideal one, and an array of cells that only go some of the way to a fresh draw in a phase. Beside how good
the digits are it is told what the array took for them. The picture shows digits on their way out of the noise, and the
training image that is nearest to each.

The array is nobody's: a torus of 20 × 20 cells with the times and prices of gibbs-g12-illustrative.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import pbits
from hardware_models import gibbs
from pbits.learning import TrainingPlan, frechet_distance, generate, nearest, train_denoiser
from pbits.mapping import Grid
from pbits.models import DenoisingModel, ForwardProcess

CLASSES = 10
RULES, SIDE = "G24", 20


def digits():
    """Training images and classes, test images and classes; black is +1."""
    images, labels = load_digits(return_X_y=True)
    spins = np.where(images >= 8, 1, -1).astype(np.int8)
    train, test, train_labels, test_labels = train_test_split(
        spins, labels, test_size=0.2, stratify=labels, random_state=0
    )
    return train, train_labels, test, test_labels


def array():
    """A torus that holds one layer."""
    base = pbits.load("gibbs-g12-illustrative")
    return gibbs.Array(
        rules=RULES, rows=SIDE, cols=SIDE, torus=True, tau_s=1e-7, phase_s=base.timing.phase_s,
        read_s=base.timing.read_s, program_s=base.timing.program_s, prices=base.prices,
        name=f"a {RULES} torus of {SIDE} × {SIDE} cells",
    )  # fmt: skip


def draw(steps, train, path):
    """Rows: x^T … x^0, and the nearest training image; columns: classes."""
    _, layers, pixels = steps.shape
    side = int(np.sqrt(pixels))
    close, differing = nearest(steps[:, -1], train)
    fig, axes = plt.subplots(layers + 1, len(steps), figsize=(0.75 * len(steps), 0.85 * (layers + 1)))
    for column, path_of_one in enumerate(steps):
        for row, image in enumerate([*path_of_one, train[close[column]]]):
            ax = axes[row, column]
            ax.imshow(image.reshape(side, side), cmap="Greys", vmin=-1, vmax=1, interpolation="nearest")
            ax.set(xticks=[], yticks=[])
        axes[-1, column].set_xlabel(f"{differing[column]} differ", fontsize=7)
    for row in range(layers):
        axes[row, 0].set_ylabel(f"x$^{layers - 1 - row}$", rotation=0, labelpad=10, va="center")
    axes[-1, 0].set_ylabel("nearest\ntraining\nimage", rotation=0, labelpad=22, va="center", fontsize=7)
    fig.tight_layout(pad=0.4)
    fig.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=100, help="over the training images, of each layer")
    parser.add_argument("--sweeps", type=int, default=64, help="of a layer, in training and in use")
    parser.add_argument("--each", type=int, default=100, help="images of a class to generate")
    parser.add_argument("--quick", action="store_true", help="two layers and two epochs: to see that it runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkpoint", type=Path, help="file to go on from, written after every epoch")
    parser.add_argument("--picture", type=Path, default=Path("denoise_digits.png"))
    given = parser.parse_args()
    layers, epochs = (2, 2) if given.quick else (given.layers, given.epochs)

    train, train_labels, test, test_labels = digits()
    model = DenoisingModel.on_grid(
        Grid.named(RULES, SIDE, SIDE, torus=True), data=train.shape[1], classes=CLASSES, label_copies=10,
        process=ForwardProcess.linear(layers), seed=0,
    )  # fmt: skip
    plan = TrainingPlan(epochs=epochs, sweeps=given.sweeps)
    trained = train_denoiser(
        model, train, train_labels, plan=plan, seed=given.seed, checkpoint=given.checkpoint, progress=True
    )
    print(f"{trained}\nautocorrelation after {plan.sweeps} sweeps, by layer: {trained.autocorrelations[-1].round(3)}")

    network = MLPClassifier((128,), alpha=1e-3, max_iter=300, random_state=0).fit(train, train_labels)
    pixels = PCA(32, random_state=0).fit(train)
    print(f"a classifier of real digits is right on {network.score(test, test_labels):.1%} of the test images;")
    floor = frechet_distance(pixels.transform(train), pixels.transform(test))
    print(f"training images have a Fréchet distance of {floor:.2f} to the test images")

    asked = np.tile(np.arange(CLASSES), given.each)
    lazy = array()
    runs = (("the ideal machine", "ideal", 1), (lazy.name, lazy, 1), (lazy.name, lazy, 3))
    for name, machine, times in runs:
        made = generate(trained.model, labels=asked, sweeps=times * plan.sweeps, machine=machine, seed=given.seed)
        distance = frechet_distance(pixels.transform(made.samples), pixels.transform(test))
        print(
            f"{name}, {times * plan.sweeps} sweeps a layer: {network.score(made.samples, asked):.1%} recognised, "
            f"Fréchet distance {distance:.2f}"
        )
        if made.joules is not None:
            print(
                f"  {made.joules_per_sample:.3g} J and {made.device_time_per_sample_s:.3g} s an image, of {len(asked)} "
                "on one array that is programmed for each layer"
            )
        if machine == "ideal":
            draw(made.steps[:, :CLASSES].transpose(1, 0, 2), train, given.picture)
            print(f"the picture is {given.picture}")

    cost = gibbs.Stack(array=lazy, model=trained.model).cost(sweeps=3 * plan.sweeps, batch=10**6)
    print(
        f"{layers} arrays side by side, a million images between programmings: {cost.joules_per_sample.value:.3g} J "
        f"and {cost.device_time_per_sample.value:.3g} s an image; cells alone, by T·K·cells·E: "
        f"{cost.published.value:.3g} J"
    )


if __name__ == "__main__":
    main()
