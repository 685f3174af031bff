"""What a run may do to a target."""

from gonogo.errors import GonogoError
from gonogo.model import Permission
from gonogo.targets.model import Target


def permitted(target: Target, *, allow_disruptive: bool, change_id: str) -> frozenset[Permission]:
    """The permissions of a run. Disruptive checks need --allow-disruptive, and on production two keys more.

    Raises:
        GonogoError: --allow-disruptive on production without the other two keys.
    """
    if not allow_disruptive:
        return frozenset({Permission.STATIC, Permission.LIVE})
    if target.production and not target.allow_disruptive:
        raise GonogoError(
            f"--allow-disruptive: {target.file.name} describes production and does not set `allow_disruptive: true`. "
            "Add it to the target file if disruption is really wanted, or leave the option out."
        )
    if target.production and not change_id:
        raise GonogoError(
            "--allow-disruptive on production needs a change id as well: add --change ID (the approved change record)."
        )
    return frozenset(Permission)
