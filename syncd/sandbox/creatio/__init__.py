"""A local Creatio: OData 4, sign-in, the save handlers with their side effects, and an operator's back door.

It reproduces the traps of the real server on purpose; `docs/sandbox-creatio.md` lists each with its switch.
"""

from syncd.sandbox.creatio.profile import Profile
from syncd.sandbox.creatio.rights import User
from syncd.sandbox.creatio.server import CreatioSandbox

__all__ = ["CreatioSandbox", "Profile", "User"]
