"""The shape of what clients send: Person and its fields, groups, and the bodies of each call, as one small table.

Notation: `name` is a string; `name:int`, `name:bool`, `name:Message` and `name:A|B` (an enum) are something else; `[]`
repeats it, `{}` maps strings to it, and `!` marks what Google fills in and ignores when it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass

_READ_SOURCE = (
    "READ_SOURCE_TYPE_UNSPECIFIED|READ_SOURCE_TYPE_PROFILE|READ_SOURCE_TYPE_CONTACT|READ_SOURCE_TYPE_DOMAIN_CONTACT"
    "|READ_SOURCE_TYPE_OTHER_CONTACT"
)
_SOURCE_TYPE = "SOURCE_TYPE_UNSPECIFIED|ACCOUNT|PROFILE|DOMAIN_PROFILE|CONTACT|OTHER_CONTACT|DOMAIN_CONTACT"
_OBJECT_TYPE = "OBJECT_TYPE_UNSPECIFIED|PERSON|PAGE"
_KEYWORD_TYPE = (
    "TYPE_UNSPECIFIED|OUTLOOK_BILLING_INFORMATION|OUTLOOK_DIRECTORY_SERVER|OUTLOOK_KEYWORD|OUTLOOK_MILEAGE"
    "|OUTLOOK_PRIORITY|OUTLOOK_SENSITIVITY|OUTLOOK_SUBJECT|OUTLOOK_USER|HOME|WORK|OTHER"
)
_NICKNAME_TYPE = "DEFAULT|MAIDEN_NAME|INITIALS|GPLUS|OTHER_NAME|ALTERNATE_NAME|SHORT_NAME"
_AGE = "AGE_RANGE_UNSPECIFIED|LESS_THAN_EIGHTEEN|EIGHTEEN_TO_TWENTY|TWENTY_ONE_OR_OLDER"

_ITEMS = {
    "Address": "city country countryCode extendedAddress formattedType! formattedValue poBox postalCode region"
    " streetAddress type",
    "AgeRangeType": f"ageRange:{_AGE}",
    "Biography": "contentType:CONTENT_TYPE_UNSPECIFIED|TEXT_PLAIN|TEXT_HTML value",
    "Birthday": "date:Date text",
    "BraggingRights": "value",
    "CalendarUrl": "formattedType! type url",
    "ClientData": "key value",
    "CoverPhoto": "default:bool url",
    "EmailAddress": "displayName formattedType! type value",
    "Event": "date:Date formattedType! type",
    "ExternalId": "formattedType! type value",
    "FileAs": "value",
    "Gender": "addressMeAs formattedValue! value",
    "ImClient": "formattedProtocol! formattedType! protocol type username",
    "Interest": "value",
    "Locale": "value",
    "Location": "buildingId current:bool deskCode floor floorSection type value",
    "Membership": "contactGroupMembership:ContactGroupMembership domainMembership:DomainMembership!",
    "MiscKeyword": f"formattedType! type:{_KEYWORD_TYPE} value",
    "Name": "displayName! displayNameLastFirst! familyName givenName honorificPrefix honorificSuffix middleName"
    " phoneticFamilyName phoneticFullName phoneticGivenName phoneticHonorificPrefix phoneticHonorificSuffix"
    " phoneticMiddleName unstructuredName",
    "Nickname": f"type:{_NICKNAME_TYPE} value",
    "Occupation": "value",
    "Organization": "costCenter current:bool department domain endDate:Date formattedType!"
    " fullTimeEquivalentMillipercent:int jobDescription location name phoneticName startDate:Date symbol title type",
    "PhoneNumber": "canonicalForm! formattedType! type value",
    "Photo": "default:bool url",
    "Relation": "formattedType! person type",
    "RelationshipInterest": "formattedValue! value",
    "RelationshipStatus": "formattedValue! value",
    "Residence": "current:bool value",
    "SipAddress": "formattedType! type value",
    "Skill": "value",
    "Tagline": "value",
    "Url": "formattedType! type value",
    "UserDefined": "key value",
}
_MESSAGES = {
    **{name: f"{leaves} metadata:FieldMetadata" for name, leaves in _ITEMS.items()},
    "Person": "addresses:Address[] ageRange! ageRanges:AgeRangeType[]! biographies:Biography[] birthdays:Birthday[]"
    " braggingRights:BraggingRights[] calendarUrls:CalendarUrl[] clientData:ClientData[] coverPhotos:CoverPhoto[]!"
    " emailAddresses:EmailAddress[] etag events:Event[] externalIds:ExternalId[] fileAses:FileAs[] genders:Gender[]"
    " imClients:ImClient[] interests:Interest[] locales:Locale[] locations:Location[] memberships:Membership[]"
    " metadata:PersonMetadata miscKeywords:MiscKeyword[] names:Name[] nicknames:Nickname[] occupations:Occupation[]"
    " organizations:Organization[] phoneNumbers:PhoneNumber[] photos:Photo[]! relations:Relation[]"
    " relationshipInterests:RelationshipInterest[]! relationshipStatuses:RelationshipStatus[]! residences:Residence[]"
    " resourceName sipAddresses:SipAddress[] skills:Skill[] taglines:Tagline[]! urls:Url[] userDefined:UserDefined[]",
    "PersonMetadata": f"deleted:bool! linkedPeopleResourceNames[]! objectType:{_OBJECT_TYPE}!"
    " previousResourceNames[]! sources:Source[]",
    "FieldMetadata": "primary:bool! source:Source sourcePrimary:bool verified:bool!",
    "Source": f"etag id profileMetadata:ProfileMetadata! type:{_SOURCE_TYPE} updateTime!",
    "ProfileMetadata": f"objectType:{_OBJECT_TYPE}! userTypes[]!",
    "Date": "day:int month:int year:int",
    "ContactGroupMembership": "contactGroupId! contactGroupResourceName",
    "DomainMembership": "inViewerDomain:bool",
    "ContactToCreate": "contactPerson:Person",
    "BatchCreateContactsRequest": f"contacts:ContactToCreate[] readMask sources:{_READ_SOURCE}[]",
    "BatchUpdateContactsRequest": f"contacts:Person{{}} readMask sources:{_READ_SOURCE}[] updateMask",
    "BatchDeleteContactsRequest": "resourceNames[]",
    "UpdateContactPhotoRequest": f"personFields photoBytes sources:{_READ_SOURCE}[]",
    "CopyOtherContactToMyContactsGroupRequest": f"copyMask readMask sources:{_READ_SOURCE}[]",
    "ContactGroup": "clientData:GroupClientData[] etag formattedName!"
    " groupType:GROUP_TYPE_UNSPECIFIED|USER_CONTACT_GROUP|SYSTEM_CONTACT_GROUP! memberCount:int! memberResourceNames[]!"
    " metadata:ContactGroupMetadata! name resourceName",
    "ContactGroupMetadata": "deleted:bool! updateTime!",
    "GroupClientData": "key value",
    "CreateContactGroupRequest": "contactGroup:ContactGroup readGroupFields",
    "UpdateContactGroupRequest": "contactGroup:ContactGroup readGroupFields updateGroupFields",
    "ModifyContactGroupMembersRequest": "resourceNamesToAdd[] resourceNamesToRemove[]",
}


@dataclass(frozen=True)
class Leaf:
    """One key of a message. `kind` is string, int, bool, enum or a message name."""

    kind: str
    repeated: bool = False
    mapped: bool = False
    read_only: bool = False
    choices: tuple[str, ...] = ()


def _leaf(spec: str) -> tuple[str, Leaf]:
    read_only = spec.endswith("!")
    spec = spec.removesuffix("!")
    repeated, mapped = spec.endswith("[]"), spec.endswith("{}")
    name, _, kind = spec.removesuffix("[]").removesuffix("{}").partition(":")
    if "|" in kind:
        return name, Leaf("enum", repeated, mapped, read_only, tuple(kind.split("|")))
    return name, Leaf(kind or "string", repeated, mapped, read_only)


MESSAGES = {name: dict(map(_leaf, text.split())) for name, text in _MESSAGES.items()}

_HISTORIC = {"braggingRights", "fileAses", "relationshipInterests", "relationshipStatuses", "residences", "taglines"}
_ITEM_FIELDS = {field for field, leaf in MESSAGES["Person"].items() if leaf.repeated}

READ_FIELDS = tuple(sorted(_ITEM_FIELDS - _HISTORIC | {"metadata"}))
WRITE_FIELDS = tuple(f for f in READ_FIELDS if f not in {"ageRanges", "coverPhotos", "metadata", "photos", "skills"})
SINGLETONS = frozenset({"biographies", "birthdays", "genders", "names"})
GROUP_FIELDS = ("clientData", "groupType", "memberCount", "metadata", "name")
OTHER_FIELDS = ("emailAddresses", "metadata", "names", "phoneNumbers", "photos")
COPY_FIELDS = ("emailAddresses", "names", "phoneNumbers")
