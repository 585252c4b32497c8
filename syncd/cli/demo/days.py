"""Scenes of everyday use: onboarding, the first run, contacts and edits crossing, two edits at once, leaving."""

from __future__ import annotations

from datetime import UTC, datetime

from syncd.cli.demo.play import Play, Scene
from syncd.cli.demo.sight import NOTHING, Sight, crm_contacts, google_contacts, places, values
from syncd.cli.demo.stage import ANNA, BEN, EMAIL, MOBILE
from syncd.core.contact import AccountName, Field, Unit
from syncd.core.ports import HistoryRow

TAGGED, GROUPED = "tagged", "in the group"
BOTH = (TAGGED, GROUPED)


# ------------------------------------------------------------------------------------------------- onboarding


def _grants(play: Play) -> Sight:
    """Whose Google account syncd may use, by its own state and by the user ids of Google."""
    with play.app() as app:
        known = {row.name: row.google for row in app.store.accounts()}
    rows = {}
    for player in play.stage.players:
        source = known.get(AccountName(player.account))
        right = source == f"google:{play.stage.google.user(player.email).sub}"
        rows[player.name] = (player.email, "connected" if right else "not connected")
    return Sight("user", ("Google account", "syncd"), rows)


def _onboarding(play: Play) -> None:
    for player in play.stage.players:
        play.did(player.name, f"runs `syncd connect {player.account}` and says yes on Google's page in the browser")
        play.stage.connect(player)
    play.did("the operator", "starts the daemon with `syncd run`")
    play.stage.start_daemon()
    seen = play.look()
    asked = [e for e in play.stage.google.log if e["path"] == "/o/oauth2/v2/auth" and e["status"] in (302, 303)]
    play.check("Google's consent page sent each browser back to syncd", ok=len(asked) == len(play.stage.players))
    play.check(
        "each account is bound to the Google user who agreed", ok=all(r[1] == "connected" for r in seen.rows.values())
    )


# ------------------------------------------------------------------------------------------------- contacts


def _all_of_both(play: Play) -> Sight:
    anna, ben = places(play.stage, ANNA, _FIRST), places(play.stage, BEN, ("Priya Nair", "Tom Berg", "Olga Petrova"))
    rows = {f"{name}": cells for name, cells in anna.rows.items()}
    rows |= {f"{name} (Ben)": cells for name, cells in ben.rows.items()}
    return Sight("contact", ("CRM", "Google"), rows)


_FIRST = ("Maria Okafor", "Jürgen Müller", "Ken Sato", "Priya Nair", "Lucía Gómez")


def _first_run(play: Play) -> None:
    made = [
        player.email for player in play.stage.players if play.stage.google.user(player.email).group_named("Creatio")
    ]
    play.did("the daemon", "looks at both sides for the first time")
    play.settle()
    seen = play.look()
    groups = [play.stage.google.user(p.email).group_named("Creatio") for p in play.stage.players]
    play.check("each Google account now has the group “Creatio”", ok=not made and all(groups))
    inside = [name for name, cells in seen.rows.items() if cells[0] == TAGGED]
    play.check("every tagged contact is in it", ok=len(inside) == 6 and all(seen.rows[n] == BOTH for n in inside))
    ken = values(play.stage, "Ken Sato", ("E-mail", "Mobile", "Job title"), (ANNA,))
    same = all(crm == google != NOTHING for crm, google in ken.rows.values())
    play.check("Ken, whom both sides knew, is one contact with what both knew of him", ok=same)
    left = seen.rows["Lucía Gómez"][1] == "there, not in the group" and seen.rows["Olga Petrova (Ben)"][1] == NOTHING
    play.check("what is neither tagged nor in the group stayed where it was", ok=left)


_MOVED = ("Lucía Gómez", "小林 翼")


def _moved(play: Play) -> Sight:
    return places(play.stage, ANNA, _MOVED)


