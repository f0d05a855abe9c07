"""All data sets for training by name, and those that ship with scikit-learn or Python; `generated` has the others."""

import functools
import platform
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.data import generated
from workbench.data.photographs import PHOTOGRAPHS, photograph
from workbench.data.splits import Dataset, described
from workbench.operator import checked_choice

SIDE, REGION = 16, 4  # pixels of a patch's side; a region has 4 x 4 patches
STRETCH = 8  # consecutive paragraphs of a page that stay in one part
WORD, SHORTEST, RARE = r"[a-z]{2,}", 20, 3  # a paragraph has 20 words or more, a word is in 3 paragraphs or more
UCI = "UCI Machine Learning Repository, by way of scikit-learn"
LARS = "Efron and others, Least angle regression, 2004, by way of scikit-learn"
MEASURED = {  # what, source, licence
    "breast cancer": ("cell nuclei of 569 tumours; the class is malignant or benign", UCI, "CC BY 4.0"),
    "wine": ("chemical measurements of 178 wines; the class is the grower", UCI, "CC BY 4.0"),
    "diabetes": ("442 patients; y is (progress of the disease after a year - 150) / 75", LARS, "not stated"),
}


def digits(*, images: bool = False) -> Dataset:
    """Return 1797 digits as 64 grey values in [0, 1], or with `images` in the shape (1, 8, 8)."""
    from sklearn.datasets import load_digits

    found = load_digits()
    x = (found.images[:, None] if images else found.data) / 16
    words = {"what": "handwritten digits, 8 x 8 grey values", "split": "at random; who wrote a digit is not recorded"}
    return described("digits", x, found.target, "0123456789", None, source=UCI, licence="CC BY 4.0", **words)


def measurements(name: str) -> Dataset:
    """Return the data set with one of the names in MEASURED; for "diabetes", y is (progress in a year - 150) / 75."""
    from sklearn import datasets

    what, source, licence = MEASURED[checked_choice("name", name, MEASURED)]
    found = getattr(datasets, f"load_{name.replace(' ', '_')}")()
    y, classes = ((found.target - 150) / 75, ()) if name == "diabetes" else (found.target, found.target_names.tolist())
    words = {"split": "at random: each example is from another patient or bottle", "source": source}
    return described(name, found.data, y, classes, None, what=what, licence=licence, **words)


def patches(*, height: int = 427) -> Dataset:
    """Return patches (patches, 1, 16, 16) of two photographs of a height in pixels; the class is the photograph.

    Patches do not overlap, but those of a region, 4 x 4 patches, resemble each other: `groups` has the regions.
    """
    grey = np.stack([photograph(name, height) for name in PHOTOGRAPHS])
    rows, columns = (length // SIDE for length in grey.shape[1:])
    x = grey[:, : rows * SIDE, : columns * SIDE].reshape(2, rows, SIDE, columns, SIDE).swapaxes(2, 3)
    picture, row, column = np.indices((2, rows, columns)).reshape(3, -1)
    regions = (picture * rows + row // REGION) * columns + column // REGION
    what = "patches of two photographs, 16 x 16 grey values; the class is the photograph"
    words = {"split": "by region: neighbouring patches show the same thing", "licence": "CC BY 2.0"}
    source = "photographs of scikit-learn, by the Flickr users danielbuechele and vultilion"
    x, classes = x.reshape(-1, 1, SIDE, SIDE), [name.removesuffix(".jpg") for name in PHOTOGRAPHS]
    return described("patches", x, picture, classes, regions, what=what, source=source, **words)


def documentation(*, classes: int = 10) -> Dataset:
    """Return word counts of paragraphs of pages of Python's documentation, `pydoc_data.topics`; the class is the page.

    Pages repeat each other: a paragraph counts once, for the longest page that has it. The `classes` pages with most
    paragraphs are kept. As the page is the class, `groups` has stretches of eight consecutive paragraphs of a page.
    """
    from pydoc_data.topics import topics

    from sklearn.feature_extraction.text import CountVectorizer

    owner: dict[str, str] = {}
    for page in sorted(topics, key=lambda page: (-len(topics[page]), page)):
        for paragraph in re.split(r"\n\s*\n", topics[page].lower()):
            if len(re.findall(WORD, paragraph)) >= SHORTEST:
                owner.setdefault(" ".join(paragraph.split()), page)
    pages = {page: [text for text in owner if owner[text] == page] for page in dict.fromkeys(owner.values())}
    kept = sorted(sorted(pages, key=lambda page: -len(pages[page]))[:classes])
    y, place = np.array([(y, place) for y, page in enumerate(kept) for place in range(len(pages[page]))]).T
    vectorizer = CountVectorizer(token_pattern=WORD, min_df=RARE)
    x = vectorizer.fit_transform([text for page in kept for text in pages[page]]).toarray().astype(np.float32)
    what = "word counts of paragraphs of Python's documentation; the class is the page"
    split = "by stretches of eight paragraphs: neighbours speak of the same thing"
    source = f"pydoc_data.topics of Python {platform.python_version()}; another version has another text"
    words = {"split": split, "source": source, "licence": "Python Software Foundation License"}
    return described("documentation", x, y, kept, y * len(owner) + place // STRETCH, what=what, **words)


_PICTURES = (digits, patches)
_TEXTS = (documentation, generated.topics, generated.id_lists)
_WAVES = (generated.autoregressive, generated.vowels, generated.bursts)
DATASETS: dict[str, Callable[..., Dataset]] = {
    **{name: functools.partial(measurements, name) for name in MEASURED},
    **{function.__name__.replace("_", " "): function for function in (*_PICTURES, *_TEXTS, *_WAVES)},
    "cylinder-bell-funnel": generated.cylinder_bell_funnel,
    **{kind: functools.partial(generated.plane, kind) for kind in generated.PLANES},
}


def load(name: str, **options: Any) -> Dataset:
    """Return a data set by its name in DATASETS; `options` go to its function: generators take `seed`, `examples`."""
    return DATASETS[checked_choice("name", name, DATASETS)](**options)
