"""Pictures as files: there for what a run has, the same every time, and holding what they are about."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import pytest
from PIL import Image

from tasks.report.charts.gallery import pictures
from tasks.report.charts.palette import DARK
from tests.tasks.report.examples_of_facts import facts

SAYS = {
    "funnel": ("collect", "27 too easy", "3 unreadable reply", "60.0% of all"),
    "difficulty": ("gate 5", "too easy", "kept"),
    "spread": ("standard deviation",),
    "topics": ("Algebra", "Matrices", "60"),
    "contamination": ("MATH500", "0.6%", "the same text"),
    "answer-types": ("number", "55 \u00b7 91.7%"),
    "solution-lengths": ("64",),
    "spend": ("USD", "rate"),
    "gpu-hours": ("3.00 h", "useful"),
    "map-1": ("this data set",),
}


def words(svg: bytes) -> str:
    return "\n".join(ElementTree.fromstring(svg).itertext())  # noqa: S314 - made by matplotlib just now


def test_there_is_a_picture_for_all_that_there_is() -> None:
    assert set(pictures(facts())) == set(SAYS)
    assert set(pictures(facts(hours=[], novelty=[], contamination=None, topics={}))) == set(SAYS) - {
        *("gpu-hours", "map-1", "contamination", "topics")
    }


@pytest.mark.parametrize("name", SAYS)
def test_a_picture_says_what_it_shows(name: str) -> None:
    told = words(pictures(facts())[name].svg())
    for said in SAYS[name]:
        assert said in told


def test_the_same_facts_give_the_same_bytes() -> None:
    assert pictures(facts())["spend"].svg() == pictures(facts())["spend"].svg()


def test_on_the_page_every_colour_has_a_dark_one() -> None:
    drawn = pictures(facts())["funnel"].themed().decode()
    body = drawn.split("</style>", 1)[1]
    assert not [light for light in DARK if light in body]
    assert "var(--c0)" in body


def test_a_png_is_a_picture_on_white() -> None:
    image = Image.open(io.BytesIO(pictures(facts())["answer-types"].png())).convert("RGB")
    assert image.width > 900
    assert image.getpixel((0, 0)) == (255, 255, 255)
    assert len(set(image.get_flattened_data())) > 10
