"""The story: who is in it, and its scenes in the order in which they are played."""

from __future__ import annotations

from syncd.cli.demo.days import EVERYDAY
from syncd.cli.demo.play import Scene
from syncd.cli.demo.stage import ANNA, BEN, Stage
from syncd.cli.demo.storms import STORMS

SCENES: tuple[Scene, ...] = (*EVERYDAY, *STORMS)

OPENING = [
    "Two sandbox servers on this machine play the CRM (Creatio) and Google; nothing",
    "leaves it. Anna and Ben use one CRM and have a Google account each. syncd is the",
    "real daemon, and every figure below is read from the two servers and its log.",
]


def people_the_stage(stage: Stage) -> None:
    """What the CRM and the two Google accounts hold when the story begins."""
    stage.crm_contact("Maria", "Okafor", by="anna", email="maria@okafor.example", mobile="+1 202 555 0101")
    stage.crm_contact("Jürgen", "Müller", by="anna", email="jm@mueller.example", work="+1 202 555 0102")
    stage.crm_contact("Ken", "Sato", by="anna", email="ken@sato.example", JobTitle="Buyer")
    shared = stage.crm_contact("Priya", "Nair", by="anna", email="priya@nair.example", mobile="+1 202 555 0104")
    stage.crm.tag(shared, stage.tags["ben"], "ben")
    stage.crm_contact("Tom", "Berg", by="ben", email="tom@berg.example", mobile="+1 202 555 0105")
    stage.crm_contact("Olga", "Petrova", by="ben", email="olga@petrova.example", tag=False)
    stage.google_contact(ANNA, "Ken", "Sato", grouped=False, email="ken@sato.example", mobile="+1 202 555 0103")
    stage.google_contact(ANNA, "Lucía", "Gómez", grouped=False, email="lucia@gomez.example")
    stage.google_contact(ANNA, "小林", "翼", grouped=False, email="kobayashi@tsubasa.example")
    stage.google_contact(BEN, "Grandma", "", grouped=False, mobile="+1 202 555 0199")
