"""The event catalogue: every line syncd may log, its fields, and what to do; and the page that shows it."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "events.syncd")
COMMON_FIELDS = ("account", "run", "side")
"""May stand on every event; usually set once for a whole run."""


class Priority(IntEnum):
    """The priorities of syslog that syncd uses."""

    NOW = 3
    SOON = 4
    NOTABLE = 5
    NORMAL = 6
    DEBUG = 7


PRIORITY_MEANING = {
    Priority.NOW: "a person is needed now",
    Priority.SOON: "a person is needed soon",
    Priority.NOTABLE: "worth reading",
    Priority.NORMAL: "normal work",
    Priority.DEBUG: "for finding faults",
}

# A section, then paragraphs: id, priority, title, colon, fields; what it means; after ">", what to do about it.
TABLE = """
# The daemon

SD001 NORMAL starting: version python config accounts
  A command or the daemon starts.

SD002 NORMAL ready: accounts pid
  State is open, the lock is held, and runs are scheduled.

SD003 NOTABLE configuration reloaded: accounts changed
  The new configuration is in force.

SD004 SOON reload refused: problems first
  The new configuration has problems; the old one stays in force.
  > Run `syncd check`, mend what it lists, and reload again.

SD005 NORMAL draining: reason waiting
  The daemon was asked to stop and finishes the items it is at.

SD006 NORMAL stopped: code seconds
  The daemon has let go of everything it held.

SD007 NOW watchdog withheld: part age
  A part of the daemon has not reported for too long.
  > systemd restarts the daemon. If it comes again, send the lines before it with a report.

SD008 SOON second instance: pid
  Another syncd already serves this state; this one gives up.
  > Stop one of the two.

SD009 NOW command failed: kind file
  A fault of syncd itself ended a command.
  > Send the file it names, which holds no secrets, with a report.

SD010 NOW part failed: part kind
  A fault of syncd itself in one part of the daemon; the rest goes on.
  > Send the line with a report.

SD011 NOTABLE start missed: job late
  A scheduled start came late or was skipped; the next one makes up.

SD012 NORMAL asked: command uid
  Somebody asked the running daemon for something.

SD013 SOON request refused: uid reason
  A request over the control socket was refused.
  > Ask as root or as the user that the daemon runs as.

SD014 SOON configuration warning: key message
  The configuration works but is not as it should be.
  > Do what the message says.

SD015 NOW start failed: reason message fix
  The daemon could not start. With reason unavailable or disk_full the service manager tries again.
  > Do what the message says.

# Runs

SY101 DEBUG run started: full trigger
  A run over one account begins.

SY102 NORMAL run ended: outcome full crm_created crm_updated crm_tagged crm_untagged google_created google_updated
        google_grouped google_ungrouped linked conflicts held rejected in_doubt crm_requests google_requests seconds
        reason
  A run is over; the counts say what it did.
  > Nothing when `outcome` is ok; else see the events before it.

SY103 DEBUG nothing to do: crm_requests google_requests seconds
  A run found both sides in step.

SY104 NOW held by the brake: plan reasons leavers changed emptied
  The plan would do more than the limits allow. Nothing was written.
  > Look at `syncd plan ACCOUNT`; if it is meant, `syncd approve ACCOUNT`.

SY105 NOTABLE plan approved: plan steps
  A person released the dangerous steps of a held plan for 24 hours.

SY106 NORMAL reading everything: reason
  A side is read completely instead of only its changes.

SY107 NORMAL change feed expired: age
  The server no longer knows our place in its changes; all is read again.

SY108 NOTABLE incomplete reading: reason
  A list was cut short. Nothing was concluded from it; the run is repeated.
  > If it comes at every run, look for a proxy or a limit between syncd and the server.

SY109 SOON run failed: source reason message fix retry_in
  A run could not be finished. Nothing is lost; it is tried again.
  > Read `message` and `fix`. With `retry_in` it is tried again by itself.

SY110 DEBUG busy: source owner
  Another worker holds this login; the run comes later.

SY111 DEBUG planning again: reason attempt
  The world moved while the run was on; it reads and plans again.

SY112 NOTABLE lease lost: source
  Another worker took this login over; this one has stopped writing.

SY113 NOTABLE scope made: pair
  A missing group, or an own missing tag, was made.