def _into_the_group(play: Play) -> None:
    user, group = play.stage.google.user(ANNA.email), play.stage.group(ANNA)
    for name in _MOVED:
        play.did("Anna, on her phone", f"moves {name} into the group “Creatio”")
        user.add_to_group(play.resource(ANNA, name), group)
    play.settle()
    seen = play.look()
    play.check("both are in the CRM, with Anna's tag", ok=all(cells == BOTH for cells in seen.rows.values()))
    owned = [crm_contacts(play.stage, name)[0]["OwnerId"] for name in _MOVED if seen.rows[name][0] == TAGGED]
    anna = play.stage.crm.user(ANNA.account).contact_id
    play.check("they belong to Anna, not to the login syncd uses", ok=owned == [anna, anna])


# ------------------------------------------------------------------------------------------------- edits


def _edits_cross(play: Play) -> None:
    play.later(2)
    play.did("Anna, on her phone", "gives Maria a new mobile number")
    play.dial(ANNA, "Maria Okafor", "+1 202 555 0111")
    play.did("Ben, in the CRM", "gives Jürgen a new e-mail address")
    play.type_in("Jürgen Müller", EMAIL, "jurgen@mueller.example", BEN)
    play.later(1)
    play.settle()
    seen = play.look()
    play.check("the phone's edit is in the CRM", ok=seen.rows["Maria Okafor, mobile"][0] == "+1 202 555 0111")
    play.check("the CRM's edit is on the phone", ok=seen.rows["Jürgen Müller, e-mail"][1] == "jurgen@mueller.example")


def _two_contacts(play: Play) -> Sight:
    maria = values(play.stage, "Maria Okafor", ("Mobile",), (ANNA,))
    other = values(play.stage, "Jürgen Müller", ("E-mail",), (ANNA,))
    rows = {"Maria Okafor, mobile": maria.rows["Mobile"], "Jürgen Müller, e-mail": other.rows["E-mail"]}
    return Sight("field", maria.columns, rows)


def _priya(play: Play) -> Sight:
    return values(play.stage, "Priya Nair", ("E-mail", "Mobile", "Job title"), (ANNA, BEN))


def _different_fields(play: Play) -> None:
    play.later(2)
    play.did("Anna, on her phone", "gives Priya a new mobile number")
    play.dial(ANNA, "Priya Nair", "+1 202 555 0144")
    play.did("Ben, on his phone", "gives Priya a job title")
    user = play.stage.google.user(BEN.email)
    user.edit(play.resource(BEN, "Priya Nair"), organizations=[{"title": "Head of Sales", "current": True}])
    play.later(1)
    play.settle()
    seen = play.look()
    mobile, job = set(seen.rows["Mobile"]), set(seen.rows["Job title"])
    play.check("Anna's number is in all three places", ok=mobile == {"+1 202 555 0144"})
    play.check("so is Ben's job title: neither edit undid the other", ok=job == {"Head of Sales"})


def _maria_mobile(play: Play) -> Sight:
    return values(play.stage, "Maria Okafor", ("Mobile",), (ANNA,))


def _same_field(play: Play) -> None:
    early, late = "+1 202 555 0121", "+1 202 555 0122"
    play.later(2)
    play.did(f"Ben, in the CRM, at {_clock(play)}", f"changes Maria's mobile to {early}")
    play.type_in("Maria Okafor", MOBILE, early, BEN)
    play.later(5)
    play.did(f"Anna, on her phone, at {_clock(play)}", f"changes it to {late}")
    play.dial(ANNA, "Maria Okafor", late)
    play.later(1)
    play.settle()
    seen = play.look()
    lost = [row for row in play.history(ANNA) if row.kind == "conflict" and row.field == Field.PHONE]
    for row in lost[:1]:
        play.note(f"The history has: {_told(row)}")
    play.check("the later edit stands on both sides", ok=set(seen.rows["Mobile"]) == {late})
    kept = any(_digits(row.old) == _digits_of(early) and _digits(row.new) == _digits_of(late) for row in lost)
    play.check("the earlier one is not lost: the history keeps it", ok=kept)


