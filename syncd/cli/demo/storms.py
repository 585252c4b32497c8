"""Scenes of bad weather: a lost reply, a kill -9 in the middle of a run, and a side that was emptied by mistake."""

from __future__ import annotations

from syncd.cli.demo.days import BOTH
from syncd.cli.demo.play import Play, Scene
from syncd.cli.demo.sight import Sight, crm_contacts, google_contacts, places
from syncd.cli.demo.stage import ANNA
from syncd.sandbox.faults import Rule

BATCH_CREATE = r"people:batchCreateContacts"
HANG_SECONDS = 60.0
"""Longer than the story needs; the daemon is dead before."""
MINUTES_ON = 3


# ------------------------------------------------------------------------------------------------- a lost reply

_LOST = ("Zoë Quist",)


def _lost(play: Play) -> Sight:
    return places(play.stage, ANNA, _LOST)


def _lost_reply(play: Play) -> None:
    play.did("Anna, in the CRM", "adds Zoë Quist and tags her")
    play.stage.crm_contact("Zoë", "Quist", by=ANNA.account, email="zoe@quist.example")
    play.did("the network", "loses Google's answer to the request that makes her there")
    play.stage.google.faults.add(Rule("drop", "POST", BATCH_CREATE))
    first = play.sync(ANNA)
    doubts = sum(report["in_doubt"] for report in first)
    play.note("syncd cannot know whether she was made. It does not send again; it looks first.")
    play.settle()
    seen = play.look()
    play.check(
        "the answer was lost, and the run said so", ok=play.stage.google.faults.hits["drop"] == 1 and doubts == 1
    )
    found = seen.rows["Zoë Quist"] == BOTH and play.found_again() == 1
    play.check("the next one found her by the marker it had put on her", ok=found)
    play.check("she is there once, and there is no twin", ok=_once(play, _LOST))


def _once(play: Play, names: tuple[str, ...]) -> bool:
    return all(
        len(crm_contacts(play.stage, name)) == len(google_contacts(play.stage, ANNA, name)) == 1 for name in names
    )


# ------------------------------------------------------------------------------------------------- kill -9

_NEW = ("Amal Haddad", "Björn Lind")
_MOVED = ("Chidi Eze",)


def _killed(play: Play) -> Sight:
    return places(play.stage, ANNA, (*_NEW, *_MOVED))


def _kill(play: Play) -> None:
    play.stage.google.faults.add(Rule("hang", "POST", BATCH_CREATE, delay=HANG_SECONDS))
    play.did("Anna, in the CRM", f"adds {_NEW[0]} and {_NEW[1]} and tags them")
    for name in _NEW:
        given, _, family = name.partition(" ")
        play.stage.crm_contact(given, family, by=ANNA.account, email=f"{family.lower()}@example.com")
    play.did("Anna, on her phone", f"adds {_MOVED[0]} in the group")
    play.stage.google_contact(ANNA, *_MOVED[0].split(), email="eze@example.com")
    inside = play.kill_inside(lambda: all(google_contacts(play.stage, ANNA, name) for name in _NEW), ANNA)
    play.did("kill -9", "hits the daemon while it waits for Google's answer to its request")
    half = places(play.stage, ANNA, (*_NEW, *_MOVED))
    play.show("killed", half)
    play.did("the operator", "starts the daemon again")
    play.stage.start_daemon()
    play.settle()
    seen = play.look()
    play.check("the daemon died inside the request: Google had carried it out, and syncd did not know", ok=inside)
    undone = half.rows[_MOVED[0]] != BOTH
    play.check("part of the work was still undone then", ok=undone)
    play.check("the next run finished it", ok=all(cells == BOTH for cells in seen.rows.values()))
    play.check("what the dead daemon had made was found by its marker", ok=play.found_again() == len(_NEW))
    play.check("nobody is there twice", ok=_once(play, (*_NEW, *_MOVED)))


# ------------------------------------------------------------------------------------------------- the brake


def _everybody(play: Play) -> Sight:
    return places(play.stage, ANNA, tuple(sorted(contact["Name"] for contact in play.stage.tagged(ANNA).values())))


def _brake(play: Play) -> None:
    user, group = play.stage.google.user(ANNA.email), play.stage.group(ANNA)
    members, tagged = list(play.stage.grouped(ANNA)), play.stage.tagged(ANNA)
    play.did("Anna, on her phone", f"selects all {len(members)} contacts and takes them out of the group by mistake")
    for resource in members:
        user.remove_from_group(resource, group)
    (report,) = play.sync(ANNA)
    seen = play.look()
    plan = [row for row in play.stage.ask({"command": "plan", "accounts": [ANNA.account]}) if "tally" in row]
    play.note(f"syncd says: {report.get('message', 'nothing')}")
    for row in plan:
        play.note(
            f"The plan counts {row['tally'].get('leavers', 0)} contacts that would lose the tag, had Anna meant it."
        )
    held = report["outcome"] == "held" and bool(plan) and bool(plan[0]["reasons"])
    play.check("the run is held, and says why", ok=held)
    still = bool(tagged) and play.stage.tagged(ANNA).keys() == tagged.keys()
    play.check(f"nothing was written: all {len(tagged)} still have the tag in the CRM", ok=still)
    play.did("Anna, on her phone", "puts them back")
    for resource in members:
        user.add_to_group(resource, group)
    (after,) = [r for r in play.settle() if r["account"] == ANNA.account]
    back = after["outcome"] == "ok" and all(cells == BOTH for cells in _everybody(play).rows.values())
    play.check("the next run goes on as if nothing had happened", ok=back and len(seen.rows) >= 6)


STORMS = (
    Scene(
        "A lost reply makes no twin",
        "This is how contacts are duplicated: a request is carried out, its answer is lost, and it is sent again.",
        _lost,
        _lost_reply,
    ),
    Scene(
        "kill -9 in the middle of a run",
        "syncd writes down what it is about to do before it does it, so it can be killed at any moment.",
        _killed,
        _kill,
    ),
    Scene(
        "An emptied side is held by the brake",
        "A slip of the thumb must not cost anybody a day. A plan that takes away too much waits for a person.",
        _everybody,
        _brake,
    ),
)