SY114 NOW tag or group gone: pair
  The tag or the group of an account no longer exists. Nothing is written.
  > Decide with `syncd plan ACCOUNT`: rebuild it, or let go.

SY115 NOTABLE label changes not shown: waited
  This account's change feed does not show group changes; members are read at each run, one request more.

SY116 NORMAL reading: changed gone entered left full seconds
  A side's reading was taken over into the mirror.

# Contacts

SY201 DEBUG create sent: link intent count
  New records were asked for; the intent was stored before.

SY202 NOTABLE outcome unknown: call kind items reason
  The reply to a write was lost. It is not sent again before a reading shows whether it happened.

SY203 NORMAL adopted: link record
  A record whose creation was in doubt was found; no second one is made.

SY204 SOON twin set aside: link record
  The same contact was made twice; the twin was moved out of the group.
  > Merge the two contacts in Google.

SY205 DEBUG overwritten: link record field why
  A value was replaced; the old one is in the history.

SY206 NORMAL conflict: link field winner why
  Both sides changed one thing; the loser's value is in the history.
  > Nothing, or put the other value back with `syncd undo`.

SY207 NORMAL tie: link field winner
  Both sides changed one thing at the same time, as far as the clocks tell.

SY208 NORMAL left: link pair why
  A contact left the tag or the group; its record stays where it is.

SY209 NOTABLE merge seen: link record survivor
  Two contacts were merged; the link follows the one that is left.

SY210 SOON record rejected: link record reason
  A server refuses this contact's content. It is tried again when the content changes; the others go on.
  > Look at `syncd holds ACCOUNT` and correct the contact.

SY211 SOON contact held: link record reason candidates
  It is not clear what this contact belongs to. It waits.
  > Decide with `syncd holds` and `syncd resolve`.

SY212 NORMAL linked: link why
  Two records were recognised as one contact.

SY213 NOTABLE resolved: subject choice
  A person decided on a held contact.

SY214 NORMAL came back: link
  A contact is in tag and group again; its old link is alive.

SY215 NOTABLE stale reading: record
  A server answered with an older state than we have seen; it was not applied.

# Clocks

CK301 NOTABLE clock offset changed: source offset uncertainty before
  A server's clock moved against ours.

CK302 NOTABLE clock stepped: seconds
  This machine's clock jumped; all runs are scheduled anew.
  > Check its time synchronisation if it comes again.

CK303 SOON time zone fault: source hours
  A server's stamps are off by whole hours. They are not trusted.
  > Check the time zone of the CRM server and of its login.

CK304 SOON stamp in the future: source record ahead
  A record claims to be edited in the future. It is not trusted.
  > Check the clock of the server.

# Accounts

AC401 NOW consent needed: reason
  Google no longer accepts the stored grant. The account stands still.
  > The user connects again: `syncd connect ACCOUNT`.

AC402 NOW permission missing: scope
  The user did not grant what syncd needs.
  > Connect again and leave all boxes ticked.

AC403 NOTABLE rate limited: source retry_in
  A quota is used up; the next call waits.
  > Lengthen `daemon.interval` if it comes every day.

AC404 SOON breaker open: source failures retry_in
  A side failed repeatedly and is left alone for a while.
  > Look at the reasons in the SY109 events before it.

AC405 NORMAL breaker closed: source
  The side answers again.

AC406 NOTABLE connected: source way
  A Google account was connected.

AC407 NOTABLE disconnected: source revoked
  The grant was given back and forgotten. Every contact stays.

AC408 SOON other Google user: expected
  Somebody other than the expected user granted access; it was refused.
  > Connect again as the expected user.

AC409 NOW CRM login refused: source reason
  The CRM does not accept the login.
  > Correct it in [crm.NAME].

AC410 NOW CRM right missing: source right
  The CRM login may not do something that syncd needs.
  > Grant the right that `right` names.

AC411 NOW tag missing: pair message
  The private tag does not exist, and only its owner can make it.
  > The owner makes the tag in the CRM.

AC412 NOTABLE account state changed: before after reason
  An account's state is not what it was.

# Security

SE501 NOTABLE sign-in: user outcome address
  Somebody signed in to the console, or tried to.

SE502 NOTABLE stepped up: user outcome action
  Somebody confirmed who they are before a serious action.

SE503 SOON too many attempts: user address
  Sign-in attempts are slowed down.
  > If it was not you, look where the address comes from.

