"""Handouts for a class: notebooks without their answers, and a table of the answers that come back.

What a notebook's exercise is, and how a run is made, belong to explore/ and report/.
"""

from typing import TYPE_CHECKING

from workbench.lazily import lazily

if TYPE_CHECKING:
    from workbench.classroom.grading import grade as grade
    from workbench.classroom.handout import make_handout as make_handout

__all__, __getattr__ = lazily(__name__, handout="make_handout", grading="grade")