def _told(row: HistoryRow) -> str:
    """A conflict as the history has it."""
    return f"{row.field} in {row.side.value}, {_text(row.old)} gave way to {_text(row.new)}; why: {row.why}"


def _text(unit: Unit | None) -> str:
    return "nothing" if unit is None else ", ".join(part for part in unit.value if part)


def _digits(unit: Unit | None) -> str:
    return _digits_of(_text(unit))


def _digits_of(text: str) -> str:
    return "".join(char for char in text if char.isdigit())


def _clock(play: Play) -> str:
    """The servers' time of day."""
    return datetime.fromtimestamp(play.stage.crm_clock.now(), UTC).astimezone().strftime("%H:%M")


# ------------------------------------------------------------------------------------------------- leaving


def _left_in_google(play: Play) -> Sight:
    return places(play.stage, ANNA, ("Jürgen Müller",))


def _deleted_in_google(play: Play) -> None:
    play.did("Anna, on her phone", "deletes Jürgen Müller")
    play.stage.google.user(ANNA.email).delete(play.resource(ANNA, "Jürgen Müller"))
    play.settle()
    seen = play.look().rows["Jürgen Müller"]
    play.check("the tag is off", ok=seen[0] == "there, without the tag")
    whole = len(crm_contacts(play.stage, "Jürgen Müller")) == 1
    play.check("the CRM still has the contact: nobody else lost anything", ok=whole and seen[1] == NOTHING)


def _left_in_crm(play: Play) -> Sight:
    return places(play.stage, BEN, ("Tom Berg",))


def _deleted_in_crm(play: Play) -> None:
    play.did("Ben, in the CRM", "deletes Tom Berg")
    play.stage.crm.delete("Contact", play.crm_id("Tom Berg"), BEN.account)
    play.settle()
    seen = play.look().rows["Tom Berg"]
    play.check("he is out of Ben's group", ok=seen[1] == "there, not in the group")
    phone = google_contacts(play.stage, BEN, "Tom Berg")
    mine = all("contactGroups/myContacts" in person["memberships"] for person in phone.values())
    play.check("he is still on Ben's phone, under My Contacts", ok=len(phone) == 1 and mine)


EVERYDAY = (
    Scene(
        "Two users say yes to Google",
        "Each user runs one command and agrees in the browser, once. The page, the redirect and "
        "the tokens are the real flow; only the browser is a small program here.",
        _grants,
        _onboarding,
    ),
    Scene(
        "The first run makes the group and fills it",
        "Anna and Ben have tagged contacts in the CRM, Priya both of them. Olga is not tagged. Ken is on "
        "Anna's phone already, and so is Lucía, whom the CRM does not know.",
        _all_of_both,
        _first_run,
    ),
    Scene(
        "Contacts moved into the group arrive in the CRM",
        "It works the other way round, too: what Anna puts into the group comes to the CRM with her tag.",
        _moved,
        _into_the_group,
    ),
    Scene(
        "Edits cross both ways",
        "From now on only what was changed is written to the other side.",
        _two_contacts,
        _edits_cross,
    ),
    Scene(
        "Two people edit different fields",
        "Priya is tagged by Anna and by Ben. Both edit her at the same time, each on a phone of their own.",
        _priya,
        _different_fields,
    ),
    Scene(
        "Two people edit the same field",
        "One value has to give way: the later edit wins, and the other one stays in the history.",
        _maria_mobile,
        _same_field,
    ),
    Scene(
        "Deleted in Google: the tag goes, the contact stays",
        "A user who tidies up a phone must not delete the company's data.",
        _left_in_google,
        _deleted_in_google,
    ),
    Scene(
        "Deleted in the CRM: out of the group, still on the phone",
        "Nor does somebody in the office delete what is on a user's phone.",
        _left_in_crm,
        _deleted_in_crm,
    ),
)