SE504 NOTABLE export: user profile rows
  Contacts left syncd as a file.

SE505 NOTABLE restore: user backup rows
  A backup was written back.

SE506 NOTABLE keys rotated: keys
  Stored secrets were sealed anew.

SE507 SOON secret readable by others: file mode
  Other users of this machine can read a file with a secret.
  > chmod 0400 the file.

SE508 NOTABLE key made: file
  The master key did not exist and was made.
  > Keep a copy of it off this machine.

# State

DB601 NOTABLE state migrated: before after seconds
  The state was brought to this version's layout.

DB602 NOW state damaged: reason
  The state cannot be trusted. Nothing is written.
  > Stop syncd, keep the file, restore the newest backup of it.

DB603 NOW disk low: free
  Too little room to remember what is done, so nothing is written to either side.
  > Make room on the disk that holds the state.

DB604 NORMAL state saved: file bytes outcome
  A copy of the state was made, or could not be.

DB605 NORMAL state tidied: rows
  History older than its time was dropped.

DB606 NOW state out of reach: reason message
  The state cannot be read or written for now. Nothing runs until it can.
  > Look at the database server or at the disk; syncd goes on by itself.

DB607 NOTABLE state in reach again: seconds
  The state answers again, and runs go on.

DB609 SOON state restored: accounts
  The state is an older copy. Both sides are read completely, and each account's first plan waits.
  > `syncd plan ACCOUNT`, then `syncd approve ACCOUNT`.

DB608 NOTABLE room again: free
  The disk has room again, and runs go on.
"""


@dataclass(frozen=True)
class Event:
    """One kind of line. `fields` are the only ones it may carry besides `COMMON_FIELDS`."""

    id: str
    title: str
    priority: Priority
    fields: tuple[str, ...]
    meaning: str
    action: str

    @property
    def message_id(self) -> str:
        """The 128-bit id by which the journal finds this event; it never changes."""
        return uuid.uuid5(NAMESPACE, self.id).hex


def _sections() -> Iterator[tuple[str, tuple[Event, ...]]]:
    for section in TABLE.strip().removeprefix("# ").split("\n\n# "):
        title, *paragraphs = section.strip().split("\n\n")
        yield title, tuple(_event(paragraph) for paragraph in paragraphs)


def _event(paragraph: str) -> Event:
    first, _, rest = paragraph.partition("\n  ")
    head, _, fields = first.partition(":")
    name, priority, title = head.split(" ", 2)
    while rest.startswith("      "):  # the fields went on in a second line
        more, _, rest = rest.partition("\n  ")
        fields += more
    meaning, _, action = rest.partition("\n  > ")
    tidy = (" ".join(text.split()) for text in (meaning, action or "Nothing."))
    return Event(name, title, Priority[priority], tuple(fields.split()), *tidy)


SECTIONS = dict(_sections())
CATALOGUE: dict[str, Event] = {event.id: event for section in SECTIONS.values() for event in section}


def page() -> str:
    """docs/events.md, whole."""
    common = ", ".join(f"`{name}`" for name in COMMON_FIELDS)
    lines = [
        "# Events",
        "",
        "Generated by `python -m syncd.events > docs/events.md`; do not edit.",
        "",
        "Every line that syncd logs is one of these. `event` holds the id, which never changes its meaning. Under",
        "systemd the journal also has `MESSAGE_ID`, `PRIORITY` and each field as `SYNCD_<FIELD>`. Every event may also",
        f"carry {common}.",
        "",
        "| Priority | Means |",
        "|---|---|",
        *(f"| {priority.value} | {meaning} |" for priority, meaning in PRIORITY_MEANING.items()),
    ]
    for title, events in SECTIONS.items():
        lines += ["", f"## {title}", "", "| Event | Priority | Fields | Means | What to do |", "|---|---|---|---|---|"]
        lines += [_row(event) for event in events]
    lines += ["", "## Message ids", "", "| Event | MESSAGE_ID |", "|---|---|"]
    lines += [f"| {event.id} | `{event.message_id}` |" for event in CATALOGUE.values()]
    return "\n".join(lines) + "\n"


def _row(event: Event) -> str:
    fields = ", ".join(f"`{name}`" for name in event.fields)
    return f"| {event.id} {event.title} | {event.priority.value} | {fields} | {event.meaning} | {event.action} |"


if __name__ == "__main__":
    sys.stdout.write(page())
